"""Hosts and availability zones of a lab without power: dead at once, until somebody mends it."""

from enum import StrEnum

from lab import control
from lab.access import NotRunning, inside
from lab.lab import Lab
from lab.wait import within
from ops.lab import region

SECONDS = 60.0  # a pass of the lab may wait for a machine that boots or shuts down


class Kind(StrEnum):
    """What has power: a host (a gateway's name, or any other's), or all hosts of a zone."""

    GATEWAY = "gateway"
    ZONE = "zone"


def without(lab: Lab) -> dict[str, str]:
    """The hosts that have no power, by name, and which power is cut: their own or their zone's."""
    own, dark = region.without_power(lab)
    found: dict[str, str] = {}
    for host, instance in region.instances(lab).items():
        if instance.zone in dark:
            found[host] = f"without power, as all of zone {instance.zone}"
        elif instance.id in own:
            found[host] = "without power"
    return found


def zones(lab: Lab) -> list[str]:
    """The zones whose power is cut."""
    return sorted(region.without_power(lab)[1])


def cut(lab: Lab, kind: Kind, name: str) -> list[str]:
    """Cut the power; the hosts that end by it. LabError if there is no such host or zone."""
    before = without(lab)
    _switch(lab, kind, name, on=False)
    hosts = [host for host in without(lab) if host not in before]
    _until(lab, hosts, running=False)
    return hosts


def mend(lab: Lab, kind: Kind, name: str) -> list[str]:
    """Restore the power; the hosts that boot. LabError if it was not cut, with what is."""
    before = without(lab)
    own, dark = region.without_power(lab)
    known = region.instances(lab)
    cut_hosts = [host for host, instance in known.items() if instance.id in own]
    have = sorted(dark) if kind is Kind.ZONE else cut_hosts
    if name not in have:
        hint = before.get(name)
        said = f"{name} is {hint}" if hint else f"the power of {kind} {name} is not cut"
        there = [*(f"gateway {host}" for host in cut_hosts), *(f"zone {z}" for z in sorted(dark))]
        raise control.LabError(f"{said}; cut is the power of {', '.join(there) or 'nothing'}")
    _switch(lab, kind, name, on=True)
    after = without(lab)
    hosts = [host for host in before if host not in after]
    _until(lab, hosts, running=True)
    return hosts


def _switch(lab: Lab, kind: Kind, name: str, *, on: bool) -> None:
    if kind is Kind.ZONE:
        if name not in (known := region.zones(lab)):
            there = ", ".join(known)
            raise control.LabError(f"zone {name}: there is no such zone; there is {there}")
        region.switch(lab, "zones", name, on=on)
        return
    hosts = region.instances(lab)
    if name not in hosts:
        there = ", ".join(hosts) if hosts else "none: `pulumi up` has made none yet"
        raise control.LabError(f"gateway {name}: there is no such host; there is {there}")
    region.switch(lab, "instances", hosts[name].id, on=on)


def _until(lab: Lab, hosts: list[str], *, running: bool) -> None:
    """Wait until the machines of the hosts run, or do not."""
    known = region.instances(lab)

    def runs(host: str) -> bool:
        try:
            inside(lab, known[host].id)
        except NotRunning:
            return False
        return True

    if not within(SECONDS, lambda: all(runs(host) is running for host in hosts)):
        raise control.LabError(f"not yet: {', '.join(hosts)}; see {lab.directory}/daemon.log")

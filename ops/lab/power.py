"""Power cuts of a lab's hosts and availability zones: down at once, until power is restored."""

from collections.abc import Sequence
from enum import StrEnum

import typer

from lab import control
from lab.access import NotRunning, inside
from lab.lab import Lab
from lab.wait import within
from ops.lab import region
from ops.lab.stack import STACK

SECONDS = 60.0  # the lab's loop may be waiting for a machine that boots or shuts down
# Words before the name of a host, which may also stand alone.
HOST_WORDS = ("host", "gateway", "client")


class Kind(StrEnum):
    """The unit of a power cut: a host, or all hosts of an availability zone."""

    HOST = "host"
    ZONE = "zone"


def meant(lab: Lab, words: Sequence[str]) -> tuple[Kind, str]:
    """The kind and name of `[KIND] NAME`; BadParameter for more words or an unknown kind."""
    *kinds, name = words
    kind = kinds[0] if kinds else ""
    if len(kinds) > 1 or (kind and kind not in (*HOST_WORDS, Kind.ZONE)):
        raise typer.BadParameter(
            f"{' '.join(words)}: give a host's name, or `zone` and the name of a zone; there is "
            f"{_there(lab)}"
        )
    if kind == Kind.ZONE or (not kind and name in region.zones(lab)):
        return Kind.ZONE, name
    return Kind.HOST, name


def _there(lab: Lab) -> str:
    """The existing hosts and zones, for an error message."""
    hosts = ", ".join(region.instances(lab)) or "no host (`pulumi up` has made none yet)"
    return f"{hosts}; zone {', '.join(region.zones(lab))}"


def without(lab: Lab) -> dict[str, str]:
    """The hosts without power, by name; the text says whether their zone's power is cut."""
    own, dark = region.without_power(lab)
    found: dict[str, str] = {}
    for host, instance in region.instances(lab).items():
        if instance.zone in dark:
            found[host] = f"without power, as all of zone {instance.zone}"
        elif instance.id in own:
            found[host] = "without power"
    return found


def mended_by(lab: Lab, host: str) -> str:
    """The command that restores the power of a host."""
    zone = region.instances(lab)[host].zone
    what = f"zone {zone}" if zone in zones(lab) else f"host {host}"
    return f"./relay lab mend {what} --lab {lab.name}"


def not_running(lab: Lab, host: str) -> str:
    """The reason that a host's machine does not run, and the command to type, in a sentence."""
    if (dark := without(lab).get(host)) is not None:
        return f"{host} is {dark}: {mended_by(lab, host)}"
    return f"{host} does not run (it boots, or was stopped): {looked_at_by(lab, host)}"


def looked_at_by(lab: Lab, host: str) -> str:
    """The command that says whether a host serves: `lab status` has the own stack's alone."""
    known = region.instances(lab)
    of = known[host].stack if host in known else ""
    if of in ("", STACK):
        return f"./relay lab status --lab {lab.name}"
    return f"./relay verify --stack {of} --lab {lab.name}"


def zones(lab: Lab) -> list[str]:
    """The zones whose power is cut."""
    return sorted(region.without_power(lab)[1])


def cut(lab: Lab, kind: Kind, name: str) -> list[str]:
    """Cut the power; return the hosts that lose it. LabError if there is no such host or zone."""
    before = without(lab)
    _switch(lab, kind, name, on=False)
    hosts = [host for host in without(lab) if host not in before]
    _until(lab, hosts, running=False)
    return hosts


def mend(lab: Lab, kind: Kind, name: str) -> list[str]:
    """Restore the power; return the hosts that boot. LabError for a host whose zone has none."""
    before = without(lab)
    _switch(lab, kind, name, on=True)
    after = without(lab)
    if kind is Kind.HOST and name in after:
        raise control.LabError(not_running(lab, name))
    hosts = [host for host in before if host not in after]
    _until(lab, hosts, running=True)
    return hosts


def _switch(lab: Lab, kind: Kind, name: str, *, on: bool) -> None:
    hosts = region.instances(lab)
    if name not in (region.zones(lab) if kind is Kind.ZONE else hosts):
        raise control.LabError(f"{kind} {name}: there is no such {kind}; there is {_there(lab)}")
    if kind is Kind.ZONE:
        region.switch(lab, "zones", name, on=on)
    else:
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
        want = "has not started" if running else "still runs"
        log = f"{lab.directory}/daemon.log"
        raise control.LabError(f"{', '.join(hosts)} {want} after {SECONDS:.0f} s; see {log}")

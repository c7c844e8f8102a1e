"""The present state of a lab's hosts: a status from before a host's last boot does not count."""

from collections.abc import Sequence
from subprocess import TimeoutExpired

from common.shell import ToolError
from lab import access
from lab.access import NotRunning
from lab.lab import Lab
from ops import status
from ops.lab import power, region, stack
from ops.outputs import Host
from ops.terminal import slow

# The timeout of a command on a host.
ANSWER_SECONDS = 15.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def lacks(lab: Lab, hosts: Sequence[Host]) -> dict[str, list[str]]:
    """The reasons, by host, that it does not serve; an empty list if it does."""
    dark = power.without(lab)
    boots = {host.name: _boot(lab, host) for host in hosts if host.name not in dark}
    found = {host.name: [dark[host.name]] for host in hosts if host.name in dark}
    runs, works = region.instances(lab), stack.at_work(lab)
    with region.clients(lab) as client:
        for host in hosts:
            if host.name not in dark:
                is_there = host.name in runs and runs[host.name].id == host.instance_id
                written = _written(client, host)
                found[host.name] = _lacks(boots[host.name], is_there, written)
                if works and not is_there:
                    found[host.name] = ["being replaced: a `pulumi` works on the stack"]
    return found


def _written(client: status.Clients, host: Host) -> status.Written | str:
    try:
        return status.read(client, host)
    except status.NoStatus as error:
        return str(error)


def _lacks(boot: str, is_there: bool, written: status.Written | str) -> list[str]:
    """A host's reasons, by the id of its present boot, "" without answer, and its last status."""
    if not is_there:
        return ["its instance does not run"]
    if isinstance(written, str):
        return [written] if boot else ["booting"]
    said = written.status
    if said.boot != boot:
        return [f"booting; not heard of since {said.written}"]
    if written.is_silent:
        return [f"not heard of since {said.written}"]
    return list(said.missing)


def _boot(lab: Lab, host: Host) -> str:
    """The id of the host's present boot; "" if it does not run or answer."""
    command = ("cat", BOOT_ID)
    try:
        with slow(f"waiting for {host.name}"):
            found = access.run(lab, host.instance_id, *command, seconds=ANSWER_SECONDS)
        return found.stdout.strip()
    except (NotRunning, ToolError, TimeoutExpired):
        return ""


def why_not(lab: Lab, hosts: Sequence[Host]) -> str:
    """The problems of these hosts, with remedies, in a sentence; "" if all serve."""
    dark, lacking = power.without(lab), lacks(lab, hosts)
    found = [power.not_running(lab, host) for host in lacking if host in dark]
    found += [f"{host}: {', '.join(w)}" for host, w in lacking.items() if w and host not in dark]
    return "; ".join(found)

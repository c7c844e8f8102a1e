"""Whether an old selector can be retired, by checks of DNS and hosts, not by its age."""

import datetime

from agent.host_status import SILENT_SECONDS
from ops.outputs import Domain
from ops.status import Written
from ops.target import Target
from ops.verify import dkim, hosts
from ops.verify.probes import vantage
from ops.verify.world import World


def objections(
    target: Target, domain: str, newest: str, now: datetime.datetime, wait: datetime.timedelta
) -> list[str]:
    """Reasons that mail may still need selectors before `newest`; a host without status is one.

    `wait` is for how long mail may carry an old selector after the switch.
    """
    wanted = target.outputs()
    found: list[str] = []
    probes = vantage(target, wanted)
    world = World(probes.names, wanted)
    checked = dkim.check(world, Domain(name=domain, selectors=(newest,)), newest)
    found += [problem.text for problem in checked.errors]
    if checked.skipped:
        found.append(f"{newest} could not be looked at: {checked.skipped}")
    for gateway in wanted.gateways:
        try:
            written = probes.status_of(gateway)
        except hosts.NoAccess as error:
            found.append(f"it is not known what {gateway.name} signs with: {error}")
        else:
            found += of_signer(target, gateway.name, domain, newest, written, now, wait)
    return found


def of_signer(
    target: Target,
    gateway: str,
    domain: str,
    newest: str,
    written: Written,
    now: datetime.datetime,
    wait: datetime.timedelta,
) -> list[str]:
    """The reasons in a gateway's status."""
    status = written.status
    if written.seconds > SILENT_SECONDS:
        silent = f"{gateway} has said nothing of itself for {written.seconds / 60:.0f} minutes"
        return [f"{silent}: it is not known what it signs with"]
    signing = status.signing.get(domain)
    if signing != newest:
        old = f"{gateway} signs {domain} with {signing or 'nothing'} still"
        return [f"{old}; it takes {newest} by itself, a minute or two after the `up`: try again"]
    found = []
    if status.tables.problem:
        # the signer may not have read the tables that are installed
        found.append(f"{gateway} has trouble with its tables: {status.tables.problem}")
    since = status.signing_since.get(domain)
    if not since:
        return [*found, f"{gateway} does not say since when it signs {domain} with {newest}"]
    age = now - datetime.datetime.fromisoformat(since)
    if age < wait:
        found.append(f"{gateway} signs {domain} with {newest} only since {since}")
    if status.queue.messages and status.queue.seconds > age.total_seconds():
        found.append(
            f"mail from before {newest} waits in the queue of {gateway}: ./relay queue list "
            f"{target.option}"
        )
    return found

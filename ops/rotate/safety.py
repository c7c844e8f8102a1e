"""Whether an old selector can be given up: asked of the world, not of the calendar."""

import datetime

from ops.target import Target
from ops.verify import dkim, hosts, zones
from ops.verify.expected import Domain, expected
from ops.verify.place import place
from ops.verify.world import World


def objections(
    target: Target, domain: str, newest: str, made: datetime.datetime, now: datetime.datetime
) -> tuple[list[str], str]:
    """Why mail could still need the selectors before `newest`, whose record was made at `made`.

    The second part says what could not be asked: "" if all could.
    """
    wanted = expected(target.outputs())
    found: list[str] = []
    with place(target, wanted) as here:
        world = World(here.names, wanted)
        zone = wanted.zone_of(domain)
        zones.check(world, zone)
        checked = dkim.check(world, Domain(name=domain, selectors=(newest,)), newest)
        found += [problem.text for problem in checked.errors]
        if checked.skipped:
            found.append(f"{newest} could not be looked at: {checked.skipped}")
        try:
            status = here.status_of(wanted.gateway).status
        except hosts.NoAccess as error:
            return found, f"it is not known what {wanted.gateway.name} signs with: {error}"
    signing = status.signing.get(domain)
    if signing != newest:
        found.append(f"{wanted.gateway.name} signs {domain} with {signing or 'nothing'} still")
    if status.queue.messages and status.queue.seconds > (now - made).total_seconds():
        found.append(
            f"mail from before {newest} waits in the queue of {wanted.gateway.name}: "
            "./relay queue list"
        )
    return found, ""

"""The load balancer for 587 and 465: the addresses of its name, and each gateway through it."""

from collections.abc import Iterator

from ops.outputs import Host
from ops.verify import ports
from ops.verify.hosts import NoAccess
from ops.verify.probes import Probes
from ops.verify.result import Result
from ops.verify.talk import READY, SUBMISSION, SUBMISSIONS, SmtpSession, probe
from ops.verify.world import World, shown

# The load balancer chooses a target by the client's address and port. With so many sessions for
# each gateway, fewer than one of 3,000 runs miss one of eight gateways by chance.
SESSIONS = 8


def check(world: World, probes: Probes) -> Iterator[Result]:
    """Check the name at the zone's servers, then both ports of each gateway through it."""
    expected = world.expected
    name = expected.submission.host
    result, addresses = _check_alias(world, name)
    yield result
    if not addresses:
        return
    found = {p: _sessions(world, probes, p, addresses) for p in (SUBMISSION, SUBMISSIONS)}
    for gateway in expected.taking:
        seen = [port for port in found if gateway.name in found[port]]
        for port in seen:
            reached = ports.check(gateway, port, found[port].pop(gateway.name))
            reached.seen.insert(0, f"through {name}")
            yield reached
        if len(seen) < len(found) and not any("" in sessions for sessions in found.values()):
            yield _unseen(world, probes, gateway)
    for port, sessions in found.items():
        for greeting, session in sessions.items():
            yield _nobodys(name, port, greeting, session)


def _check_alias(world: World, name: str) -> tuple[Result, list[str]]:
    """Check that the name has the load balancer's addresses; return the addresses to connect to."""
    result = Result("submission", name)
    answers = [a for a in world.at_servers(name, "A").values() if not a.problem]
    if not answers:
        result.skipped = f"the name servers of {world.expected.zone_of(name)} come first"
        return result, []
    found = sorted({value for answer in answers for value in answer.values})
    result.seen.append(", ".join(found))
    own = world.expected.submission.load_balancer or ""
    wanted = world.names.resolve(own, "A")
    if not found:
        result.error("submission-missing", f"there is no {name} A", "pulumi up --refresh")
    elif wanted.values and (foreign := sorted(set(found) - set(wanted.values))):
        text = f"{name} leads to {shown(foreign)}, which is not the load balancer ({own})"
        result.error("submission-foreign", text, "pulumi up --refresh")
    # other addresses are reported already
    return result, [address for address in found if address in wanted.values] or found


def _sessions(
    world: World, probes: Probes, port: int, addresses: list[str]
) -> dict[str, SmtpSession]:
    """Sessions through the load balancer, by the name in the gateway's greeting.

    "" has a session without the greeting 220.
    """
    expected, found = world.expected, dict[str, SmtpSession]()
    wanted = {gateway.name for gateway in expected.taking}
    for number in range(SESSIONS * len(wanted)):
        there = expected.entrances[0].model_copy(
            update={"address": addresses[number % len(addresses)]}
        )
        session = probe(probes.connect, probes.trust, there, port, [ports.ELSEWHERE])
        code, text = session.greeting
        found.setdefault(text.split(" ")[0].lower() if code == READY else "", session)
        if wanted <= set(found) or ("" in found and number >= len(addresses)):
            break
    return found


def _unseen(world: World, probes: Probes, gateway: Host) -> Result:
    """The result for a gateway that no connection reached, on one port or on both."""
    result = Result("submission", gateway.name)
    try:
        why = probes.target_of(gateway, world.expected.submission.target_groups)
    except NoAccess as error:
        why = f"AWS cannot be asked why ({error})"
    result.warn(
        "submission-without",
        f"the load balancer sends nothing to {gateway.name}: "
        f"{why or 'by its own account it does, and none of the connections came there'}",
    )
    return result


def _nobodys(name: str, port: int, greeting: str, session: SmtpSession) -> Result:
    """The result for a connection that reached no gateway that takes mail."""
    result = Result("submission", f"{name}:{port}")
    if greeting:
        text = f"{name}:{port} leads to {greeting}, which is to take no mail"
        result.error("submission-foreign", text, "pulumi up --refresh")
        return result
    code, text = session.greeting
    said = session.closed or session.broken or f"{code} {text}"
    result.error(
        "submission-closed",
        f"{name}:{port} takes no connection: {said}",
        "The load balancer's security group and its targets: pulumi up --refresh",
    )
    return result

"""The name by which mail programs and clients reach several gateways."""

from collections.abc import Iterator

from ops.verify.ports import OTHER_NAME
from ops.verify.probes import Probes
from ops.verify.result import Result
from ops.verify.talk import SUBMISSIONS, probe
from ops.verify.world import World, shown

# Route53 gives at most so many of a name's multivalue answers.
ANSWERS = 8


def check(world: World, probes: Probes) -> Iterator[Result]:
    """Check the addresses of the name, and that each gateway has a certificate for it."""
    expected = world.expected
    name = expected.submission.host
    if name in {gateway.name for gateway in expected.gateways}:
        return
    yield _check_answers(world, name)
    for gateway in expected.taking:
        session = probe(
            probes.connect, probes.trust, gateway.model_copy(update={"name": name}), SUBMISSIONS
        )
        # the check of the port reports all other errors
        if session.distrust and session.distrust.verify_code == OTHER_NAME:
            result = Result("submission", f"{name} at {gateway.name}")
            result.error(
                "submission-certificate",
                f"its certificate is not for {name}: {session.distrust.verify_message}",
                f"On {gateway.name}: systemctl status mail-relay-certificate",
            )
            yield result


def _check_answers(world: World, name: str) -> Result:
    """Check that the name has the gateways that serve, by Route53's health checks, and no other."""
    result = Result("submission", name)
    zone = world.expected.zone_of(name)
    if alias := world.names.resolve(name, "CNAME").values:
        text = f"{name} is a CNAME of {alias[0]}, and leads to no gateway of the stack by itself"
        remedy = f"In the zone {zone}, delete it; then `pulumi up --refresh` sets the A records"
        result.error("submission-alias", text, remedy)
        return result
    if extra := world.names.resolve(name, "AAAA").values:
        result.warn(
            "submission-ipv6",
            f"{name} AAAA: {', '.join(extra)}; no gateway has IPv6, and programs try it first",
            f"In the zone {zone}, delete the AAAA record",
        )
    answers = [a for a in world.at_servers(name, "A").values() if not a.problem]
    if not answers:
        result.skipped = f"the name servers of {zone} come first"
        return result
    found = {value for answer in answers for value in answer.values}
    wanted = {gateway.address: gateway.name for gateway in world.expected.taking}
    result.seen.append(", ".join(sorted(found)))
    if not found:
        result.error("submission-missing", f"there is no {name} A", "pulumi up --refresh")
    if foreign := sorted(found - set(wanted)):
        text = f"{name} leads to {shown(foreign)}, which is no gateway"
        result.error("submission-foreign", text, "pulumi up --refresh")
    if len(wanted) <= ANSWERS and (lost := sorted(set(wanted) - found)) and found:
        names = ", ".join(wanted[address] for address in lost)
        result.warn(
            "submission-without",
            f"{name} does not lead to {names}: Route53's health check gets no answer from its "
            f"port {SUBMISSIONS}, or got none until a minute ago",
        )
    return result

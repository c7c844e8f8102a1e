"""SPF of the domains, and the shared record of the gateways' addresses that they include."""

from collections.abc import Sequence

from mail import spf
from ops.outputs import Domain, Outputs
from ops.verify.result import Result
from ops.verify.world import World, shown

# An address that nobody has (RFC 1112, 4): a policy that lets it pass lets everybody pass.
NOBODY = "240.0.0.1"
# The policy of a domain that sends no mail (RFC 7208, 10.1.2).
NOBODY_SENDS = "v=spf1 -all"


def policies(values: Sequence[str]) -> list[str]:
    """The SPF policies among TXT values, normalized (RFC 7208, 4.5)."""
    plain = [" ".join(value.split()) for value in values]
    return sorted(v.lower() for v in plain if v.lower() == "v=spf1" or v.lower()[:7] == "v=spf1 ")


def others(values: Sequence[str]) -> list[str]:
    """The TXT values that are no SPF policies."""
    return sorted(value for value in values if not policies([value]))


def nobody_sends(expected: Outputs, domain: Domain) -> bool:
    """Whether the domain's policy in the stack lets nobody send as it."""
    wanted = expected.record(domain.name, "TXT")
    return wanted is not None and policies(wanted.values) == [NOBODY_SENDS]


def parked(expected: Outputs, domain: Domain) -> bool:
    """Whether nobody is to send as the domain, by its policy and by the logins and clients."""
    given = [address for addresses in expected.send_as.values() for address in addresses]
    allowed = {address.rpartition("@")[2] for address in (*given, *expected.unreachable)}
    return nobody_sends(expected, domain) and domain.name not in allowed


def check_shared(world: World) -> list[Result]:
    """Check policies that are neither a host's nor a domain's: those that domains include."""
    known = {h.name for h in world.expected.hosts} | {d.name for d in world.expected.domains}
    results = []
    for record in world.expected.records:
        if record.kind == "TXT" and record.name not in known and policies(record.values):
            result = Result("spf", record.name)
            if world.compare(result, record, "spf", policies):
                result.seen.append(policies(record.values)[0])
            results.append(result)
    return results


def check(world: World, domain: Domain, shared: Sequence[Result]) -> tuple[Result, str]:
    """Check the domain's policy; return also the SPF result of our mail (RFC 7208, 2.6).

    Of several gateways, the first that does not pass counts.
    """
    result = Result("spf", domain.name)
    wanted = world.expected.record(domain.name, "TXT")
    if wanted is None:
        result.skipped = "the stack publishes none"
        return result, "none"
    right = world.compare(result, wanted, "spf", policies)
    _check_others(world, domain, result)
    if nobody_sends(world.expected, domain):
        result.seen.append(f"{NOBODY_SENDS}: nobody sends as it")
        return result, "fail"
    sender = f"postmaster@{domain.name}"
    gateways = world.expected.gateways
    got = {g.address: world.evaluate(g.address, sender, g.name) for g in gateways}
    cost = world.evaluate(NOBODY, sender, gateways[0].name)
    results = ", ".join(f"{evaluation.result} for {address}" for address, evaluation in got.items())
    result.seen.append(
        f"{results}; {cost.look_ups} of {spf.LOOK_UPS} look-ups, "
        f"{cost.void_look_ups} of {spf.VOID_LOOK_UPS} void"
    )
    address, evaluation = min(got.items(), key=lambda item: item[1].result == "pass")
    if first := [r.subject for r in shared if r.status != "ok"]:
        result.skipped = f"its evaluation: {', '.join(first)} comes first"
    elif right:
        _check_evaluation(result, evaluation, cost, policies(wanted.values)[0], address)
    return result, evaluation.result


def _check_evaluation(
    result: Result, evaluation: spf.Evaluation, cost: spf.Evaluation, policy: str, address: str
) -> None:
    domain = result.subject
    setting = (
        f"Change domains[].spf.mechanisms of {domain} and run `pulumi up`; now it is: {policy}"
    )
    if cost.look_ups > spf.LOOK_UPS:
        text = f"{domain}: {cost.look_ups} look-ups, {spf.LOOK_UPS} are allowed (RFC 7208, 4.6.4)"
        result.error("spf-look-ups", text, setting)
    elif cost.void_look_ups > spf.VOID_LOOK_UPS:
        text = f"{domain}: {cost.void_look_ups} names that it looks up are not there, "
        result.error("spf-void-look-ups", f"{text}{spf.VOID_LOOK_UPS} are allowed", setting)
    elif evaluation.result != "pass":
        text = f"{address} gets {evaluation.result} as {domain} {evaluation.problem}".rstrip()
        result.error("spf-result", text, setting)
    elif cost.result in ("permerror", "temperror"):  # in terms after the one that passes
        text = f"{domain} as a whole gives {cost.result}: {cost.problem}"
        result.error("spf-result", text, setting)
    elif cost.result == "pass":
        result.error("spf-open", f"{domain}: every address passes", setting)


def _check_others(world: World, domain: Domain, result: Result) -> None:
    """Check the other strings of the apex: the stack manages the record set as a whole."""
    wanted = world.expected.record(domain.name, "TXT")
    answers = world.at_servers(domain.name, "TXT").values()
    values = next((a.values for a in answers if a.values), ())
    if wanted is None or not values:
        return
    if missing := sorted(set(others(wanted.values)) - set(others(values))):
        text = f"{domain.name} TXT is without {shown(missing)}"
        zone = world.expected.zone_of(domain.name)
        result.error("txt-missing", text, f"In the zone {zone}: " + "\n".join(wanted.lines()))
    if extra := sorted(set(others(values)) - set(others(wanted.values))):
        result.warn(
            "txt-extra",
            f"{domain.name} TXT has {shown(extra)}, which `pulumi up --refresh` takes away",
            f"To keep it, list it in domains[].txt of {domain.name}",
        )

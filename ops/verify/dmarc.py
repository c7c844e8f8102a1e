"""DMARC: the policy, whether our mail passes, and whether reports are authorized."""

from collections.abc import Sequence

from mail import dmarc, names
from ops.outputs import Domain
from ops.verify import spf
from ops.verify.result import Result
from ops.verify.world import World


def records(values: Sequence[str]) -> list[str]:
    """The policy records among TXT values, normalized; others do not count (RFC 9989, 4.10)."""
    meant = [value for value in values if dmarc.tags(value) or value.startswith("v=DMARC1")]
    return sorted(_form(value) for value in meant)


def _form(value: str) -> str:
    found = dmarc.tags(value)
    return "; ".join(f"{tag}={text}" for tag, text in found.items()) if found else value


def _fault(value: str) -> str:
    try:
        dmarc.read(value)
    except ValueError:
        return "malformed"
    return "differs"


def check(world: World, domain: Domain, spf_result: str, keys: Sequence[Result]) -> Result:
    """Check the domain's policy; `keys` are the results of its DKIM selectors."""
    result = Result("dmarc", domain.name)
    wanted = world.expected.record(dmarc.name(domain.name), "TXT")
    if wanted is None:
        result.skipped = "the stack publishes none"
        return result
    if not world.compare(result, wanted, "dmarc", records, _fault):
        return result
    policy = dmarc.read(wanted.values[0])
    test = f", applied as {policy.applied} while t=y" if policy.test else ""
    result.seen.append(f"p={policy.policy}{test}")
    if spf.parked(world.expected, domain):
        result.seen.append("nobody sends as it")
        _check_all_reports(world, result, domain.name, policy)
        return result
    walked = dmarc.organizational_by_walk(domain.name, world.policies_at)
    if walked != (listed := dmarc.organizational(domain.name)):
        result.seen.append(
            f"its organizational domain is {walked} by the tree walk of RFC 9989, {listed} by the "
            "Public Suffix List of older receivers"
        )
    _check_passes(world, result, domain.name, policy, spf_result, any(not k.errors for k in keys))
    _check_all_reports(world, result, domain.name, policy)
    return result


def _check_all_reports(world: World, result: Result, domain: str, policy: dmarc.Policy) -> None:
    for address in policy.reports:
        _check_reports(world, result, domain, address)


def _check_passes(
    world: World, result: Result, domain: str, policy: dmarc.Policy, spf_result: str, signed: bool
) -> None:
    """Check that mail has an SPF or DKIM pass with a domain that is aligned with that of From:.

    The gateway restricts envelope sender and From: to those of the login, and signs with the domain
    of From:. Its own mail comes from its host name and is signed by the domain above it: receivers
    of both standards must find these aligned (RFC 9989, 4.10.2; RFC 7489, 3.1).
    """
    smarthost, authors = world.expected.smarthost, {domain: spf_result}
    for gateway in world.expected.gateways:
        if names.parent(gateway.name) == domain:
            authors[gateway.name] = world.evaluate(gateway.address, "", gateway.name).result
    for author, by_spf in authors.items():
        aligned = dmarc.aligned(author, domain, policy.strict_dkim, world.policies_at)
        ways = ["DKIM"] if signed and aligned else []
        if smarthost:
            ways.append(f"SPF if it names the addresses of {smarthost.host}")
        elif by_spf == "pass":
            ways.insert(0, "SPF")
        result.seen.append(f"mail from {author} passes by {' and '.join(ways) or 'nothing'}")
        if not ways:
            result.error(
                "dmarc-fails",
                f"mail from {author} fails DMARC (p={policy.policy}): SPF gives {by_spf}, and no "
                "aligned DKIM key is usable",
                "Put SPF and DKIM right, as their checks say",
            )


def _check_reports(world: World, result: Result, domain: str, address: str) -> None:
    """Check that a domain elsewhere authorizes reports about ours (RFC 9990)."""
    elsewhere = address.rpartition("@")[2]
    if dmarc.aligned(elsewhere, domain, False, world.policies_at):
        return
    name = dmarc.report_authorization(domain, elsewhere)
    answer = world.names.resolve(name, "TXT")
    if answer.problem:
        result.warn("dmarc-reports", f"{name} TXT: {answer.problem}")
    elif not any(value.strip().startswith("v=DMARC1") for value in answer.values):
        result.warn(
            "dmarc-reports",
            f"{elsewhere} does not say that it takes reports about {domain}: none are sent to "
            f"{address}",
            f'Whoever keeps {elsewhere} adds: {name}. 300 IN TXT "v=DMARC1"\n'
            f"Or name an address of {domain} in domains[].dmarc.reports",
        )
    else:
        result.seen.append(f"reports to {address} are allowed by {elsewhere}")

"""DKIM: the published key of each selector against ours."""

from collections.abc import Sequence

from mail import dkim
from ops.outputs import Domain
from ops.verify import spf
from ops.verify.result import Result
from ops.verify.world import World


def keys(values: Sequence[str]) -> list[str]:
    """The keys of records; the text of a record that is no key record as it is."""
    return sorted(_key(value) for value in values)


def _key(value: str) -> str:
    try:
        return f"p={dkim.read(value).key}"
    except ValueError:
        return value


def _fault(value: str) -> str:
    if value == "p=":
        return "revoked"
    return "differs" if value.startswith("p=") else "malformed"


def checks(world: World, domain: Domain) -> list[Result]:
    """A result for each selector; none for a parked domain, whose key signs nothing."""
    if spf.parked(world.expected, domain):
        return []
    return [check(world, domain, selector) for selector in domain.selectors]


def check(world: World, domain: Domain, selector: str) -> Result:
    """Check the record of a selector (RFC 6376, 3.6.1)."""
    name = dkim.name(selector, domain.name)
    result = Result("dkim", name)
    wanted = world.expected.record(name, "TXT")
    if wanted is None:
        result.skipped = "the stack publishes none"
    elif world.compare(result, wanted, "dkim", keys, _fault):
        result.seen.append("the published key is ours")
        answers = world.at_servers(name, "TXT").values()
        if any(dkim.read(value).testing for answer in answers for value in answer.values):
            result.warn(
                "dkim-testing",
                f"{name} has t=y: verifiers may treat the mail as if it were unsigned",
                f"In the zone {world.expected.zone_of(name)}: " + "\n".join(wanted.lines()),
            )
    return result

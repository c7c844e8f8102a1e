"""All checks, in the order of their dependencies."""

from collections.abc import Iterator

from ops.doctor import hosted, identity, machines, port25, quotas, records, taken
from ops.doctor.account import Account
from ops.verify.result import Result


def examine(account: Account) -> Iterator[Result]:
    """The results as they come; all calls only read."""
    who = identity.check(account)
    yield who.result
    if not who.account:
        yield Result("account", account.stack, skipped="the credentials come first")
        return
    if account.state_problem:
        yield _stateless(account)
    place = identity.region(account)
    yield place
    yield from _names(account)
    if place.errors:
        yield Result("region", account.region, skipped="quotas and images: the region comes first")
    else:
        yield from quotas.check(account)
        yield from machines.check(account)
        yield taken.bucket(account, who.account)
        yield from taken.ses(account)
    yield port25.check(account)


def _stateless(account: Account) -> Result:
    result = Result("state", account.stack)
    result.warn(
        "state-unread",
        f"the stack's state cannot be read, so what is its own counts as somebody else's: "
        f"{account.state_problem}",
        f"See what it says: {account.typed('stack export')}",
    )
    return result


def _names(account: Account) -> Iterator[Result]:
    zones: list[hosted.Zone] = []
    for result, zone in hosted.check(account):
        yield result
        if zone:
            zones.append(zone)
    yield from records.check(account, zones)
    for name in account.settings.certified:
        yield records.authority(account, zones, name)

"""Outbound port 25, which AWS blocks for each new account and shows in no API."""

from ops.doctor.account import Account
from ops.verify.result import Result
from ops.verify.run import PROVIDER
from ops.verify.talk import SMTP

FORM = "https://aws.amazon.com/forms/ec2-email-limit-rdns-request"


def check(account: Account) -> Result:
    """Give advice, never a verdict: there is no host yet that could try."""
    result = Result("port-25", account.region)
    given = account.settings.smarthost
    if given:
        where = "Amazon SES" if given.ses else given.host
        result.seen.append(f"not needed: all mail leaves by {where}, port {given.port}")
        return result
    result.skipped = (
        "no API tells whether AWS lets this account's port 25 out; a new account's is closed. "
        "Once the gateway is up it tells by itself"
    )
    result.advice += [
        f"Ask AWS for it now, since it takes a day or two: {FORM} (as the root user or with "
        "support's rights; say which domains send, and to whom)",
        f"After `up`: ./relay verify {account.option} (the check `egress`). Where it stays closed: "
        "docs/tasks/port-25-is-blocked.md",
    ]
    _from_here(account, result)
    return result


def _from_here(account: Account, result: Result) -> None:
    """Add whether `verify` will be able to reach the gateway's port 25 from this network."""
    exchange, address = _somebody(account)
    if not address:
        return
    try:
        account.connect(address, SMTP).close()
    except OSError:
        result.advice.append(
            f"This network does not reach port 25 of {exchange}: it may let none out. Run verify "
            "from another one to see the gateway's from outside"
        )
    else:
        result.seen.append(f"this network reaches port 25 of {exchange}")


def _somebody(account: Account) -> tuple[str, str]:
    """A mail exchanger, the operator's or a large provider's, and its address; "" if not found."""
    for domain in (account.settings.operator.rpartition("@")[2], PROVIDER):
        values = account.names.resolve(domain, "MX").values
        for value in sorted(values, key=lambda value: int(value.split()[0])):
            exchange = value.split()[1].rstrip(".")
            for address in account.names.resolve(exchange, "A").values:
                return exchange, address
    return "", ""

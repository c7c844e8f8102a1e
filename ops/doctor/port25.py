"""Port 25 out, which AWS closes for each new account and shows in no API."""

from ops.doctor.account import Account
from ops.verify.result import Result

FORM = "https://aws.amazon.com/forms/ec2-email-limit-rdns-request"


def check(account: Account) -> Result:
    """Never a verdict: what can be done before there is a host that could try."""
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
    result.instructions += [
        f"Ask AWS for it now, since it takes a day or two: {FORM} (as the root user or with "
        "support's rights; say which domains send, and to whom)",
        f"After `up`: ./relay verify {account.option} (the check `egress`). Where it stays closed: "
        "docs/tasks/port-25-is-blocked.md",
    ]
    return result

"""Whether new connections reach a gateway, by the load balancer or in DNS; the wait for it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from components.serving import NotServing

POLL_SECONDS = 5.0
HEALTHY = "healthy"
# An endpoint is healthy if more than this share of the checkers finds it so (Route 53 Developer
# Guide, "How Route 53 determines whether a health check is healthy").
SHARE = 0.18
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


@dataclass(frozen=True)
class Wording:
    """How connections find a gateway, in the words that a wait reports and fails with."""

    waits: str
    fails: str
    remedy: str
    done: str


BALANCER = Wording(
    waits="the load balancer waits",
    fails="the load balancer still sends it no connections",
    remedy="It asks port 465 from its own addresses: `pulumi up --refresh` puts the security "
    "groups' rules back",
    done="gets connections from the load balancer",
)
ANSWER = Wording(
    waits="Route53 leaves it out of the submission name's answers",
    fails="Route53 still leaves it out of the submission name's answers",
    remedy="It asks port 465 from the internet: `pulumi up --refresh` puts the security group's "
    "rules back",
    done="is among the answers of the submission name",
)


def no_target(client: Any, arn: str, instance: str) -> str:
    """The reason that a target group sends an instance no connections, "" if it does.

    NotServing if nobody here may ask.
    """
    name = arn.split("/")[1]
    try:
        found = client.describe_target_health(TargetGroupArn=arn, Targets=[{"Id": instance}])[
            "TargetHealthDescriptions"
        ]
    except (ClientError, BotoCoreError) as error:
        return f"{name}: {_passing(error)}"
    health = found[0]["TargetHealth"] if found else {"State": "unused"}
    if health["State"] == HEALTHY:
        return ""
    return f"{name}: {health['State']}. {health.get('Description', '')}".rstrip(". ")


def no_answer(client: Any, check: str) -> str:
    """The reason that Route53 takes a health check for failed, "" if it does not.

    NotServing if nobody here may ask.
    """
    try:
        found = client.get_health_check_status(HealthCheckId=check)["HealthCheckObservations"]
    except (ClientError, BotoCoreError) as error:
        return str(_passing(error))
    reports = [observation["StatusReport"]["Status"] for observation in found]
    reached = sum(report.startswith("Success") for report in reports)
    if reached > SHARE * len(reports):
        return ""
    failures = [report for report in reports if not report.startswith("Success")]
    last = f" ({failures[0].rstrip('.')})" if failures else ""
    return f"{reached} of {len(reports)} health checkers reach port 465{last}"


def _passing(error: ClientError | BotoCoreError) -> ClientError | BotoCoreError:
    """The error, if it may pass; else NotServing."""
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in DENIED:
        raise NotServing(
            "nobody here can see whether new connections reach the gateway; allow the call: "
            f"{error}"
        ) from None
    return error


async def wait(
    host: str,
    look: Callable[[], list[str]],
    seconds: float,
    report: Callable[[str], None],
    words: Wording,
    hold: float = 0,
) -> None:
    """Return once `look` finds no problem for `hold` seconds; NotServing after `seconds`."""
    deadline, said, since = time.monotonic() + seconds, list[str](), None
    while True:
        problems, now = await asyncio.to_thread(look), time.monotonic()
        since = None if problems else since or now
        if since is not None and now - since >= hold:
            break
        if problems and now > deadline:
            raise NotServing(
                f"{host} serves, and after {seconds / 60:.0f} minutes {words.fails}: "
                f"{'; '.join(problems)}. {words.remedy}. The next `pulumi up` waits again"
            )
        if problems and problems != said:
            said = problems
            report(f"{host}: {words.waits}: {'; '.join(problems)}")
        await asyncio.sleep(POLL_SECONDS)
    report(f"{host}: {words.done}")

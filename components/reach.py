"""Make `pulumi up` wait until new connections reach a rebuilt gateway.

The next gateway is rebuilt only then. AWS takes up to some minutes to register a target of a load
balancer, and Route53's health checkers find a gateway up to 30 seconds after it serves; with two
gateways nobody would take connections meanwhile. As in serving.py a hook before a resource does the
waiting.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from botocore.exceptions import BotoCoreError, ClientError

from components.account import Account
from components.serving import NotServing
from mail.records import SUBMISSION_TTL

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


@dataclass
class Reach:
    """Waits until gateways are reached, `minutes` for each."""

    minutes: int
    account: Account

    def __post_init__(self) -> None:
        self._balanced = pulumi.ResourceHook("target-is-healthy", self._wait_for_targets)
        self._answered = pulumi.ResourceHook("gateway-is-answered", self._wait_for_answer)

    def by_balancer(
        self,
        host: str,
        instance: aws.ec2.Instance,
        groups: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Resource:
        """Declare the resource that is created once an instance is healthy in all target groups."""
        given = {"targetGroups": [*groups]}
        return _declare(f"{host}-balanced", host, instance, given, self._balanced, opts)

    def by_answer(
        self,
        host: str,
        instance: aws.ec2.Instance,
        check: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Resource:
        """Declare the resource that is created once resolvers lead to a gateway.

        That is when its health check is healthy, and answers without it are forgotten.
        """
        given = {"healthCheck": check}
        return _declare(f"{host}-answered", host, instance, given, self._answered, opts)

    async def _wait_for_targets(self, args: pulumi.ResourceHookArgs) -> None:
        given: dict[str, Any] = (args.new_inputs or {})["input"]
        client = self.account.client("elbv2")

        def look() -> list[str]:
            instance, groups = given["instance"], given["targetGroups"]
            return [said for arn in groups if (said := no_target(client, arn, instance))]

        await wait(given["host"], look, self.minutes * 60, pulumi.log.info, BALANCER)

    async def _wait_for_answer(self, args: pulumi.ResourceHookArgs) -> None:
        given: dict[str, Any] = (args.new_inputs or {})["input"]
        client = self.account.client("route53")

        def look() -> list[str]:
            return [said] if (said := no_answer(client, given["healthCheck"])) else []

        seconds = self.minutes * 60
        await wait(given["host"], look, seconds, pulumi.log.info, ANSWER, SUBMISSION_TTL)


def _declare(
    name: str,
    host: str,
    instance: aws.ec2.Instance,
    given: dict[str, Any],
    hook: pulumi.ResourceHook,
    opts: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """A change of the instance's type, which stops the instance, updates this resource too."""
    hooks = pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])
    return pulumi.Stash(
        name,
        input={"host": host, "instance": instance.id, "type": instance.instance_type, **given},
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks)),
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

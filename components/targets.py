"""Make `pulumi up` wait until the load balancer sends connections to a rebuilt gateway.

The next gateway is rebuilt only then: AWS takes up to some minutes to register a target, and of two
gateways neither would take connections meanwhile. As in serving.py a hook before a resource does
the waiting.
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

POLL_SECONDS = 5.0
HEALTHY = "healthy"


@dataclass
class InService:
    """Waits for targets, `minutes` for those of each gateway."""

    minutes: int
    account: Account

    def __post_init__(self) -> None:
        self._hook = pulumi.ResourceHook("target-is-healthy", self._wait)

    def until_healthy(
        self,
        host: str,
        instance: aws.ec2.Instance,
        groups: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Resource:
        """Declare the resource that is created once an instance is healthy in all target groups.

        A change of the instance's type, which stops the instance, updates this resource too.
        """
        hooks = pulumi.ResourceHookBinding(before_create=[self._hook], before_update=[self._hook])
        return pulumi.Stash(
            f"{host}-balanced",
            input={
                "host": host,
                "instance": instance.id,
                "type": instance.instance_type,
                "targetGroups": [*groups],
            },
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks)),
        )

    async def _wait(self, args: pulumi.ResourceHookArgs) -> None:
        given: dict[str, Any] = (args.new_inputs or {})["input"]
        client = self.account.client("elbv2")

        def look() -> list[str]:
            instance, groups = given["instance"], given["targetGroups"]
            return [said for arn in groups if (said := lacks(client, arn, instance))]

        await wait(given["host"], look, self.minutes * 60, pulumi.log.info)


def lacks(client: Any, arn: str, instance: str) -> str:
    """The reason that a target group sends an instance no connections, "" if it sends some."""
    name = arn.split("/")[1]
    try:
        found = client.describe_target_health(TargetGroupArn=arn, Targets=[{"Id": instance}])[
            "TargetHealthDescriptions"
        ]
    except (ClientError, BotoCoreError) as error:
        return f"{name}: {error}"
    health = found[0]["TargetHealth"] if found else {"State": "unused"}
    if health["State"] == HEALTHY:
        return ""
    return f"{name}: {health['State']}. {health.get('Description', '')}".rstrip(". ")


async def wait(
    host: str, look: Callable[[], list[str]], seconds: float, report: Callable[[str], None]
) -> None:
    """Return once `look` finds no problem; NotServing with the problems after `seconds`."""
    deadline, said = time.monotonic() + seconds, list[str]()
    while problems := await asyncio.to_thread(look):
        if time.monotonic() > deadline:
            raise NotServing(
                f"{host} serves, and after {seconds / 60:.0f} minutes the load balancer still "
                f"sends it no connections: {'; '.join(problems)}. It asks port 465 from its own "
                "addresses: `pulumi up --refresh` puts the security groups' rules back. The next "
                "`pulumi up` waits again"
            )
        if problems != said:
            said = problems
            report(f"{host}: the load balancer waits: {'; '.join(problems)}")
        await asyncio.sleep(POLL_SECONDS)
    report(f"{host}: gets connections from the load balancer")

"""Make `pulumi up` wait until hosts serve and gateways are reached, by a resource after each.

A hook before that resource is created or updated does the waiting: an error in a hook that runs
afterwards would only be a warning to the engine. Previews and plans show an ordinary resource.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws
from botocore.exceptions import BotoCoreError, ClientError

from components import reach, serving
from components.account import Account
from components.serving import NotServing
from mail.records import SUBMISSION_TTL


@dataclass
class Waiting:
    """Waits for hosts, `minutes` for each, counted from the creation of its instance."""

    minutes: int
    account: Account
    hosts: dict[str, pulumi.Resource] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._hook = pulumi.ResourceHook("host-serves", self._wait)

    def until_serving(
        self,
        host: str,
        instance: aws.ec2.Instance,
        *,
        status: str,
        tables: str,
        opts: pulumi.ResourceOptions,
    ) -> pulumi.Resource:
        """Declare the resource that is created once this instance serves.

        `status` and `tables` are the s3:// URLs of the host's status and of its tables. A change in
        the content of the tables does not cause another wait.
        """
        hooks = pulumi.ResourceHookBinding(before_create=[self._hook], before_update=[self._hook])
        self.hosts[host] = instance
        return pulumi.Stash(
            f"{host}-serving",
            # an instance that is stopped and started for another type has to serve again as well
            input={
                "host": host,
                "instance": instance.id,
                "type": instance.instance_type,
                "status": status,
                "tables": tables,
            },
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=hooks)),
        )

    async def _wait(self, args: pulumi.ResourceHookArgs) -> None:
        given: dict[str, str] = (args.new_inputs or {})["input"]
        host = given["host"]

        def report(text: str) -> None:
            pulumi.log.info(f"{host}: {text}", resource=self.hosts[host])

        report(f"up to {self.minutes} minutes are given; to stop waiting, press Ctrl-C twice")
        # boto3 blocks, so it runs in a thread and the program goes on with other resources
        look = await asyncio.to_thread(self._looks_at, given["status"], given["tables"])
        console = partial(self._console, given["instance"])
        try:
            seconds = self.minutes * 60
            status = await serving.wait(host, given["instance"], look, console, seconds, report)
        except NotServing as error:
            end = serving.indented(await asyncio.to_thread(console))
            raise NotServing(f"{error}\n{end}\n{serving.remedy(host)}") from None
        for text in serving.warnings(host, status):
            pulumi.log.warn(text)

    def _looks_at(self, status: str, tables: str) -> Callable[[], serving.Seen]:
        client = self.account.client("s3")
        return lambda: serving.see(client, status, tables)

    def _console(self, instance: str) -> str:
        """The console output that EC2 keeps of an instance (64 KiB; on Nitro always current)."""
        try:
            ec2 = self.account.client("ec2")
            return ec2.get_console_output(InstanceId=instance, Latest=True).get("Output", "")
        except (ClientError, BotoCoreError) as error:
            return f"EC2's console output cannot be read: {error}"


@dataclass
class Reach:
    """Waits until new connections reach a rebuilt gateway, `minutes` for each.

    The next gateway is rebuilt only then. AWS takes up to some minutes to register a target of a
    load balancer, and Route53's health checkers find a gateway up to 30 seconds after it serves;
    with two gateways nobody would take connections meanwhile.
    """

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
            return [said for arn in groups if (said := reach.no_target(client, arn, instance))]

        await reach.wait(given["host"], look, self.minutes * 60, pulumi.log.info, reach.BALANCER)

    async def _wait_for_answer(self, args: pulumi.ResourceHookArgs) -> None:
        given: dict[str, Any] = (args.new_inputs or {})["input"]
        client = self.account.client("route53")

        def look() -> list[str]:
            return [said] if (said := reach.no_answer(client, given["healthCheck"])) else []

        seconds = self.minutes * 60
        await reach.wait(
            given["host"], look, seconds, pulumi.log.info, reach.ANSWER, SUBMISSION_TTL
        )


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

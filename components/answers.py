"""The answers of the submission name: the address of each gateway that takes mail."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.host import Host
from components.identity import Identity
from components.ports import SUBMISSIONS
from components.reach import no_answer
from components.rebuild import Leads
from components.route53_zone import Answer
from components.tags import Tags
from components.zones import Zones
from mail import records
from settings import Settings

# A gateway that is down is no answer after 40 seconds. One failure is enough for a checker, since
# more than four checkers in five must see it (Route53 Developer Guide, "How Route 53 determines
# whether a health check is healthy").
CHECK_SECONDS, CHECK_FAILURES = 30, 1


@dataclass
class Answers:
    """The record sets of the submission name, one for each gateway.

    `addresses` and the health checks' ids are by gateway. While a check fails, Route53 leaves the
    gateway out; a gateway alone has none. `made` are the record sets.
    """

    name: str
    zones: Zones
    addresses: Mapping[str, pulumi.Output[str]]
    checks: Mapping[str, pulumi.Output[str]]
    made: list[pulumi.Resource] = field(init=False, default_factory=list)

    @classmethod
    def declare(
        cls, settings: Settings, gateways: Sequence[Identity], zones: Zones, tags: Tags
    ) -> "Answers | None":
        """Declare the health checks; None if there is no such name, or a load balancer's alias."""
        name = settings.shared_name
        if not name or settings.submission.load_balancer:
            return None
        taking = {gateway.name for gateway in settings.taking} if len(gateways) > 1 else ()
        checks = {g.host: _health_check(g, tags).id for g in gateways if g.host in taking}
        return cls(name, zones, {g.host: g.address.public_ip for g in gateways}, checks)

    def publish(self, gateway: Host) -> pulumi.Resource:
        """Publish a gateway's address once it serves.

        Route53 takes a new health check for healthy, and a gateway alone has none.
        """
        host = gateway.name
        wanted = records.submission(self.name, [self.addresses[host]])
        answer = Answer(_identifier(host), self.checks.get(host))
        after = [*self.made[:1], gateway.served]
        first = not self.made
        self.made.append(self.zones.publish_answer(wanted, host, answer, after, first=first))
        return self.made[-1]

    async def leads(self, account: Account) -> Leads:
        """A look that says why the name does not lead to a host, or ""."""
        zones = await pulumi.Output.all(*self.zones.ids(self.name)).future() or []
        client: Any = account.client("route53")
        return lambda host, _: no_record(client, zones, self.name, _identifier(host))


def _identifier(host: str) -> str:
    return f"{pulumi.get_project()}/{pulumi.get_stack()}/{host}"


def no_record(client: Any, zones: Sequence[str], name: str, identifier: str) -> str:
    """The reason that the name does not lead to whom an identifier is for; "" if it does.

    `zones` are the ids of the stack's, of which the first one has the name. While the gateways get
    another name, the answers of the former one count, in any zone: the new one leads to each as
    soon as that is rebuilt.
    """
    stack, _, _ = identifier.rpartition("/")

    def answers(sets: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        whose = ((each, each.get("SetIdentifier", "").rpartition("/")[0]) for each in sets)
        return [each for each, found in whose if (each["Type"], found) == ("A", stack)]

    here = client.list_resource_record_sets(
        HostedZoneId=zones[0], StartRecordName=name, StartRecordType="A"
    )["ResourceRecordSets"]
    held = answers(each for each in here if each["Name"].rstrip(".") == name)
    if not held:
        pager = client.get_paginator("list_resource_record_sets")
        pages = (page for zone in zones for page in pager.paginate(HostedZoneId=zone))
        held = answers(each for page in pages for each in page["ResourceRecordSets"])
    for each in held:
        if each["SetIdentifier"] == identifier:
            return no_answer(client, each["HealthCheckId"])
    return f"{name} does not lead to it"


def _health_check(gateway: Identity, tags: Tags) -> aws.route53.HealthCheck:
    """Declare a check of port 465."""
    return aws.route53.HealthCheck(
        gateway.host,
        type="TCP",
        ip_address=gateway.address.public_ip,
        port=SUBMISSIONS.port,
        request_interval=CHECK_SECONDS,
        failure_threshold=CHECK_FAILURES,
        tags=tags.named(f"{gateway.host} {SUBMISSIONS.port}"),
        opts=pulumi.ResourceOptions(parent=gateway),
    )

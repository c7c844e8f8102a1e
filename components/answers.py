"""The answers of the submission name: the address of each gateway that takes mail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.host import Host
from components.identity import Identity
from components.naming import Tags
from components.network import SUBMISSIONS
from components.route53_zone import Answer
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
    gateway out; a gateway alone has none.
    """

    name: str
    zones: Zones
    addresses: Mapping[str, pulumi.Output[str]]
    checks: Mapping[str, pulumi.Output[str]]
    _made: list[pulumi.Resource] = field(init=False, default_factory=list)

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
        """Publish a gateway's address.

        The first is published at once: who finds no such name may remember that for a quarter of
        an hour. Others have to serve first, since Route53 takes a new health check for healthy.
        """
        host = gateway.name
        wanted = records.submission(self.name, [self.addresses[host]])
        identifier = f"{pulumi.get_project()}/{pulumi.get_stack()}/{host}"
        answer = Answer(identifier, self.checks.get(host))
        after = [self._made[0], gateway.served] if self._made else []
        self._made.append(self.zones.publish_answer(wanted, host, answer, after))
        return self._made[-1]


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

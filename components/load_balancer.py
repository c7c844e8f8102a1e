"""The Network Load Balancer for the gateways' ports 587 and 465, if the stack has one.

TLS passes through it, and gateways see each client's own address. Elastic Load Balancing, "Network
Load Balancers": target groups, target group attributes, security groups.
"""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.account import Account
from components.host import Host
from components.identity import Identity
from components.naming import LOAD_BALANCER
from components.network import Network, Place
from components.ports import SUBMISSION, SUBMISSIONS, Service
from components.reach import no_target
from components.rebuild import Leads
from components.tags import Tags
from components.waits import Reach
from settings import Settings

# A gateway that is down gets no connection after 30 seconds: its second check ends by then.
CHECK_SECONDS, CHECK_TIMEOUT, CHECK_COUNT = 10, 5, 2
# Enough to finish a message; smtpd itself ends a session that is idle for so long.
DRAIN_SECONDS = 120


class LoadBalancer(pulumi.ComponentResource):
    """A node with an address in each zone that has a gateway; each node serves all gateways.

    It takes connections from everywhere; the gateways' 587 and 465 are open to it alone. Without
    `reach` an `up` does not wait until gateways get connections. `judged` is updated before it
    loses a zone (components/removal.py).
    """

    def __init__(
        self,
        *,
        network: Network,
        places: Sequence[Place],
        group: aws.ec2.SecurityGroup,
        reach: Reach | None,
        judged: pulumi.Resource,
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:LoadBalancer", LOAD_BALANCER, None, opts)
        services, self._reach = (SUBMISSION, SUBMISSIONS), reach
        # a load balancer that is made without a security group never gets one
        own = network.security_group(LOAD_BALANCER, ingress=services, egress=(), ssh_from=())
        for service in services:
            out, into = (f"{LOAD_BALANCER}-{way}-{service.name}" for way in ("out", "in"))
            network.allow(aws.vpc.SecurityGroupEgressRule, out, own, service, group)
            # also matches clients' connections, which keep the clients' addresses
            network.allow(aws.vpc.SecurityGroupIngressRule, into, group, service, own)
        self.balancer = aws.lb.LoadBalancer(
            LOAD_BALANCER,
            load_balancer_type="network",
            internal=False,
            subnets=[place.subnet.id for place in places],
            security_groups=[own.id],
            # without it, a node sends to the gateways of its own zone only
            enable_cross_zone_load_balancing=True,
            tags=tags.named(LOAD_BALANCER),
            opts=pulumi.ResourceOptions(
                parent=self,
                # it works only once its subnets have their route to the internet
                depends_on=[*(lead for place in places for lead in place.leads), judged],
                # fewer zones replace it, and a target group has one load balancer at a time
                delete_before_replace=True,
            ),
        )
        self.targets = [self._listen(service, network, tags) for service in services]
        self.register_outputs({"dns_name": self.balancer.dns_name})

    def _listen(self, service: Service, network: Network, tags: Tags) -> aws.lb.TargetGroup:
        """Declare a port's target group and listener."""
        name = f"{LOAD_BALANCER}-{service.port}"
        targets = aws.lb.TargetGroup(
            name,
            port=service.port,
            protocol="TCP",
            target_type="instance",
            vpc_id=network.vpc.id,
            # limits on strangers and on wrong passwords are by address
            preserve_client_ip="true",
            deregistration_delay=DRAIN_SECONDS,
            connection_termination=True,
            # both groups check 465: the ports open and close together, and fewer lines are logged
            health_check={
                "protocol": "TCP",
                "port": str(SUBMISSIONS.port),
                "interval": CHECK_SECONDS,
                "timeout": CHECK_TIMEOUT,
                "healthy_threshold": CHECK_COUNT,
                "unhealthy_threshold": CHECK_COUNT,
            },
            tags=tags.named(name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.lb.Listener(
            name,
            load_balancer_arn=self.balancer.arn,
            port=service.port,
            protocol="TCP",
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
            tags=tags.named(name),
            opts=pulumi.ResourceOptions(parent=self.balancer, delete_before_replace=True),
        )
        return targets

    def attach(self, host: Host) -> list[pulumi.Resource]:
        """Attach a host once it serves; complete when it gets connections, if the stack waits.

        A gateway that is rebuilt gets none from before its instance ends until the new one serves.
        """
        attached = [
            aws.lb.TargetGroupAttachment(
                f"{host.name}-{service.port}",
                target_group_arn=targets.arn,
                target_id=host.instance.id,
                opts=pulumi.ResourceOptions(
                    parent=host, depends_on=[host.served], delete_before_replace=True
                ),
            )
            for service, targets in zip((SUBMISSION, SUBMISSIONS), self.targets, strict=True)
        ]
        if self._reach is None:
            return [*attached]
        arns = [targets.arn for targets in self.targets]
        opts = pulumi.ResourceOptions(parent=host, depends_on=attached)
        return [self._reach.by_balancer(host.name, host.instance, arns, opts)]

    async def leads(self, account: Account) -> Leads:
        """A look that says why an instance gets no connections, or ""."""
        arns = await pulumi.Output.all(*[targets.arn for targets in self.targets]).future() or []
        client: Any = account.client("elbv2")
        return lambda _, instance: "; ".join(
            filter(None, (no_target(client, arn, instance) for arn in arns))
        )


def declare(
    settings: Settings,
    network: Network,
    gateways: Sequence[Identity],
    reach: Reach | None,
    judged: pulumi.Resource,
    tags: Tags,
) -> LoadBalancer | None:
    """Declare the load balancer of these gateways, if the settings have one."""
    if not settings.submission.load_balancer:
        return None
    zones = dict.fromkeys(gateway.own_zone for gateway in settings.gateways)
    return LoadBalancer(
        network=network,
        places=[network.place(zone) for zone in zones],
        group=gateways[0].group,
        reach=reach,
        judged=judged,
        tags=tags,
    )

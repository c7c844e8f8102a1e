"""The EC2 Instance Connect Endpoint: SSH to every host, while port 22 is closed to the internet."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.identity import Identity
from components.naming import ENDPOINT
from components.network import Network
from components.ports import SSH
from components.private import PrivateNetwork
from components.tags import Tags
from settings import Settings


class Endpoint(pulumi.ComponentResource):
    """An endpoint in the stack's own subnet, whose security group reaches port 22 of `groups`.

    AWS opens its tunnels by `ec2-instance-connect:OpenTunnel`. It reaches the hosts of all zones.
    """

    def __init__(
        self,
        *,
        network: Network,
        groups: Sequence[aws.ec2.SecurityGroup],
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        name = ENDPOINT
        super().__init__("mail-relay:index:Endpoint", name, None, opts)
        group = network.security_group(name, ingress=(), egress=(), ssh_from=())
        egress, ingress = aws.vpc.SecurityGroupEgressRule, aws.vpc.SecurityGroupIngressRule
        for other in groups:
            of = other.pulumi_resource_name
            network.allow(egress, f"{name}-out-{of}", group, SSH, other)
            network.allow(ingress, f"{name}-in-{of}", other, SSH, group)
        self.endpoint = aws.ec2transitgateway.InstanceConnectEndpoint(
            name,
            subnet_id=network.own.subnet.id,
            security_group_ids=[group.id],
            # with the client's own address as the source, a rule would have to name its network
            preserve_client_ip=False,
            tags=tags.named(name),
            # a VPC has one at most
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.register_outputs({"endpoint_id": self.endpoint.id})


def reached_by(
    settings: Settings,
    network: Network,
    public: Sequence[Identity],
    behind: PrivateNetwork | None,
    tags: Tags,
) -> Endpoint | None:
    """Declare the endpoint that reaches all hosts, if the settings want one."""
    if not settings.ssh.endpoint:
        return None
    groups = dict.fromkeys(identity.group for identity in public)
    return Endpoint(
        network=network, groups=[*groups, *([behind.group] if behind else [])], tags=tags
    )

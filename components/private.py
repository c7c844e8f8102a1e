"""Private clients: no public address; all traffic from and to outside goes through a gateway."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.identity import Identity
from components.network import PRIVATE, Network, subnet_cidr
from components.ports import EVERYWHERE, SSH, SUBMISSION, SUBMISSIONS, WEB
from components.tags import Tags
from mail.records import TTL


class PrivateNetwork(pulumi.ComponentResource):
    """A subnet behind the gateways, and a private zone for their name in the VPC.

    The gateway `nat` is the subnet's NAT instance. The route's target is its standing interface, so
    a rebuilt gateway keeps it. With `ssh`, gateways may reach port 22 of the subnet's hosts.
    `submission` is the name by which clients reach the gateways. It has their private addresses
    even if others use a load balancer (`balanced`), which might send a connection back to the
    gateway that it comes from, the NAT instance. The zone is the whole VPC's, so public clients,
    with the security group `clients`, use the private addresses too.
    """

    def __init__(
        self,
        name: str,
        *,
        network: Network,
        nat: Identity,
        submission: str,
        balanced: bool,
        clients: aws.ec2.SecurityGroup | None,
        ssh: bool,
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:PrivateNetwork", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.gateway_name = nat.host
        self.subnet = aws.ec2.Subnet(
            name,
            vpc_id=network.vpc.id,
            cidr_block=network.cidr.apply(lambda held: subnet_cidr(held, PRIVATE)),
            availability_zone=network.own.zone,
            map_public_ip_on_launch=False,
            tags=tags.named(name),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["availability_zone"]),
        )
        self._name, self._nat = name, nat
        self._table = aws.ec2.RouteTable(
            name, vpc_id=network.vpc.id, tags=tags.named(name), opts=child
        )
        association = aws.ec2.RouteTableAssociation(
            name, route_table_id=self._table.id, subnet_id=self.subnet.id, opts=child
        )
        # DNS and NTP are served inside the VPC, where no security group filters them
        self.group = network.security_group("private", ingress=(), egress=WEB, ssh_from=())
        ingress, egress = aws.vpc.SecurityGroupIngressRule, aws.vpc.SecurityGroupEgressRule
        for service in (SUBMISSION, SUBMISSIONS):
            network.allow(egress, f"{name}-out-{service.name}", self.group, service, nat.group)
            if balanced:
                network.allow(ingress, f"{name}-in-{service.name}", nat.group, service, self.group)
                if clients:
                    network.allow(ingress, f"{name}-by-{service.name}", nat.group, service, clients)
        for service in WEB:  # forwarded traffic passes the gateway's security group as well
            network.allow(ingress, f"{name}-nat-{service.name}", nat.group, service, self.group)
        if ssh:
            network.allow(egress, f"{name}-ssh-out", nat.group, SSH, self.group)
            network.allow(ingress, f"{name}-ssh-in", self.group, SSH, nat.group)
        self._submission = submission
        self._zone = self._own_zone(network, tags)
        self.ready: list[pulumi.Resource] = [association]
        self.register_outputs({"subnet_id": self.subnet.id})

    def _own_zone(self, network: Network, tags: Tags) -> aws.route53.Zone:
        """Declare the private zone of the gateways' name."""
        return aws.route53.Zone(
            f"{self._submission}-private",
            name=self._submission,
            comment="The gateway's name inside the VPC",
            vpcs=[{"vpc_id": network.vpc.id}],
            tags=tags.named(self._submission),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def lead_to(
        self,
        addresses: Sequence[pulumi.Output[str]],
        after: Sequence[pulumi.Resource],
        nat_serves: pulumi.Resource,
    ) -> None:
        """Publish the gateways' private addresses at their name in the VPC; lead traffic to `nat`.

        Client hosts have to be declared after this: they need the name and the route.
        """
        route = aws.ec2.Route(
            f"{self._name}-gateway",
            route_table_id=self._table.id,
            destination_cidr_block=EVERYWHERE,
            network_interface_id=self._nat.interface.id,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[nat_serves]),
        )
        record = aws.route53.Record(
            f"{self._submission}-private-A",
            name=self._submission,
            type="A",
            zone_id=self._zone.zone_id,
            ttl=TTL,
            records=addresses,
            opts=pulumi.ResourceOptions(parent=self._zone, depends_on=after),
        )
        self.ready += [route, record]


class PrivateIdentity(pulumi.ComponentResource):
    """The standing identity of a private client: its network interface."""

    volume = None

    def __init__(
        self,
        host: str,
        *,
        network: PrivateNetwork,
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:PrivateIdentity", host, None, opts)
        self.interface = aws.ec2.NetworkInterface(
            host,
            subnet_id=network.subnet.id,
            security_groups=[network.group.id],
            description=host,
            tags=tags.named(host),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.ready = network.ready
        jump = f"ssh -J admin@{network.gateway_name} admin@"
        self.ssh = pulumi.Output.concat(jump, self.interface.private_ip)
        self.register_outputs({"private_address": self.interface.private_ip})

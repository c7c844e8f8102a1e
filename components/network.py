"""The VPC with its public subnet, and the security group of each kind of host."""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.availability import Placement
from components.ports import EVERYWHERE, SSH, Service
from components.tags import Tags
from settings.words import subnet_number

PUBLIC, PRIVATE = 0, 1  # numbers of the VPC's subnets


@dataclass(frozen=True)
class Place:
    """A public subnet and its zone. An address there works only once `leads` exist."""

    subnet: aws.ec2.Subnet
    zone: pulumi.Output[str]
    leads: list[pulumi.Resource]


def subnet_cidr(vpc: str, number: int) -> str:
    """The network of one of the VPC's subnets, each a /24."""
    return str(list(ipaddress.IPv4Network(vpc).subnets(new_prefix=24))[number])


def _hold(wanted: str, held: str) -> str:
    """The network of the VPC; RunError if the settings have another one.

    Its replacement could not be finished: addresses in use keep a VPC's internet gateway.
    """
    if wanted != held:
        raise pulumi.RunError(
            f"mail-relay:network.cidr: {wanted!r}: the stack's VPC has {held}, and everything is "
            f"in it; set {held}, or make another stack and move to it"
        )
    return held


Rule = aws.vpc.SecurityGroupIngressRule | aws.vpc.SecurityGroupEgressRule


class Network(pulumi.ComponentResource):
    """One VPC with its public subnet, and another one in each zone that a gateway names.

    No subnet assigns public addresses by itself: hosts bring an Elastic IP on their interface.
    """

    def __init__(
        self,
        name: str,
        *,
        cidr: str,
        placement: Placement,
        tags: Tags,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mail-relay:index:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        guard = pulumi.ResourceHookBinding(before_create=[placement.guard])
        self._name, self._tags = name, tags
        self._guard = guard
        self.vpc = aws.ec2.Vpc(
            name,
            cidr_block=cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=tags.named(name),
            # the hook runs before any resource of the stack is created
            opts=pulumi.ResourceOptions(parent=self, hooks=guard, ignore_changes=["cidr_block"]),
        )
        self.cidr = self.vpc.cidr_block.apply(lambda held: _hold(cidr, held))
        self.gateway = aws.ec2.InternetGateway(
            f"{name}-internet", vpc_id=self.vpc.id, tags=tags.named(name), opts=child
        )
        self._table = aws.ec2.RouteTable(
            f"{name}-public", vpc_id=self.vpc.id, tags=tags.named(f"{name}-public"), opts=child
        )
        self._route = aws.ec2.Route(
            f"{name}-public-internet",
            route_table_id=self._table.id,
            destination_cidr_block=EVERYWHERE,
            gateway_id=self.gateway.id,
            opts=child,
        )
        self.own = self._place(f"{name}-public", PUBLIC, placement.zone, placement.hold)
        self._places = dict[str, Place]()
        self._rules = dict[aws.ec2.SecurityGroup, list[Rule]]()
        self.register_outputs({"vpc_id": self.vpc.id, "subnet_id": self.own.subnet.id})

    def place(self, zone: str | None) -> Place:
        """The public subnet in a zone, or the stack's own; declared when it is first asked for."""
        if zone is None:
            return self.own
        if zone not in self._places:
            name = f"{self._name}-public-{zone}"
            self._places[zone] = self._place(name, subnet_number(zone), zone, lambda held: held)
        return self._places[zone]

    def _place(self, name: str, number: int, zone: str, hold: Callable[[str], str]) -> Place:
        """Declare a subnet. `hold` gets the zone it has, and returns that or raises RunError."""
        subnet = aws.ec2.Subnet(
            name,
            vpc_id=self.vpc.id,
            cidr_block=self.cidr.apply(lambda cidr: subnet_cidr(cidr, number)),
            availability_zone=zone,
            map_public_ip_on_launch=False,
            tags=self._tags.named(name),
            opts=pulumi.ResourceOptions(
                parent=self, hooks=self._guard, ignore_changes=["availability_zone"]
            ),
        )
        association = aws.ec2.RouteTableAssociation(
            name,
            route_table_id=self._table.id,
            subnet_id=subnet.id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return Place(
            subnet, subnet.availability_zone.apply(hold), [self.gateway, self._route, association]
        )

    def security_group(
        self,
        role: str,
        *,
        ingress: tuple[Service, ...],
        egress: tuple[Service, ...],
        ssh_from: tuple[str, ...],
    ) -> aws.ec2.SecurityGroup:
        """Declare the security group of one kind of host, with its ingress and egress rules."""
        name = f"{self._name}-{role}"
        group = aws.ec2.SecurityGroup(
            name,
            vpc_id=self.vpc.id,
            description=f"{role} of {pulumi.get_stack()}",
            tags=self._tags.named(name),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._rules[group] = []
        open_ = [(service, EVERYWHERE) for service in ingress]
        open_ += [(SSH, network) for network in ssh_from]
        for service, network in open_:
            suffix = "" if network == EVERYWHERE else f"-{network}"
            rule = f"{name}-in-{service.name}{suffix}"
            self.allow(aws.vpc.SecurityGroupIngressRule, rule, group, service, network)
        for service in egress:
            rule = f"{name}-out-{service.name}"
            self.allow(aws.vpc.SecurityGroupEgressRule, rule, group, service, EVERYWHERE)
        return group

    def allow(
        self,
        rule: type[Rule],
        name: str,
        group: aws.ec2.SecurityGroup,
        service: Service,
        peer: str | aws.ec2.SecurityGroup,
    ) -> None:
        """Declare one rule of a group, for a network or for the members of another group."""
        is_network = isinstance(peer, str)
        made = rule(
            name,
            security_group_id=group.id,
            ip_protocol=service.protocol,
            from_port=service.port,
            to_port=service.port,
            cidr_ipv4=peer if is_network else None,
            referenced_security_group_id=None if is_network else peer.id,
            opts=pulumi.ResourceOptions(parent=group),
        )
        self._rules[group].append(made)

    def open_all(self, service: Service, networks: Sequence[str]) -> None:
        """Declare the rules that open a service of all groups so far to some networks."""
        for group in [*self._rules]:
            for network in networks:
                name = f"{group.pulumi_resource_name}-in-{service.name}-{network}"
                self.allow(aws.vpc.SecurityGroupIngressRule, name, group, service, network)

    def complete(self, after: Sequence[pulumi.Resource]) -> None:
        """Declare that the groups have no rules but those declared by now.

        A refresh finds what somebody added by hand, and the next update removes it. An update also
        removes rules that are declared no more at this point, `after` what takes their place.
        """
        for group, rules in self._rules.items():
            into = [r.id for r in rules if isinstance(r, aws.vpc.SecurityGroupIngressRule)]
            out = [r.id for r in rules if isinstance(r, aws.vpc.SecurityGroupEgressRule)]
            aws.ec2.VpcSecurityGroupRulesExclusive(
                group.pulumi_resource_name,
                security_group_id=group.id,
                ingress_rule_ids=into,
                egress_rule_ids=out,
                opts=pulumi.ResourceOptions(parent=group, depends_on=after),
            )

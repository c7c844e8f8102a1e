"""Elastic Load Balancing's rules for Network Load Balancers, before moto or after it."""

import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from moto.elbv2.models import FakeHealthStatus, FakeTargetGroup

from lab.region import backends
from lab.region.balancers import DELAY, Node, all_nodes, using
from lab.region.errors import ApiError
from lab.region.memory import Memory
from lab.region.rules import ec2

Parameters = dict[str, str]
# Amazon's own public addresses, which are no Elastic IPs of the account (a documentation range).
AMAZONS = ipaddress.ip_network("192.0.2.128/25")
NAME = re.compile(r"(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
# of Network Load Balancers in us-east-1 (AWS General Reference, "Elastic Load Balancing endpoints")
HOSTED_ZONE = "Z26RNL4JYFTOTI"


def _members(parameters: Parameters, name: str) -> list[str]:
    return [v for k, v in parameters.items() if re.fullmatch(rf"{name}\.member\.\d+", k)]


def _create(_: Memory, parameters: Parameters) -> None:
    name = parameters.get("Name", "")
    if parameters.get("Type") != "network":
        raise ApiError("ValidationError", "the lab has load balancers of type network only")
    if parameters.get("Scheme", "internet-facing") != "internet-facing":
        raise ApiError("ValidationError", "the lab has internet-facing load balancers only")
    if not NAME.fullmatch(name):
        raise ApiError(
            "ValidationError",
            f"The load balancer name '{name}' can have at most 32 characters, alphanumeric ones "
            "or hyphens, and cannot begin or end with a hyphen or begin with 'internal-'",
        )
    if name in [balancer.name for balancer in backends.elbv2().load_balancers.values()]:
        raise ApiError(
            "DuplicateLoadBalancerName", f"A load balancer with the name '{name}' already exists"
        )
    _subnets(_members(parameters, "Subnets"))


def _subnets(identities: list[str]) -> list[Any]:
    """The subnets, each in a different zone, all in a VPC with an internet gateway."""
    subnets = [backends.ec2().get_subnet(identity) for identity in identities]
    if len({subnet.availability_zone for subnet in subnets}) < len(subnets):
        raise ApiError(
            "InvalidConfigurationRequest",
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        )
    gateways = [g.vpc.id for g in backends.ec2().internet_gateways.values() if g.vpc]
    for subnet in subnets:
        if subnet.vpc_id not in gateways:
            raise ApiError("InvalidSubnet", f"VPC {subnet.vpc_id} has no internet gateway")
    return subnets


def _created(memory: Memory, parameters: Parameters) -> None:
    """Give a new load balancer its DNS name and zone, as on AWS, and its nodes."""
    for balancer in backends.elbv2().load_balancers.values():
        if balancer.name == parameters["Name"]:
            unique = balancer.arn.rpartition("/")[2]
            region = backends.REGION
            balancer.dns_name = f"{balancer.name}-{unique}.elb.{region}.amazonaws.com"
            balancer.canonical_hosted_zone_id = HOSTED_ZONE
            balancer.nodes = {}
            _make_nodes(memory, balancer)


def _make_nodes(memory: Memory, balancer: Any) -> None:
    """Make a node, an interface with one of Amazon's public addresses, in each subnet without."""
    for subnet in balancer.subnets:
        if subnet.id in balancer.nodes:
            continue
        chosen = {"SubnetId": subnet.id}
        ec2.create_network_interface(memory, chosen)
        interface = backends.ec2().create_network_interface(
            subnet,
            chosen["PrivateIpAddress"],
            group_ids=[*balancer.security_groups],
            description=f"ELB {balancer.arn.partition(':loadbalancer/')[2]}",
        )
        used = {node.public for node in all_nodes()}
        public = next(str(a) for a in AMAZONS.hosts() if str(a) not in used)
        balancer.nodes[subnet.id] = Node(interface, public)


def _set_subnets(memory: Memory, parameters: Parameters) -> None:
    """Add subnets to a Network Load Balancer; moto's own call requires two zones at least."""
    balancer = _balancer(parameters)
    subnets = _subnets(_members(parameters, "Subnets"))
    if missing := {*balancer.nodes} - {subnet.id for subnet in subnets}:
        raise ApiError(
            "InvalidConfigurationRequest",
            f"the lab takes no subnets away from a load balancer: {', '.join(sorted(missing))}",
        )
    balancer.subnets = subnets
    _make_nodes(memory, balancer)


def _set_groups(_: Memory, parameters: Parameters) -> None:
    balancer, wanted = _balancer(parameters), _members(parameters, "SecurityGroups")
    if bool(wanted) != bool(balancer.security_groups):
        raise ApiError(
            "InvalidConfigurationRequest",
            "You cannot set security groups on a Network Load Balancer that was created without "
            "them, and you cannot remove all",
        )
    groups = [backends.ec2().get_security_group_from_id(identity) for identity in wanted]
    for node in balancer.nodes.values():
        node.interface._group_set[:] = groups


def _delete(_: Memory, parameters: Parameters) -> None:
    """Delete a load balancer's interfaces; moto deletes its listeners with it."""
    balancer = backends.elbv2().load_balancers.get(parameters["LoadBalancerArn"])
    if balancer is not None:
        for node in balancer.nodes.values():
            backends.ec2().delete_network_interface(node.id)


def _balancer(parameters: Parameters) -> Any:
    balancer = backends.elbv2().load_balancers.get(parameters["LoadBalancerArn"])
    if balancer is None:
        raise ApiError("LoadBalancerNotFound", "One or more load balancers not found")
    return balancer


def _group(parameters: Parameters) -> Any:
    group = backends.elbv2().target_groups.get(parameters["TargetGroupArn"])
    if group is None:
        raise ApiError("TargetGroupNotFound", "One or more target groups not found")
    return group


def _create_group(_: Memory, parameters: Parameters) -> None:
    kind, protocol = parameters.get("TargetType", "instance"), parameters.get("Protocol")
    if (kind, protocol) != ("instance", "TCP"):
        raise ApiError("ValidationError", "the lab has target groups of instances and TCP only")
    if parameters.get("HealthCheckProtocol", "TCP") != "TCP":
        raise ApiError("ValidationError", "the lab has health checks of targets by TCP only")


def _create_listener(_: Memory, parameters: Parameters) -> None:
    balancer = _balancer(parameters)
    arn = parameters.get("DefaultActions.member.1.TargetGroupArn", "")
    group = backends.elbv2().target_groups.get(arn)
    if group is None:
        raise ApiError("TargetGroupNotFound", f"Target groups '{arn}' not found")
    if int(group.port) != int(parameters["Port"]):
        raise ApiError("ValidationError", "the lab's listeners have their target group's port")
    others = [used for used in using(group) if used is not balancer]
    if others:
        raise ApiError(
            "TargetGroupAssociationLimit",
            f"The following target groups cannot be associated with more than one load balancer: "
            f"{arn}",
        )


def _register(memory: Memory, parameters: Parameters) -> None:
    group = _group(parameters)
    for key, identity in parameters.items():
        if not re.fullmatch(r"Targets\.member\.\d+\.Id", key):
            continue
        found = {instance.id: instance for instance in backends.instances()}.get(identity)
        if found is None or found._state.name != "running":
            raise ApiError(
                "InvalidTarget",
                "The following targets are not in a running state and cannot be registered: "
                f"'{identity}'",
            )
        if found.vpc_id != group.vpc_id:
            raise ApiError(
                "InvalidTarget",
                f"The following targets are not in the target group VPC '{group.vpc_id}': "
                f"'{identity}'",
            )
        memory.balancers.draining.pop((group.arn, identity), None)


def _deregister(memory: Memory, parameters: Parameters) -> None:
    """A target drains for its group's delay."""
    group = _group(parameters)
    end = time.monotonic() + float(group.attributes[DELAY])
    for key, identity in parameters.items():
        if re.fullmatch(r"Targets\.member\.\d+\.Id", key) and identity in group.targets:
            memory.balancers.draining[group.arn, identity] = end


def _report(memory: Memory, parameters: Parameters) -> None:
    """DescribeTargetHealth: store each target's health in moto's target group."""
    group = _group(parameters)
    balancers = using(group)
    leaving = [i for arn, i in memory.balancers.draining if arn == group.arn]
    group.reported = {
        identity: memory.balancers.health(balancers, group, identity)
        for identity in {*group.targets, *leaving}
    }


def _health_for(group: Any, target: dict[str, Any], _: Any) -> Any:
    absent = "unused", "Target.NotRegistered", "Target is not registered to the target group"
    state, reason, said = group.reported.get(target["Id"], absent)
    port = str(target.get("Port", group.port))
    check = group.port if group.health_check_port == "traffic-port" else group.health_check_port
    return FakeHealthStatus(target["Id"], port, str(check), state, reason or None, said or None)


def _deregistered(group: Any, targets: list[dict[str, Any]]) -> None:
    for target in targets:
        group.targets.pop(target["Id"], None)


# "If the specified target does not exist, the action returns successfully" (API reference)
setattr(FakeTargetGroup, "deregister", _deregistered)  # noqa: B010
# moto's own reports every registered target as healthy
setattr(FakeTargetGroup, "health_for", _health_for)  # noqa: B010

Rule = Callable[[Memory, Parameters], None]
BEFORE: Mapping[str, Rule] = {
    "CreateLoadBalancer": _create,
    "SetSubnets": _set_subnets,
    "SetSecurityGroups": _set_groups,
    "DeleteLoadBalancer": _delete,
    "CreateTargetGroup": _create_group,
    "CreateListener": _create_listener,
    "RegisterTargets": _register,
    "DeregisterTargets": _deregister,
    "DescribeTargetHealth": _report,
}
AFTER: Mapping[str, Rule] = {"CreateLoadBalancer": _created}

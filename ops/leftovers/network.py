"""EC2: what has the stack's tags, in an order in which it can be removed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.leftovers.left import Left, monthly

# USD a month of 730 hours, us-east-1, 2026
INSTANCES = {"t4g.nano": 3.07, "t4g.micro": 6.13, "t4g.small": 12.26}
ADDRESS, NAT_GATEWAY = 3.65, 32.85
VOLUME_GIB, SNAPSHOT_GIB = 0.08, 0.05
ENDED = ("terminated", "shutting-down", "deleted", "deleting")

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of resource: how it is listed, what it holds, how it is removed."""

    what: str
    operation: str
    key: str
    id: str
    holds: Callable[[Item], str]
    remove: Callable[[Item], str]
    filters: str = "Filters"


def _free(what: str) -> Callable[[Item], str]:
    return lambda _: f"nothing; {what}"


def _delete(what: str) -> Callable[[Item], str]:
    option = f"{what}-id" if what != "security-group" else "group-id"
    field = "".join(part.capitalize() for part in option.split("-"))
    return lambda item: f"aws ec2 delete-{what} --{option} {item[field]}"


def _price(item: Item) -> str:
    kind = item["InstanceType"]
    return monthly(INSTANCES[kind]) if kind in INSTANCES else f"the price of a {kind}"


def _detach(item: Item) -> str:
    identity = item["InternetGatewayId"]
    first = "".join(
        f"aws ec2 detach-internet-gateway --internet-gateway-id {identity} --vpc-id {a['VpcId']}; "
        for a in item["Attachments"]
    )
    return f"{first}aws ec2 delete-internet-gateway --internet-gateway-id {identity}"


BEFORE_ADDRESSES = (
    Kind(
        "instance",
        "describe_instances",
        "Instances",
        "InstanceId",
        _price,
        lambda item: (
            f"aws ec2 terminate-instances --instance-ids {item['InstanceId']}; "
            f"aws ec2 wait instance-terminated --instance-ids {item['InstanceId']}"
        ),
    ),
    Kind(
        "NAT gateway",
        "describe_nat_gateways",
        "NatGateways",
        "NatGatewayId",
        lambda _: monthly(NAT_GATEWAY),
        lambda item: (
            f"aws ec2 delete-nat-gateway --nat-gateway-id {item['NatGatewayId']}; "
            f"aws ec2 wait nat-gateway-deleted --nat-gateway-ids {item['NatGatewayId']}"
        ),
        "Filter",
    ),
)
AFTER_ADDRESSES = (
    Kind(
        "network interface",
        "describe_network_interfaces",
        "NetworkInterfaces",
        "NetworkInterfaceId",
        _free("it keeps its security group and subnet"),
        _delete("network-interface"),
    ),
    Kind(
        "volume",
        "describe_volumes",
        "Volumes",
        "VolumeId",
        lambda item: f"{monthly(item['Size'] * VOLUME_GIB)}; queue, certificates, mailboxes",
        _delete("volume"),
    ),
    Kind(
        "snapshot",
        "describe_snapshots",
        "Snapshots",
        "SnapshotId",
        lambda item: f"at most {monthly(item['VolumeSize'] * SNAPSHOT_GIB)}",
        _delete("snapshot"),
    ),
    Kind(
        "security group",
        "describe_security_groups",
        "SecurityGroups",
        "GroupId",
        _free("it keeps its VPC"),
        _delete("security-group"),
    ),
    Kind(
        "internet gateway",
        "describe_internet_gateways",
        "InternetGateways",
        "InternetGatewayId",
        _free("five in a region"),
        _detach,
    ),
    Kind(
        "subnet",
        "describe_subnets",
        "Subnets",
        "SubnetId",
        _free("it keeps its VPC"),
        _delete("subnet"),
    ),
    Kind(
        "route table",
        "describe_route_tables",
        "RouteTables",
        "RouteTableId",
        _free("it keeps its VPC"),
        _delete("route-table"),
    ),
    Kind("VPC", "describe_vpcs", "Vpcs", "VpcId", _free("five in a region"), _delete("vpc")),
)


def find(ec2: Any, tags: Mapping[str, str], hosts: Sequence[str]) -> Iterator[Left]:
    """What has all of the tags, and the addresses whose reverse name is one of the hosts'."""
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    for kind in BEFORE_ADDRESSES:
        yield from _tagged(ec2, kind, filters)
    yield from _addresses(ec2, tags, hosts)
    for kind in AFTER_ADDRESSES:
        yield from _tagged(ec2, kind, filters)


def _tagged(ec2: Any, kind: Kind, filters: list[dict[str, Any]]) -> Iterator[Left]:
    for page in ec2.get_paginator(kind.operation).paginate(**{kind.filters: filters}):
        groups = page["Reservations"] if kind.key == "Instances" else [page]
        for item in (item for group in groups for item in group[kind.key]):
            state = item.get("State", "")
            if (state["Name"] if isinstance(state, dict) else state) not in ENDED:
                name = _tags(item).get("Name", "")
                yield Left(kind.what, item[kind.id], name, kind.holds(item), kind.remove(item))


def _addresses(ec2: Any, tags: Mapping[str, str], hosts: Sequence[str]) -> Iterator[Left]:
    held = ec2.describe_addresses()["Addresses"]
    identities = [item["AllocationId"] for item in held]
    names: dict[str, str] = {}
    if identities:
        answer = ec2.describe_addresses_attribute(AllocationIds=identities, Attribute="domain-name")
        for item in answer["Addresses"]:
            names[item["AllocationId"]] = item.get("PtrRecord", "").rstrip(".")
    for item in held:
        identity = item["AllocationId"]
        pointer = names.get(identity, "")
        if not (tags.items() <= _tags(item).items() or pointer in hosts):
            continue
        steps = []
        if association := item.get("AssociationId"):
            steps.append(f"aws ec2 disassociate-address --association-id {association}")
        if pointer:  # an address with a reverse name is not released
            reset = "aws ec2 reset-address-attribute --attribute domain-name"
            steps.append(f"{reset} --allocation-id {identity}")
        steps.append(f"aws ec2 release-address --allocation-id {identity}")
        holds = monthly(ADDRESS) + (f"; the reverse name {pointer}" if pointer else "")
        yield Left("elastic IP", identity, item["PublicIp"], holds, "; ".join(steps))


def _tags(item: Item) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}

"""EC2's calls about Instance Connect Endpoints, which moto lacks."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from lab.region import backends
from lab.region.errors import REQUEST_ID, ApiError
from lab.region.instance_connect import Endpoint
from lab.region.memory import Memory
from lab.region.rules.ec2 import create_network_interface

Parameters = dict[str, str]
# EC2 User Guide, "Quotas for EC2 Instance Connect Endpoint"
A_REGION, A_VPC = 5, 1
XMLNS = "http://ec2.amazonaws.com/doc/2016-11-15/"


def create(memory: Memory, parameters: Parameters) -> str:
    """CreateInstanceConnectEndpoint. Which codes AWS has for its quotas was not found."""
    subnet = backends.ec2().get_subnet(parameters.get("SubnetId", ""))
    others = [e.interface.subnet.vpc_id for e in memory.endpoints.values()]
    if others.count(subnet.vpc_id) >= A_VPC:
        raise ApiError(
            "InstanceConnectEndpointLimitExceeded",
            f"The maximum number of EC2 Instance Connect Endpoints per VPC ({A_VPC}) is reached",
        )
    if len(others) >= A_REGION:
        raise ApiError(
            "InstanceConnectEndpointLimitExceeded",
            f"The maximum number of EC2 Instance Connect Endpoints ({A_REGION}) is reached",
        )
    groups = _groups(parameters, subnet.vpc_id)
    chosen = {"SubnetId": subnet.id}
    create_network_interface(memory, chosen)
    interface = backends.ec2().create_network_interface(
        subnet, chosen["PrivateIpAddress"], group_ids=list(groups)
    )
    # AWS's own default; it keeps the client's address as the source, which the lab has not
    keeps = parameters.get("PreserveClientIp", "true").lower() == "true"
    made = Endpoint(interface, groups, keeps, memory.endpoint_seconds)
    interface.description = f"EC2 Instance Connect Endpoint - {made.id}"
    tags = {
        value: parameters[key.replace(".Key", ".Value")]
        for key, value in parameters.items()
        if key.startswith("TagSpecification.1.Tag.") and key.endswith(".Key")
    }
    if tags:
        backends.ec2().create_tags([made.id], tags)
    memory.endpoints[made.id] = made
    return _answer("CreateInstanceConnectEndpoint", _item("instanceConnectEndpoint", made))


def _groups(parameters: Parameters, vpc: str) -> tuple[str, ...]:
    """The given security groups, which are the VPC's; without any the VPC's default one."""
    known = backends.ec2().groups[vpc]
    given = tuple(v for k, v in parameters.items() if k.startswith("SecurityGroupId."))
    for group in given:
        if group not in known:
            raise ApiError(
                "InvalidSecurityGroupID.NotFound", f"The security group '{group}' does not exist"
            )
    return given or tuple(group.id for group in known.values() if group.name == "default")


def describe(memory: Memory, parameters: Parameters) -> str:
    """DescribeInstanceConnectEndpoints, with the filters of its documentation."""
    wanted = [v for k, v in parameters.items() if k.startswith("InstanceConnectEndpointId.")]
    for identity in wanted:
        _found(memory, identity)
    items = "".join(
        _item("item", endpoint)
        for endpoint in memory.endpoints.values()
        if not wanted or endpoint.id in wanted
        if all(_fits(endpoint, name, values) for name, values in _filters(parameters))
    )
    inner = f"<instanceConnectEndpointSet>{items}</instanceConnectEndpointSet>"
    return _answer("DescribeInstanceConnectEndpoints", inner)


def _filters(parameters: Parameters) -> list[tuple[str, list[str]]]:
    names = {k: v for k, v in parameters.items() if k.startswith("Filter.") and k.endswith(".Name")}
    return [
        (name, [v for k, v in parameters.items() if k.startswith(key.replace("Name", "Value."))])
        for key, name in names.items()
    ]


def _fits(endpoint: Endpoint, name: str, values: list[str]) -> bool:
    subnet = endpoint.interface.subnet
    plain = {
        "instance-connect-endpoint-id": endpoint.id,
        "state": endpoint.state,
        "subnet-id": subnet.id,
        "vpc-id": subnet.vpc_id,
    }
    if name in plain:
        return plain[name] in values
    if name.startswith("tag:"):
        return _tags(endpoint).get(name.removeprefix("tag:")) in values
    raise ApiError("InvalidParameterValue", f"The filter '{name}' is invalid")


def delete(memory: Memory, parameters: Parameters) -> str:
    """DeleteInstanceConnectEndpoint."""
    endpoint = _found(memory, parameters.get("InstanceConnectEndpointId", ""))
    endpoint.deleted = endpoint.deleted or time.monotonic()
    return _answer("DeleteInstanceConnectEndpoint", _item("instanceConnectEndpoint", endpoint))


def delete_network_interface(memory: Memory, parameters: Parameters) -> None:
    """An endpoint's interface goes with the endpoint alone."""
    for endpoint in memory.endpoints.values():
        if endpoint.interface.id == parameters.get("NetworkInterfaceId"):
            raise ApiError(
                "OperationNotPermitted",
                f"You are not allowed to manage '{endpoint.interface.id}', which is AWS's own",
            )


def _found(memory: Memory, identity: str) -> Endpoint:
    if identity not in memory.endpoints:
        raise ApiError(
            "InvalidInstanceConnectEndpointId.NotFound",
            f"The instance connect endpoint ID '{identity}' does not exist",
        )
    return memory.endpoints[identity]


def _tags(endpoint: Endpoint) -> dict[str, str]:
    return dict(backends.ec2().tags.get(endpoint.id, {}))


def _item(name: str, endpoint: Endpoint) -> str:
    subnet = endpoint.interface.subnet
    fields = {
        "ownerId": backends.ACCOUNT,
        "instanceConnectEndpointId": endpoint.id,
        "instanceConnectEndpointArn": endpoint.arn,
        "state": endpoint.state,
        "stateMessage": "",
        "dnsName": endpoint.dns_name,
        "vpcId": subnet.vpc_id,
        "availabilityZone": subnet.availability_zone,
        "createdAt": datetime.fromtimestamp(endpoint.made_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subnetId": subnet.id,
        "preserveClientIp": str(endpoint.preserve_client_ip).lower(),
        "ipAddressType": "ipv4",
    }
    lists = {
        "networkInterfaceIdSet": [endpoint.interface.id],
        "securityGroupIdSet": [*endpoint.groups],
    }
    text = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in fields.items())
    for key, values in lists.items():
        text += f"<{key}>{''.join(f'<item>{value}</item>' for value in values)}</{key}>"
    tags = "".join(
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>"
        for key, value in _tags(endpoint).items()
    )
    return f"<{name}>{text}<tagSet>{tags}</tagSet></{name}>"


def _answer(action: str, inner: str) -> str:
    name = f"{action}Response"
    return f'<{name} xmlns="{XMLNS}"><requestId>{REQUEST_ID}</requestId>{inner}</{name}>'


INSTEAD: Mapping[str, Callable[[Memory, Parameters], str]] = {
    "CreateInstanceConnectEndpoint": create,
    "DescribeInstanceConnectEndpoints": describe,
    "DeleteInstanceConnectEndpoint": delete,
}
BEFORE: Mapping[str, Callable[[Memory, Parameters], None]] = {
    "DeleteNetworkInterface": delete_network_interface,
}

"""Rules of EC2, which get a request's parameters before moto, or answer instead of moto."""

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from moto.ec2.models.instance_types import INSTANCE_TYPES

from lab.region import backends, balancers, names, power
from lab.region.errors import REQUEST_ID, ApiError
from lab.region.memory import Memory
from lab.region.rules import account, availability, images, snapshots, volumes

Parameters = dict[str, str]
USER_DATA_LIMIT = 16_384
ELASTIC = ipaddress.ip_network("203.0.113.0/24")
DESCRIPTION = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")
CONSOLE_BYTES = 65_536  # bytes at the end of the console's log that EC2 keeps


def run_instances(memory: Memory, parameters: Parameters) -> None:
    """Limits on user data, architecture, metadata options, addresses."""
    data = base64.b64decode(parameters.get("UserData", ""))
    if len(data) > USER_DATA_LIMIT:
        raise ApiError("InvalidParameterValue", "User data is limited to 16384 bytes")
    image = backends.ec2().amis.get(parameters.get("ImageId", ""))
    kind = parameters.get("InstanceType", "")
    if kind not in INSTANCE_TYPES:
        raise ApiError("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
    runs = INSTANCE_TYPES[kind]["ProcessorInfo"]["SupportedArchitectures"]
    if image is not None and image.architecture not in runs:
        wants = " or ".join(runs)
        raise ApiError(
            "InvalidParameterValue",
            f"The architecture '{wants}' of the specified instance type does not match the "
            f"architecture '{image.architecture}' of the specified AMI. Specify an instance type "
            "and an AMI that have matching architectures, and try again.",
        )
    hops = parameters.get("MetadataOptions.HttpPutResponseHopLimit", "1")
    if not 1 <= int(hops) <= 64:
        raise ApiError(
            "InvalidParameterValue", f"HttpPutResponseHopLimit {hops} is not between 1 and 64"
        )
    interface = parameters.get("NetworkInterface.1.NetworkInterfaceId")
    if interface:
        found = backends.ec2().get_network_interface(interface)
        if found.instance is not None and found.instance._state.name != "terminated":
            raise ApiError("InvalidNetworkInterface.InUse", f"Interface: [{interface}] in use.")
        availability.place(memory, found, parameters)


def _identities(parameters: Parameters) -> list[str]:
    return [v for k, v in parameters.items() if k.startswith("InstanceId.")]


def count_boot(memory: Memory, parameters: Parameters) -> None:
    """Count the boots of StartInstances and RebootInstances."""
    for identity in _identities(parameters):
        memory.boots[identity] = memory.boots.get(identity, 1) + 1


def after_terminate(_: Memory, parameters: Parameters) -> None:
    """Release the interfaces and data volumes that outlive the instance."""
    for instance in backends.instances():
        if instance.id not in _identities(parameters) or instance._state.name != "terminated":
            continue
        for index, interface in list(instance.nics.items()):
            instance.detach_eni(interface)
            instance.nics[index] = interface  # moto describes terminated instances by it
        for volume in backends.ec2().volumes.values():
            if volume.attachment is not None and volume.attachment.instance is instance:
                volume.attachment = None


def allocate_address(_: Memory, parameters: Parameters) -> None:
    """Choose an address of the lab's range."""
    used = {a.public_ip for a in backends.ec2().addresses}
    parameters["Address"] = next(str(a) for a in ELASTIC.hosts() if str(a) not in used)


def associate_address(_: Memory, parameters: Parameters) -> None:
    """An address can only be associated in a VPC with an internet gateway.

    An interface that has another address already is refused, unless AllowReassociation is set.
    """
    interface_id = parameters.get("NetworkInterfaceId")
    if not interface_id:
        return
    interface = backends.ec2().get_network_interface(interface_id)
    vpc = interface.subnet.vpc_id
    gateways = backends.ec2().internet_gateways.values()
    if not any(g.vpc is not None and g.vpc.id == vpc for g in gateways):
        raise ApiError(
            "Gateway.NotAttached", f"Network {vpc} is not attached to any internet gateway"
        )
    if parameters.get("AllowReassociation") != "true":
        for other in backends.ec2().addresses:
            if other.eni is interface and other.allocation_id != parameters.get("AllocationId"):
                raise ApiError(
                    "Resource.AlreadyAssociated",
                    f"resource {interface_id} is already associated with address "
                    f"{other.allocation_id}",
                )


def leave_others(_: Memory, parameters: Parameters) -> None:
    """The address that the interface had before is in use no more, and stays the account's."""
    for other in backends.ec2().addresses:
        same = other.eni is not None and other.eni.id == parameters.get("NetworkInterfaceId")
        if same and other.allocation_id != parameters.get("AllocationId"):
            other.eni = other.instance = other.association_id = None


def release_address(memory: Memory, parameters: Parameters) -> None:
    """An address is not released while it is in use or has a reverse name."""
    address = _address(parameters)
    if address.eni is not None:
        raise ApiError(
            "InvalidIPAddress.InUse",
            f"Address {address.public_ip} is in use.",
        )
    if address.allocation_id in memory.pointers:
        raise ApiError(
            "InvalidAddress.PtrSet",
            f"The address {address.public_ip} with allocation id {address.allocation_id} cannot be "
            "released because it has a reverse DNS record",
        )


def _address(parameters: Parameters) -> Any:
    identity = parameters.get("AllocationId", "")
    for address in backends.ec2().addresses:
        if address.allocation_id == identity:
            return address
    raise ApiError("InvalidAllocationID.NotFound", f"The allocation ID '{identity}' does not exist")


def modify_address_attribute(memory: Memory, parameters: Parameters) -> str:
    """Set the PTR of an address, if the name resolves to it."""
    address = _address(parameters)
    name = parameters.get("DomainName", "").rstrip(".")
    if address.public_ip not in names.public_addresses(memory, name):
        raise ApiError(
            "InvalidParameterValue",
            f"The domain name {name} does not resolve to the address {address.public_ip}: create "
            "an A record for it first",
        )
    memory.pointers[address.allocation_id] = name
    return _attribute(memory, "ModifyAddressAttributeResponse", [address], single=True)


def reset_address_attribute(memory: Memory, parameters: Parameters) -> str:
    """Reset the reverse name to Amazon's own."""
    address = _address(parameters)
    memory.pointers.pop(address.allocation_id, None)
    return _attribute(memory, "ResetAddressAttributeResponse", [address], single=True)


def describe_addresses_attribute(memory: Memory, parameters: Parameters) -> str:
    """The reverse names of the addresses asked for."""
    wanted = [v for k, v in parameters.items() if k.startswith("AllocationId.")]
    chosen = [_address({"AllocationId": identity}) for identity in wanted]
    return _attribute(memory, "DescribeAddressesAttributeResponse", chosen, single=False)


def _attribute(memory: Memory, name: str, addresses: list[Any], *, single: bool) -> str:
    items = "".join(
        ("" if single else "<item>")
        + f"<publicIp>{a.public_ip}</publicIp><allocationId>{a.allocation_id}</allocationId>"
        + (
            f"<ptrRecord>{escape(memory.pointers[a.allocation_id])}.</ptrRecord>"
            if a.allocation_id in memory.pointers
            else ""
        )
        + ("" if single else "</item>")
        for a in addresses
    )
    inner = f"<address>{items}</address>" if single else f"<addressSet>{items}</addressSet>"
    return (
        f'<{name} xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{REQUEST_ID}</requestId>{inner}</{name}>"
    )


def get_console_output(memory: Memory, parameters: Parameters) -> str:
    """The end of a machine's console log, always current, as on Nitro."""
    identity = parameters.get("InstanceId", "")
    if identity not in [instance.id for instance in backends.instances()]:
        text = f"The instance ID '{identity}' does not exist"
        raise ApiError("InvalidInstanceID.NotFound", text)
    file = memory.consoles and memory.consoles / identity / "console.log"
    content = file.read_bytes()[-CONSOLE_BYTES:] if file and file.exists() else b""
    return (
        '<GetConsoleOutputResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{REQUEST_ID}</requestId><instanceId>{identity}</instanceId>"
        f"<output>{base64.b64encode(content).decode()}</output></GetConsoleOutputResponse>"
    )


def create_security_group(_: Memory, parameters: Parameters) -> None:
    """Refuse wrong characters in the description, and names that look like ids."""
    if not DESCRIPTION.fullmatch(parameters.get("GroupDescription", "")):
        raise ApiError(
            "InvalidParameterValue",
            "Invalid security group description. Valid descriptions are strings less than 256 "
            "characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )
    if parameters.get("GroupName", "").startswith("sg-"):
        raise ApiError("InvalidParameterValue", "Group names may not be in the format sg-*.")


def authorize(_: Memory, parameters: Parameters) -> None:
    """Port ranges must be in order, networks without host bits."""
    for key, value in parameters.items():
        if key.endswith(".CidrIp"):
            try:
                ipaddress.ip_network(value)
            except ValueError:
                raise ApiError(
                    "InvalidParameterValue", f"CIDR block {value} is malformed"
                ) from None
        if key.endswith(".FromPort"):
            to = parameters.get(key.replace("FromPort", "ToPort"), value)
            if int(value) > int(to) and int(to) >= 0:
                raise ApiError(
                    "InvalidParameterValue",
                    f"Invalid TCP/UDP port range ({value}:{to})",
                )


def _depends(kind: str, identity: str, why: str) -> ApiError:
    return ApiError("DependencyViolation", f"{kind} {identity} {why}")


def delete_security_group(_: Memory, parameters: Parameters) -> None:
    """Refused while an interface has the group, or a rule of another group in the VPC names it."""
    identity = parameters.get("GroupId", "")
    for interface in backends.ec2().enis.values():
        if identity in [group.id for group in interface.group_set]:
            raise _depends("resource", identity, "has a dependent object")
    for groups in backends.ec2().groups.values():
        for other in groups.values():
            rules = [*other.ingress_rules, *other.egress_rules]
            named = [rule.source_group.get("GroupId") for rule in rules]
            if other.id != identity and identity in named:
                raise _depends("resource", identity, "has a dependent object")


def leave_interface(_: Memory, parameters: Parameters) -> None:
    """An address is not associated any more once its interface is gone."""
    for address in backends.ec2().addresses:
        if address.eni is not None and address.eni.id == parameters.get("NetworkInterfaceId"):
            address.eni = address.instance = address.association_id = None


def delete_subnet(_: Memory, parameters: Parameters) -> None:
    """Refused while an interface is in the subnet."""
    identity = parameters.get("SubnetId", "")
    if any(i.subnet.id == identity for i in backends.ec2().enis.values()):
        raise _depends("The subnet", f"'{identity}'", "has dependencies and cannot be deleted.")


def leave_tables(_: Memory, parameters: Parameters) -> None:
    """A route table's association goes with its subnet."""
    gone = parameters.get("SubnetId", "")
    for table in backends.ec2().route_tables.values():
        held = table._associations
        for association in [a for a, subnet in held.items() if subnet == gone]:
            del held[association]


def delete_vpc(_: Memory, parameters: Parameters) -> None:
    """Refused while anything exists in the VPC."""
    identity = parameters.get("VpcId", "")
    ec2 = backends.ec2()
    busy = (
        any(s.vpc_id == identity for zone in ec2.subnets.values() for s in zone.values())
        or any(g.vpc is not None and g.vpc.id == identity for g in ec2.internet_gateways.values())
        or any(g.name != "default" for g in ec2.groups[identity].values())
    )
    if busy:
        raise _depends("The vpc", f"'{identity}'", "has dependencies and cannot be deleted.")


def detach_internet_gateway(_: Memory, parameters: Parameters) -> None:
    """Refused while an address of its VPC is in use."""
    vpc = parameters.get("VpcId", "")
    held = [address.eni for address in backends.ec2().addresses if address.eni is not None]
    held += [node.interface for node in balancers.all_nodes()]
    for interface in held:
        if interface.subnet.vpc_id == vpc:
            raise ApiError(
                "DependencyViolation",
                f"Network {vpc} has some mapped public address(es). Please unmap those public "
                "address(es) before detaching the gateway.",
            )


def create_network_interface(_: Memory, parameters: Parameters) -> None:
    """The interface's address must be in the subnet, not reserved, and free."""
    wanted = parameters.get("PrivateIpAddress") or parameters.get(
        "PrivateIpAddresses.1.PrivateIpAddress"
    )
    subnet = backends.ec2().get_subnet(parameters["SubnetId"])
    network = ipaddress.ip_network(subnet.cidr_block)
    taken = {i.private_ip_address for i in backends.ec2().enis.values()}
    reserved = {str(network[n]) for n in (0, 1, 2, 3, -1)}
    if wanted is None:
        free = (str(a) for a in network.hosts() if str(a) not in taken | reserved)
        parameters["PrivateIpAddress"] = next(free)
        return
    if ipaddress.ip_address(wanted) not in network:
        raise ApiError(
            "InvalidParameterValue",
            f"Address {wanted} does not fall within the subnet's address range",
        )
    if wanted in reserved:
        raise ApiError(
            "InvalidParameterValue", f"Address {wanted} is in subnet's reserved address range"
        )
    if wanted in taken:
        raise ApiError("InvalidIPAddress.InUse", f"Address {wanted} is in use.")


def create_route(_: Memory, parameters: Parameters) -> None:
    """The interface that a route targets must be in the route's VPC."""
    interface, table = parameters.get("NetworkInterfaceId"), parameters["RouteTableId"]
    if interface:
        vpc = backends.ec2().get_network_interface(interface).subnet.vpc_id
        if backends.ec2().get_route_table(table).vpc_id != vpc:
            raise ApiError(
                "InvalidParameterValue",
                f"route table {table} and network interface {interface} belong to different "
                "networks",
            )


def after_associate(_: Memory, __: Parameters) -> None:
    """Correct the interface that an address has left, which moto does not update."""
    used = {a.eni.id for a in backends.ec2().addresses if a.eni is not None}
    for interface in backends.ec2().enis.values():
        if interface.id not in used:
            interface.public_ip = None


BEFORE: Mapping[str, Callable[[Memory, Parameters], None]] = {
    **availability.BEFORE,
    **snapshots.BEFORE,
    **volumes.BEFORE,
    "DescribeInstanceStatus": power.before_status,
    "DescribeImages": images.describe_images,
    "RunInstances": run_instances,
    "AllocateAddress": allocate_address,
    "AssociateAddress": associate_address,
    "ReleaseAddress": release_address,
    "CreateSecurityGroup": create_security_group,
    "AuthorizeSecurityGroupIngress": authorize,
    "AuthorizeSecurityGroupEgress": authorize,
    "DeleteSecurityGroup": delete_security_group,
    "DeleteSubnet": delete_subnet,
    "DeleteVpc": delete_vpc,
    "DetachInternetGateway": detach_internet_gateway,
    "CreateNetworkInterface": create_network_interface,
    "CreateRoute": create_route,
}
INSTEAD: Mapping[str, Callable[[Memory, Parameters], str]] = {
    **availability.INSTEAD,
    "ModifyAddressAttribute": modify_address_attribute,
    "ResetAddressAttribute": reset_address_attribute,
    "DescribeAddressesAttribute": describe_addresses_attribute,
    "GetConsoleOutput": get_console_output,
    "GetAllowedImagesSettings": account.allowed_images,
}
AFTER: Mapping[str, Callable[[Memory, Parameters], None]] = {
    "AssociateAddress": leave_others,
    **snapshots.AFTER,
    "StartInstances": count_boot,
    "RebootInstances": count_boot,
    "TerminateInstances": after_terminate,
    "DisassociateAddress": after_associate,
    "ReleaseAddress": after_associate,
    "DeleteNetworkInterface": leave_interface,
    "DeleteSubnet": leave_tables,
}

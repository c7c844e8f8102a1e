"""EC2 Instance Connect Endpoints (terraform-provider-aws, ec2/ec2_instance_connect_endpoint.go)."""

from typing import Any

from lab.provider.kinds import Clients, Kind, Properties, forgiving, names
from lab.provider.network import first, retag, tags_of
from lab.wait import until

CREATING, DELETING = "create-in-progress", "delete-in-progress"
SECONDS = 600.0  # the provider's default of both


def _found(c: Clients, identity: str) -> dict[str, Any] | None:
    return first(
        c.ec2.describe_instance_connect_endpoints,
        "InstanceConnectEndpoints",
        InstanceConnectEndpointIds=[identity],
    )


def create(c: Clients, p: Properties) -> str:
    identity = c.ec2.create_instance_connect_endpoint(
        SubnetId=p["subnetId"],
        SecurityGroupIds=p.get("securityGroupIds", []),
        PreserveClientIp=p["preserveClientIp"],
        TagSpecifications=c.tag_specification("instance-connect-endpoint", p),
    )["InstanceConnectEndpoint"]["InstanceConnectEndpointId"]
    until(
        f"{identity} is made",
        lambda: (found := _found(c, identity)) is None or found["State"] != CREATING,
        SECONDS,
    )
    return identity


def read(c: Clients, i: str, _: Properties) -> Properties | None:
    found = _found(c, i)
    if found is None or found["State"] == DELETING:
        return None
    return {
        "arn": found["InstanceConnectEndpointArn"],
        "availabilityZone": found["AvailabilityZone"],
        "dnsName": found["DnsName"],
        "networkInterfaceIds": found["NetworkInterfaceIds"],
        "ownerId": found["OwnerId"],
        "preserveClientIp": found["PreserveClientIp"],
        "securityGroupIds": sorted(found["SecurityGroupIds"]),
        "subnetId": found["SubnetId"],
        "vpcId": found["VpcId"],
        "tagsAll": tags_of(found),
    }


def delete(c: Clients, i: str, _: Properties) -> None:
    call = c.ec2.delete_instance_connect_endpoint
    forgiving(lambda: call(InstanceConnectEndpointId=i))
    until(f"{i} is gone", lambda: _found(c, i) is None, SECONDS)


KINDS = {
    "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": Kind(
        names("subnetId securityGroupIds preserveClientIp tags"),
        create,
        read,
        delete,
        retag,
        names("subnetId securityGroupIds preserveClientIp"),
        defaults={"preserveClientIp": True},
    ),
}

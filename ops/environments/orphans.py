"""What an `up` that was killed made without its state having been told: pending creates.

The state knows that they were begun; whether they came to be, and under which id, the account.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ops.leftovers import network

# Resources with tags, by what EC2's ids begin with.
_TAGGED = {
    "aws:ec2/vpc:Vpc": "vpc-",
    "aws:ec2/subnet:Subnet": "subnet-",
    "aws:ec2/internetGateway:InternetGateway": "igw-",
    "aws:ec2/routeTable:RouteTable": "rtb-",
    "aws:ec2/securityGroup:SecurityGroup": "sg-",
    "aws:ec2/networkInterface:NetworkInterface": "eni-",
    "aws:ec2/eip:Eip": "eipalloc-",
    "aws:ec2/natGateway:NatGateway": "nat-",
    "aws:ec2/instance:Instance": "i-",
    "aws:ebs/volume:Volume": "vol-",
}
# Those whose id is a name that Pulumi chose, or the program.
_NAMED = {
    "aws:iam/role:Role": "name",
    "aws:iam/instanceProfile:InstanceProfile": "name",
    "aws:iam/user:User": "name",
    "aws:sesv2/emailIdentity:EmailIdentity": "emailIdentity",
    "aws:s3/bucket:Bucket": "bucket",
    "aws:ec2/eipDomainName:EipDomainName": "allocationId",
}


def ids(state: dict[str, Any], client: Callable[[str], Any]) -> dict[str, str]:
    """By URN, the id of each pending create that the account may have; `client` makes boto3's.

    The others go with what they are a part of: rules with their group, objects with their bucket.
    """
    pending = [
        operation["resource"]
        for operation in state.get("pending_operations") or []
        if operation["type"] == "creating"
    ]
    return {r["urn"]: found for r in pending if (found := _id(r, client))}


def adopted(state: dict[str, Any], found: dict[str, str]) -> dict[str, Any]:
    """The state with those resources under their ids, and without pending operations.

    `pulumi refresh --import-pending-creates` was seen to leave such a resource out of the state.
    """
    kept = {key: value for key, value in state.items() if key != "pending_operations"}
    pending = [operation["resource"] for operation in state["pending_operations"]]
    ours = [{**r, "id": found[r["urn"]]} for r in pending if r["urn"] in found]
    return {**kept, "resources": [*state.get("resources", []), *ours]}


def _id(resource: dict[str, Any], client: Callable[[str], Any]) -> str | None:
    kind, inputs = resource["type"], resource.get("inputs", {})
    if kind in _TAGGED:
        return next(_by_tags(client("ec2"), _TAGGED[kind], inputs["tags"]), None)
    if kind in _NAMED:
        return inputs.get(_NAMED[kind])
    if kind == "aws:iam/rolePolicy:RolePolicy":
        return f"{inputs['role']}:{inputs['name']}"
    if kind == "aws:iam/userPolicy:UserPolicy":
        return f"{inputs['user']}:{inputs['name']}"
    if kind == "aws:iam/accessKey:AccessKey":
        return next(_keys(client("iam"), inputs["user"]), None)
    if kind == "aws:ec2/routeTableAssociation:RouteTableAssociation":
        return next(_association(client("ec2"), inputs["routeTableId"], inputs["subnetId"]), None)
    if kind == "aws:route53/record:Record":
        return f"{inputs['zoneId']}_{inputs['name']}_{inputs['type']}"
    if kind == "aws:route53/zone:Zone":
        return next(_zones(client("route53"), inputs["name"], inputs["comment"]), None)
    return None


def _by_tags(ec2: Any, prefix: str, tags: dict[str, str]) -> Iterator[str]:
    wanted = {key: tags[key] for key in ("Project", "Stack", "Name")}
    return (item.id for item in network.find(ec2, wanted, ()) if item.id.startswith(prefix))


def _keys(iam: Any, user: str) -> Iterator[str]:
    try:
        held = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    except iam.exceptions.NoSuchEntityException:
        return iter(())
    return (key["AccessKeyId"] for key in held)


def _association(ec2: Any, table: str, subnet: str) -> Iterator[str]:
    """It keeps its table, so it is no part of it."""
    filters = [{"Name": "route-table-id", "Values": [table]}]
    for found in ec2.describe_route_tables(Filters=filters)["RouteTables"]:
        for association in found["Associations"]:
            if association.get("SubnetId") == subnet:
                yield association["RouteTableAssociationId"]


def _zones(route53: Any, name: str, comment: str) -> Iterator[str]:
    for page in route53.get_paginator("list_hosted_zones").paginate():
        for zone in page["HostedZones"]:
            if zone["Name"] == f"{name}." and zone["Config"].get("Comment") == comment:
                yield zone["Id"].rpartition("/")[2]

"""What an `up` that was killed made without its state having been told: pending creates.

The state knows that they were begun; whether they came to be, and under which id, the account.
"""

from collections.abc import Callable, Iterator
from typing import Any

# Resources with tags, by what EC2 calls them.
_TAGGED = {
    "aws:ec2/vpc:Vpc": "vpc",
    "aws:ec2/subnet:Subnet": "subnet",
    "aws:ec2/internetGateway:InternetGateway": "internet-gateway",
    "aws:ec2/routeTable:RouteTable": "route-table",
    "aws:ec2/securityGroup:SecurityGroup": "security-group",
    "aws:ec2/networkInterface:NetworkInterface": "network-interface",
    "aws:ec2/eip:Eip": "elastic-ip",
    "aws:ec2/instance:Instance": "instance",
    "aws:ebs/volume:Volume": "volume",
}
# Those whose id is a name that Pulumi chose, or the program.
_NAMED = {
    "aws:iam/role:Role": "name",
    "aws:iam/instanceProfile:InstanceProfile": "name",
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


def _id(resource: dict[str, Any], client: Callable[[str], Any]) -> str | None:
    kind, inputs = resource["type"], resource.get("inputs", {})
    if kind in _TAGGED:
        return next(_by_tags(client("ec2"), _TAGGED[kind], inputs["tags"]), None)
    if kind in _NAMED:
        return inputs.get(_NAMED[kind])
    if kind == "aws:route53/record:Record":
        return f"{inputs['zoneId']}_{inputs['name']}_{inputs['type']}"
    if kind == "aws:route53/zone:Zone":
        return next(_zones(client("route53"), inputs["name"], inputs["comment"]), None)
    return None


def _by_tags(ec2: Any, kind: str, tags: dict[str, str]) -> Iterator[str]:
    wanted = {key: tags[key] for key in ("Project", "Stack", "Name")}
    held: dict[str, dict[str, str]] = {}
    pages = ec2.get_paginator("describe_tags").paginate(
        Filters=[{"Name": "resource-type", "Values": [kind]}]
    )
    for page in pages:
        for tag in page["Tags"]:
            held.setdefault(tag["ResourceId"], {})[tag["Key"]] = tag["Value"]
    return (i for i, found in held.items() if wanted.items() <= found.items())


def _zones(route53: Any, name: str, comment: str) -> Iterator[str]:
    for page in route53.get_paginator("list_hosted_zones").paginate():
        for zone in page["HostedZones"]:
            if zone["Name"] == f"{name}." and zone["Config"].get("Comment") == comment:
                yield zone["Id"].rpartition("/")[2]

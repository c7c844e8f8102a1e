"""The AWS types of the stack, a row each, in an order in which they can be removed.

The lab's plug-in makes them (lab/provider), `leftovers` lists those with tags, `settle` looks up
interrupted creations, and the policy `tagged` requires their tags.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.leftovers import begun
from ops.leftovers.begun import Finder
from ops.leftovers.left import monthly

# USD a month of 730 hours, us-east-1, 2026
INSTANCES = {"t4g.nano": 3.07, "t4g.micro": 6.13, "t4g.small": 12.26}
NAT_GATEWAY = 32.85
VOLUME_GIB, SNAPSHOT_GIB = 0.08, 0.05
ADDRESS = "aws:ec2/eip:Eip"
GROUP = "aws:ec2/securityGroup:SecurityGroup"

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Listed:
    """EC2's listing of a type by tags: the call, field names, the price, the command to remove one.

    `operation` is boto3's, `key` is the list's key in the answer, `id` that of an item's id.
    """

    what: str
    operation: str
    key: str
    id: str
    cost: Callable[[Item], str]
    remove: Callable[[Item], str]
    filters: str = "Filters"


@dataclass(frozen=True)
class AwsType:
    """A type: whether it has the stack's tags, and how to find an interrupted creation.

    That is found by its tags if EC2's ids of the type begin with `prefix`, else by `begun`. A type
    with neither needs no search: its creation can be repeated.
    """

    tagged: bool = False
    prefix: str = ""
    listed: Listed | None = None
    begun: Finder | None = None


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


_INSTANCE = Listed(
    "instance",
    "describe_instances",
    "Instances",
    "InstanceId",
    _price,
    lambda item: (
        f"aws ec2 terminate-instances --instance-ids {item['InstanceId']}; "
        f"aws ec2 wait instance-terminated --instance-ids {item['InstanceId']}"
    ),
)
_NAT_GATEWAY = Listed(
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
)
_ENDPOINT = Listed(
    "instance connect endpoint",
    "describe_instance_connect_endpoints",
    "InstanceConnectEndpoints",
    "InstanceConnectEndpointId",
    _free("five in a region; it keeps its security group and subnet"),
    lambda item: (
        "aws ec2 delete-instance-connect-endpoint --instance-connect-endpoint-id "
        f"{item['InstanceConnectEndpointId']}  # some minutes: wait until it is gone"
    ),
)
_INTERFACE = Listed(
    "network interface",
    "describe_network_interfaces",
    "NetworkInterfaces",
    "NetworkInterfaceId",
    _free("it keeps its security group and subnet"),
    _delete("network-interface"),
)
_VOLUME = Listed(
    "volume",
    "describe_volumes",
    "Volumes",
    "VolumeId",
    lambda item: f"{monthly(item['Size'] * VOLUME_GIB)}; queue, certificates, mailboxes",
    _delete("volume"),
)
_SNAPSHOT = Listed(
    "snapshot",
    "describe_snapshots",
    "Snapshots",
    "SnapshotId",
    lambda item: f"at most {monthly(item['VolumeSize'] * SNAPSHOT_GIB)}",
    _delete("snapshot"),
)
_GROUP = Listed(
    "security group",
    "describe_security_groups",
    "SecurityGroups",
    "GroupId",
    _free("it keeps its VPC"),
    _delete("security-group"),
)
_INTERNET_GATEWAY = Listed(
    "internet gateway",
    "describe_internet_gateways",
    "InternetGateways",
    "InternetGatewayId",
    _free("five in a region"),
    _detach,
)
_SUBNET = Listed(
    "subnet",
    "describe_subnets",
    "Subnets",
    "SubnetId",
    _free("it keeps its VPC"),
    _delete("subnet"),
)
_ROUTE_TABLE = Listed(
    "route table",
    "describe_route_tables",
    "RouteTables",
    "RouteTableId",
    _free("it keeps its VPC"),
    _delete("route-table"),
)
_VPC = Listed("VPC", "describe_vpcs", "Vpcs", "VpcId", _free("five in a region"), _delete("vpc"))

# By Pulumi's token. The stack makes no NAT gateways, but others' may have its tags. Snapshots are
# no resources of the stack: they are made when a volume goes, and daily (components/backup.py).
TYPES = {
    "aws:dlm/lifecyclePolicy:LifecyclePolicy": AwsType(tagged=True, begun=begun.lifecycle_policy),
    "aws:cloudwatch/metricAlarm:MetricAlarm": AwsType(tagged=True, begun=begun.alarm),
    "aws:cloudwatch/dashboard:Dashboard": AwsType(begun=begun.dashboard),
    "aws:cloudwatch/logGroup:LogGroup": AwsType(tagged=True, begun=begun.log_group),
    "aws:sns/topic:Topic": AwsType(tagged=True, begun=begun.topic),
    "aws:sns/topicSubscription:TopicSubscription": AwsType(),
    "aws:lb/loadBalancer:LoadBalancer": AwsType(tagged=True, begun=begun.balancer),
    "aws:lb/targetGroup:TargetGroup": AwsType(tagged=True, begun=begun.target_group),
    "aws:lb/listener:Listener": AwsType(tagged=True, begun=begun.listener),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": AwsType(),
    "aws:ec2/instance:Instance": AwsType(tagged=True, prefix="i-", listed=_INSTANCE),
    "aws:ec2/natGateway:NatGateway": AwsType(listed=_NAT_GATEWAY),
    "aws:ec2transitgateway/instanceConnectEndpoint:InstanceConnectEndpoint": AwsType(
        tagged=True, prefix="eice-", listed=_ENDPOINT
    ),
    ADDRESS: AwsType(tagged=True, prefix="eipalloc-"),
    "aws:ec2/networkInterface:NetworkInterface": AwsType(
        tagged=True, prefix="eni-", listed=_INTERFACE
    ),
    "aws:ebs/volume:Volume": AwsType(tagged=True, prefix="vol-", listed=_VOLUME),
    "aws:ebs/snapshot:Snapshot": AwsType(listed=_SNAPSHOT),
    GROUP: AwsType(tagged=True, prefix="sg-", listed=_GROUP),
    "aws:ec2/internetGateway:InternetGateway": AwsType(
        tagged=True, prefix="igw-", listed=_INTERNET_GATEWAY
    ),
    "aws:ec2/subnet:Subnet": AwsType(tagged=True, prefix="subnet-", listed=_SUBNET),
    "aws:ec2/routeTable:RouteTable": AwsType(tagged=True, prefix="rtb-", listed=_ROUTE_TABLE),
    "aws:ec2/vpc:Vpc": AwsType(tagged=True, prefix="vpc-", listed=_VPC),
    "aws:ec2/route:Route": AwsType(begun=begun.route),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": AwsType(begun=begun.association),
    "aws:ec2/eipDomainName:EipDomainName": AwsType(begun=begun.pointer),
    "aws:ec2/eipAssociation:EipAssociation": AwsType(begun=begun.address_in_use),
    "aws:ec2/volumeAttachment:VolumeAttachment": AwsType(begun=begun.attachment),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": AwsType(
        begun=begun.rule(egress=False)
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": AwsType(
        begun=begun.rule(egress=True)
    ),
    "aws:ec2/vpcSecurityGroupRulesExclusive:VpcSecurityGroupRulesExclusive": AwsType(),
    "aws:iam/role:Role": AwsType(tagged=True, begun=begun.role),
    "aws:iam/rolePolicy:RolePolicy": AwsType(begun=begun.policy("role")),
    "aws:iam/instanceProfile:InstanceProfile": AwsType(tagged=True, begun=begun.profile),
    "aws:iam/user:User": AwsType(tagged=True, begun=begun.user),
    "aws:iam/userPolicy:UserPolicy": AwsType(begun=begun.policy("user")),
    "aws:iam/accessKey:AccessKey": AwsType(begun=begun.keys),
    "aws:sesv2/emailIdentity:EmailIdentity": AwsType(tagged=True, begun=begun.identity),
    "aws:s3/bucket:Bucket": AwsType(tagged=True, begun=begun.bucket),
    "aws:s3/bucketVersioning:BucketVersioning": AwsType(),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        AwsType()
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": AwsType(),
    "aws:s3/bucketPolicy:BucketPolicy": AwsType(),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": AwsType(),
    "aws:s3/bucketObjectv2:BucketObjectv2": AwsType(),
    "aws:route53/zone:Zone": AwsType(tagged=True, begun=begun.zone),
    "aws:route53/healthCheck:HealthCheck": AwsType(tagged=True, begun=begun.health_check),
    "aws:route53/record:Record": AwsType(begun=begun.record),
}

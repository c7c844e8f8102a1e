"""What of a create that was cut off has come to be: looked up in the account.

The state knows that it was begun (a pending operation) and with which inputs; whether the thing
came to be, and under which id, the account.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ops.leftovers import network

Client = Callable[[str], Any]
Inputs = Mapping[str, Any]
Finder = Callable[[Client, Inputs], Iterator[str]]

ACCESS_KEY = "aws:iam/accessKey:AccessKey"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
_GONE = ("NoSuchEntity", "NoSuchHostedZone", "NoSuchBucket", "NotFoundException", "404", "403")


def find(client: Client, resource: Mapping[str, Any]) -> list[str]:
    """The ids under which the account may have a resource, from its type and its inputs.

    Only what is certainly the stack's own: it has the stack's tags, or a name that Pulumi chose,
    or is the very part of something of the stack that was to be made. A bucket's settings and
    objects are not looked up: to make them again is the same call as to make them.
    """
    finder = _FINDERS.get(resource["type"])
    if finder is None:
        return []
    try:
        return list(finder(client, resource.get("inputs", {})))
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if "NotFound" in code or code in _GONE:
            return []
        raise


def delete_key(client: Client, user: str, key: str) -> bool:
    """Delete an access key that nobody can ever have used; False for one that was used."""
    iam = client("iam")
    used = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    if used.get("LastUsedDate"):
        return False
    iam.delete_access_key(UserName=user, AccessKeyId=key)
    return True


def close_group(client: Client, group: str) -> None:
    """Take away the rule that a new security group comes with: everything may go out.

    The provider does so in a second call (vpc_security_group.go), which may not have been made.
    """
    for rule in _rules(client, {"securityGroupId": group}):
        if rule["IsEgress"] and rule["IpProtocol"] == "-1" and rule.get("CidrIpv4") == "0.0.0.0/0":
            identity = rule["SecurityGroupRuleId"]
            client("ec2").revoke_security_group_egress(
                GroupId=group, SecurityGroupRuleIds=[identity]
            )


def start(client: Client, instance: str) -> bool:
    """Start an instance that was stopped for a change; True if it was."""
    ec2 = client("ec2")
    filters = [
        {"Name": "instance-id", "Values": [instance]},
        {"Name": "instance-state-name", "Values": ["stopped", "stopping"]},
    ]
    if not ec2.describe_instances(Filters=filters)["Reservations"]:
        return False
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance], WaiterConfig={"Delay": 2})
    ec2.start_instances(InstanceIds=[instance])
    return True


def _tagged(prefix: str) -> Finder:
    """By its tags, by what EC2's ids of the type begin with."""

    def found(client: Client, inputs: Inputs) -> Iterator[str]:
        wanted = {key: inputs["tags"][key] for key in ("Project", "Stack", "Name")}
        items = network.find(client("ec2"), wanted, ())
        return (item.id for item in items if item.id.startswith(prefix))

    return found


def _role(client: Client, inputs: Inputs) -> Iterator[str]:
    yield client("iam").get_role(RoleName=inputs["name"])["Role"]["RoleName"]


def _profile(client: Client, inputs: Inputs) -> Iterator[str]:
    found = client("iam").get_instance_profile(InstanceProfileName=inputs["name"])
    yield found["InstanceProfile"]["InstanceProfileName"]


def _user(client: Client, inputs: Inputs) -> Iterator[str]:
    yield client("iam").get_user(UserName=inputs["name"])["User"]["UserName"]


def _policy(owner: str) -> Finder:
    def found(client: Client, inputs: Inputs) -> Iterator[str]:
        whose, name = inputs[owner], inputs["name"]
        named = {f"{owner.capitalize()}Name": whose, "PolicyName": name}
        getattr(client("iam"), f"get_{owner}_policy")(**named)
        yield f"{whose}:{name}"

    return found


def _keys(client: Client, inputs: Inputs) -> Iterator[str]:
    held = client("iam").list_access_keys(UserName=inputs["user"])["AccessKeyMetadata"]
    return (key["AccessKeyId"] for key in held)


def _identity(client: Client, inputs: Inputs) -> Iterator[str]:
    found = client("sesv2").get_email_identity(EmailIdentity=inputs["emailIdentity"])
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
    if inputs["tags"].items() <= tags.items():
        yield inputs["emailIdentity"]


def _bucket(client: Client, inputs: Inputs) -> Iterator[str]:
    client("s3").head_bucket(Bucket=inputs["bucket"])
    yield inputs["bucket"]


def _pointer(client: Client, inputs: Inputs) -> Iterator[str]:
    # still pending, it keeps the address from being released like one that is there
    arguments = {"AllocationIds": [inputs["allocationId"]], "Attribute": "domain-name"}
    for found in client("ec2").describe_addresses_attribute(**arguments)["Addresses"]:
        if found.get("PtrRecord") or found.get("PtrRecordUpdate"):
            yield inputs["allocationId"]


def _table(client: Client, inputs: Inputs) -> dict[str, Any]:
    filters = [{"Name": "route-table-id", "Values": [inputs["routeTableId"]]}]
    found = client("ec2").describe_route_tables(Filters=filters)["RouteTables"]
    return found[0] if found else {"Routes": [], "Associations": []}


def _route(client: Client, inputs: Inputs) -> Iterator[str]:
    destination = inputs["destinationCidrBlock"]
    for route in _table(client, inputs)["Routes"]:
        if route.get("DestinationCidrBlock") == destination:
            # the provider's own: vpc_route.go, routeCreateID
            yield f"r-{inputs['routeTableId']}{zlib.crc32(destination.encode())}"


def _association(client: Client, inputs: Inputs) -> Iterator[str]:
    for association in _table(client, inputs)["Associations"]:
        if association.get("SubnetId") == inputs["subnetId"]:
            yield association["RouteTableAssociationId"]


def _attachment(client: Client, inputs: Inputs) -> Iterator[str]:
    volume, instance, device = inputs["volumeId"], inputs["instanceId"], inputs["deviceName"]
    for found in client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"]:
        for attachment in found.get("Attachments", []):
            if (attachment["InstanceId"], attachment["Device"]) == (instance, device):
                # the provider's own: ebs_volume_attachment.go, volumeAttachmentID
                text = f"{device}-{instance}-{volume}-"
                yield f"vai-{zlib.crc32(text.encode())}"


def _rules(client: Client, inputs: Inputs) -> Iterator[dict[str, Any]]:
    filters = [{"Name": "group-id", "Values": [inputs["securityGroupId"]]}]
    pages = client("ec2").get_paginator("describe_security_group_rules").paginate(Filters=filters)
    return (rule for page in pages for rule in page["SecurityGroupRules"])


def _rule(egress: bool) -> Finder:
    def found(client: Client, inputs: Inputs) -> Iterator[str]:
        peer = inputs.get("cidrIpv4") or inputs.get("referencedSecurityGroupId")
        protocol = inputs["ipProtocol"]
        # of all protocols, a rule has no ports
        ports = (None, None) if protocol == "-1" else (inputs["fromPort"], inputs["toPort"])
        for rule in _rules(client, inputs):
            theirs = rule.get("CidrIpv4") or rule.get("ReferencedGroupInfo", {}).get("GroupId")
            held = (None, None) if protocol == "-1" else (rule.get("FromPort"), rule.get("ToPort"))
            same = (rule["IsEgress"], rule["IpProtocol"], held, theirs)
            if same == (egress, protocol, ports, peer):
                yield rule["SecurityGroupRuleId"]

    return found


def _zone(client: Client, inputs: Inputs) -> Iterator[str]:
    for page in client("route53").get_paginator("list_hosted_zones").paginate():
        for zone in page["HostedZones"]:
            same = zone["Name"] == f"{inputs['name']}."
            if same and zone["Config"].get("Comment") == inputs["comment"]:
                yield zone["Id"].rpartition("/")[2]


def _record(client: Client, inputs: Inputs) -> Iterator[str]:
    """Only one that says what ours was to say: the name may be held by somebody else's."""
    zone, name, kind = inputs["zoneId"], inputs["name"], inputs["type"]
    found = client("route53").list_resource_record_sets(
        HostedZoneId=zone, StartRecordName=name, StartRecordType=kind, MaxItems="1"
    )
    quoted = kind in ("TXT", "SPF")
    wanted = sorted(f'"{value}"' if quoted else value for value in inputs["records"])
    for held in found["ResourceRecordSets"]:
        values = sorted(record["Value"] for record in held.get("ResourceRecords", []))
        # Route53 writes a wildcard as \052
        same = (held["Name"].replace("\\052", "*"), held["Type"]) == (f"{name}.", kind)
        if same and values == wanted:
            yield f"{zone}_{name}_{kind}"


_FINDERS: dict[str, Finder] = {
    "aws:ec2/vpc:Vpc": _tagged("vpc-"),
    "aws:ec2/subnet:Subnet": _tagged("subnet-"),
    "aws:ec2/internetGateway:InternetGateway": _tagged("igw-"),
    "aws:ec2/routeTable:RouteTable": _tagged("rtb-"),
    GROUP: _tagged("sg-"),
    "aws:ec2/networkInterface:NetworkInterface": _tagged("eni-"),
    "aws:ec2/eip:Eip": _tagged("eipalloc-"),
    "aws:ec2/instance:Instance": _tagged("i-"),
    "aws:ebs/volume:Volume": _tagged("vol-"),
    "aws:ec2/route:Route": _route,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:ec2/eipDomainName:EipDomainName": _pointer,
    "aws:ec2/volumeAttachment:VolumeAttachment": _attachment,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule(egress=False),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule(egress=True),
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _policy("role"),
    "aws:iam/instanceProfile:InstanceProfile": _profile,
    "aws:iam/user:User": _user,
    "aws:iam/userPolicy:UserPolicy": _policy("user"),
    ACCESS_KEY: _keys,
    "aws:sesv2/emailIdentity:EmailIdentity": _identity,
    "aws:s3/bucket:Bucket": _bucket,
    "aws:route53/zone:Zone": _zone,
    "aws:route53/record:Record": _record,
}

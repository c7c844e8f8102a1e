"""The id of a resource whose creation was interrupted, looked up by its inputs.

Each function returns ids of resources that are certainly the stack's: they have a name that Pulumi
chose, the stack's tags or all its values, or are a part of another resource of the stack. It may
raise ClientError if the resource does not exist.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ops.leftovers import alarms, log_groups, records

Client = Callable[[str], Any]
Inputs = Mapping[str, Any]
Finder = Callable[[Client, Inputs], Iterator[str]]
# The most record sets of a page (ListResourceRecordSets): a name may have many multivalue answers.
PAGE = "300"


def lifecycle_policy(client: Client, inputs: Inputs) -> Iterator[str]:
    for policy in client("dlm").get_lifecycle_policies()["Policies"]:
        if inputs["tags"].items() <= policy.get("Tags", {}).items():
            yield policy["PolicyId"]


def log_group(client: Client, inputs: Inputs) -> Iterator[str]:
    return log_groups.named(client("logs"), inputs["name"])


def role(client: Client, inputs: Inputs) -> Iterator[str]:
    yield client("iam").get_role(RoleName=inputs["name"])["Role"]["RoleName"]


def profile(client: Client, inputs: Inputs) -> Iterator[str]:
    found = client("iam").get_instance_profile(InstanceProfileName=inputs["name"])
    yield found["InstanceProfile"]["InstanceProfileName"]


def user(client: Client, inputs: Inputs) -> Iterator[str]:
    yield client("iam").get_user(UserName=inputs["name"])["User"]["UserName"]


def policy(owner: str) -> Finder:
    def found(client: Client, inputs: Inputs) -> Iterator[str]:
        whose, name = inputs[owner], inputs["name"]
        named = {f"{owner.capitalize()}Name": whose, "PolicyName": name}
        getattr(client("iam"), f"get_{owner}_policy")(**named)
        yield f"{whose}:{name}"

    return found


def keys(client: Client, inputs: Inputs) -> Iterator[str]:
    held = client("iam").list_access_keys(UserName=inputs["user"])["AccessKeyMetadata"]
    return (key["AccessKeyId"] for key in held)


def identity(client: Client, inputs: Inputs) -> Iterator[str]:
    found = client("sesv2").get_email_identity(EmailIdentity=inputs["emailIdentity"])
    tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
    if inputs["tags"].items() <= tags.items():
        yield inputs["emailIdentity"]


def bucket(client: Client, inputs: Inputs) -> Iterator[str]:
    client("s3").head_bucket(Bucket=inputs["bucket"])
    yield inputs["bucket"]


def pointer(client: Client, inputs: Inputs) -> Iterator[str]:
    # a pending reverse name also keeps the address from being released
    arguments = {"AllocationIds": [inputs["allocationId"]], "Attribute": "domain-name"}
    for found in client("ec2").describe_addresses_attribute(**arguments)["Addresses"]:
        if found.get("PtrRecord") or found.get("PtrRecordUpdate"):
            yield inputs["allocationId"]


def address_in_use(client: Client, inputs: Inputs) -> Iterator[str]:
    allocations = [inputs["allocationId"]]
    for found in client("ec2").describe_addresses(AllocationIds=allocations)["Addresses"]:
        if found.get("NetworkInterfaceId") == inputs["networkInterfaceId"]:
            yield found["AssociationId"]


def _table(client: Client, inputs: Inputs) -> dict[str, Any]:
    filters = [{"Name": "route-table-id", "Values": [inputs["routeTableId"]]}]
    found = client("ec2").describe_route_tables(Filters=filters)["RouteTables"]
    return found[0] if found else {"Routes": [], "Associations": []}


def route(client: Client, inputs: Inputs) -> Iterator[str]:
    destination = inputs["destinationCidrBlock"]
    for route in _table(client, inputs)["Routes"]:
        if route.get("DestinationCidrBlock") == destination:
            # the id that the provider makes: vpc_route.go, routeCreateID
            yield f"r-{inputs['routeTableId']}{zlib.crc32(destination.encode())}"


def association(client: Client, inputs: Inputs) -> Iterator[str]:
    for association in _table(client, inputs)["Associations"]:
        if association.get("SubnetId") == inputs["subnetId"]:
            yield association["RouteTableAssociationId"]


def attachment(client: Client, inputs: Inputs) -> Iterator[str]:
    volume, instance, device = inputs["volumeId"], inputs["instanceId"], inputs["deviceName"]
    for found in client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"]:
        for attachment in found.get("Attachments", []):
            if (attachment["InstanceId"], attachment["Device"]) == (instance, device):
                # the id that the provider makes: ebs_volume_attachment.go, volumeAttachmentID
                text = f"{device}-{instance}-{volume}-"
                yield f"vai-{zlib.crc32(text.encode())}"


def group_rules(client: Client, inputs: Inputs) -> Iterator[dict[str, Any]]:
    filters = [{"Name": "group-id", "Values": [inputs["securityGroupId"]]}]
    pages = client("ec2").get_paginator("describe_security_group_rules").paginate(Filters=filters)
    return (rule for page in pages for rule in page["SecurityGroupRules"])


def rule(egress: bool) -> Finder:
    def found(client: Client, inputs: Inputs) -> Iterator[str]:
        peer = inputs.get("cidrIpv4") or inputs.get("referencedSecurityGroupId")
        protocol = inputs["ipProtocol"]
        # a rule for all protocols has no ports
        ports = (None, None) if protocol == "-1" else (inputs["fromPort"], inputs["toPort"])
        for rule in group_rules(client, inputs):
            theirs = rule.get("CidrIpv4") or rule.get("ReferencedGroupInfo", {}).get("GroupId")
            held = (None, None) if protocol == "-1" else (rule.get("FromPort"), rule.get("ToPort"))
            same = (rule["IsEgress"], rule["IpProtocol"], held, theirs)
            if same == (egress, protocol, ports, peer):
                yield rule["SecurityGroupRuleId"]

    return found


def zone(client: Client, inputs: Inputs) -> Iterator[str]:
    for page in client("route53").get_paginator("list_hosted_zones").paginate():
        for zone in page["HostedZones"]:
            same = zone["Name"] == f"{inputs['name']}."
            if same and zone["Config"].get("Comment") == inputs["comment"]:
                yield zone["Id"].rpartition("/")[2]


def health_check(client: Client, inputs: Inputs) -> Iterator[str]:
    """Health checks of the stack's address and port, with its tags or, if interrupted, none."""
    route53 = client("route53")
    for page in route53.get_paginator("list_health_checks").paginate():
        for check in page["HealthChecks"]:
            config = check["HealthCheckConfig"]
            asked = config.get("IPAddress"), config.get("Port"), config["Type"]
            if asked != (inputs["ipAddress"], inputs["port"], inputs["type"]):
                continue
            found = route53.list_tags_for_resource(
                ResourceType="healthcheck", ResourceId=check["Id"]
            )
            tags = {tag["Key"]: tag["Value"] for tag in found["ResourceTagSet"]["Tags"]}
            if not tags or inputs["tags"].items() <= tags.items():
                yield check["Id"]


def alarm(client: Client, inputs: Inputs) -> Iterator[str]:
    found = client("cloudwatch").describe_alarms(AlarmNames=[inputs["name"]])["MetricAlarms"]
    return (each["AlarmName"] for each in found)


def dashboard(client: Client, inputs: Inputs) -> Iterator[str]:
    return alarms.dashboards(client("cloudwatch"), inputs["dashboardName"])


def topic(client: Client, inputs: Inputs) -> Iterator[str]:
    for page in client("sns").get_paginator("list_topics").paginate():
        for each in page["Topics"]:
            if each["TopicArn"].rpartition(":")[2] == inputs["name"]:
                yield each["TopicArn"]


def balancer(client: Client, inputs: Inputs) -> Iterator[str]:
    found = client("elbv2").describe_load_balancers(Names=[inputs["name"]])["LoadBalancers"]
    return (each["LoadBalancerArn"] for each in found)


def target_group(client: Client, inputs: Inputs) -> Iterator[str]:
    found = client("elbv2").describe_target_groups(Names=[inputs["name"]])["TargetGroups"]
    return (each["TargetGroupArn"] for each in found)


def listener(client: Client, inputs: Inputs) -> Iterator[str]:
    arn = inputs["loadBalancerArn"]
    for found in client("elbv2").describe_listeners(LoadBalancerArn=arn)["Listeners"]:
        if found["Port"] == inputs["port"]:
            yield found["ListenerArn"]


def record(client: Client, inputs: Inputs) -> Iterator[str]:
    """A record set with our values: with others it may be somebody else's.

    Of multivalue answers it is the one with our set identifier.
    """
    zone, name, kind = inputs["zoneId"], inputs["name"], inputs["type"]
    identifier = inputs.get("setIdentifier")
    found = client("route53").list_resource_record_sets(
        HostedZoneId=zone, StartRecordName=name, StartRecordType=kind, MaxItems=PAGE
    )
    quoted = kind in ("TXT", "SPF")
    wanted = sorted(f'"{value}"' if quoted else value for value in inputs.get("records", ()))
    wanted += [plain(alias["name"]) for alias in inputs.get("aliases", ())]
    for held in found["ResourceRecordSets"]:
        values = sorted(record["Value"] for record in held.get("ResourceRecords", []))
        values += [plain(held["AliasTarget"]["DNSName"])] if "AliasTarget" in held else []
        # Route53 writes a wildcard as \052
        same = (held["Name"].replace("\\052", "*"), held["Type"]) == (f"{name}.", kind)
        if same and values == wanted and held.get("SetIdentifier") == identifier:
            yield records.state_id(zone, name, kind, identifier)


def plain(name: str) -> str:
    """An alias's target without Route53's final dot and the "dualstack." of its console."""
    return name.rstrip(".").lower().removeprefix("dualstack.")

"""What is left in the account, with the real engine and API: a story, in the order of the tests."""

import json
from typing import Any

import aws
import pytest
import yaml
from stacks import PROJECT, Stack

from ops.leftovers.find import Stack as Account
from ops.leftovers.find import find, in_state
from ops.leftovers.left import Left
from settings import read

OURS = [{"Key": "Project", "Value": "mail-relay"}, {"Key": "Stack", "Value": "test"}]
OTHERS = [{"Key": "Project", "Value": "mail-relay"}, {"Key": "Stack", "Value": "prod"}]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [READ]})


def found(stack: Stack) -> list[Left]:
    """All that belongs to the stack."""
    config = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    prefix = "mail-relay:"
    settings = read({k.removeprefix(prefix): v for k, v in config.items() if k.startswith(prefix)})
    return list(find(Account("mail-relay", "test", settings, stack.region.client)))


def left(stack: Stack) -> list[Left]:
    """What of it is not in the state."""
    code, said = stack.pulumi("stack", "export", "--stack=test")
    assert code == 0, said
    return [item for item in found(stack) if item.id not in in_state(said)]


def tagged(kind: str, tags: list[dict[str, str]] = OURS) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": tags}]


def put(stack: Stack, name: str, kind: str, value: str) -> None:
    """A record made by hand, in the zone of the name's last two labels."""
    route53 = stack.region.client("route53")
    zones = {z["Name"]: z["Id"] for z in route53.list_hosted_zones()["HostedZones"]}
    record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
    changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    zone = zones[".".join(name.split(".")[-2:]) + "."]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=changes)


def test_01_of_a_stack_that_is_up_everything_is_found_and_nothing_is_left(stack: Stack) -> None:
    stack.up()
    assert left(stack) == []
    counts: dict[str, int] = {}
    for item in found(stack):
        counts[item.what] = counts.get(item.what, 0) + 1
    # of all that the region itself counts, nothing is missed
    assert counts == {
        "instance": 2,
        "elastic IP": 2,
        "network interface": 2,
        "volume": 1,
        "security group": 2,
        "internet gateway": 1,
        "subnet": 1,
        "route table": 1,
        "VPC": 1,
        "bucket": 1,
        "instance profile": 2,
        "role": 2,
        "record": 13,
    }
    records = [item for item in stack.region.control.get("leftovers") if "record set" in item]
    assert len(records) == counts["record"]


def test_02_beside_a_stack_that_is_up_an_orphan_is_told_from_it(stack: Stack) -> None:
    ec2 = stack.region.client("ec2")
    volume = ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=8, TagSpecifications=tagged("volume")
    )
    (item,) = left(stack)
    assert (item.what, item.id) == ("volume", volume["VolumeId"])
    ec2.delete_volume(VolumeId=volume["VolumeId"])


def test_03_after_destroy_nothing_is_left(stack: Stack) -> None:
    code, said = stack.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert left(stack) == []


def orphans(stack: Stack) -> set[tuple[str, str]]:
    """One of each kind, made by hand with the stack's tags or names; (what, id or name)."""
    network = orphaned_network(stack)
    return {
        *network.items(),
        *orphaned_host(stack, network),
        *orphaned_roles_and_bucket(stack),
        *orphaned_names(stack, network["VPC"]),
    }


def orphaned_network(stack: Stack) -> dict[str, str]:
    ec2 = stack.region.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))
    gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway_id, VpcId=vpc)
    subnet = ec2.create_subnet(
        VpcId=vpc,
        CidrBlock="10.9.0.0/24",
        AvailabilityZone="us-east-1a",  # not all have the type of the instance below
        TagSpecifications=tagged("subnet"),
    )["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))
    group = ec2.create_security_group(
        GroupName="orphan",
        Description="orphan",
        VpcId=vpc,
        TagSpecifications=tagged("security-group"),
    )["GroupId"]
    interface = ec2.create_network_interface(
        SubnetId=subnet, Groups=[group], TagSpecifications=tagged("network-interface")
    )["NetworkInterface"]["NetworkInterfaceId"]
    return {
        "VPC": vpc,
        "internet gateway": gateway_id,
        "subnet": subnet,
        "route table": table["RouteTable"]["RouteTableId"],
        "security group": group,
        "network interface": interface,
    }


def orphaned_host(stack: Stack, network: dict[str, str]) -> set[tuple[str, str]]:
    ec2, interface = stack.region.client("ec2"), network["network interface"]
    volume = ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=8, TagSpecifications=tagged("volume")
    )["VolumeId"]
    snapshot = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tagged("snapshot"))
    # an address with nothing but its reverse name to show whose it is, in use by an interface
    address = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface)
    put(stack, "mail.relay.example", "A", address["PublicIp"])
    ec2.modify_address_attribute(
        AllocationId=address["AllocationId"], DomainName="mail.relay.example"
    )
    image = ec2.describe_images(Filters=[{"Name": "architecture", "Values": ["arm64"]}])
    instance = ec2.run_instances(
        ImageId=image["Images"][0]["ImageId"],
        InstanceType="t4g.micro",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface}],
        TagSpecifications=tagged("instance"),
    )["Instances"][0]["InstanceId"]
    return {
        ("volume", volume),
        ("snapshot", snapshot["SnapshotId"]),
        ("elastic IP", address["AllocationId"]),
        ("instance", instance),
        ("record", "mail.relay.example A"),
    }


def orphaned_roles_and_bucket(stack: Stack) -> set[tuple[str, str]]:
    iam, s3 = stack.region.client("iam"), stack.region.client("s3")
    role, profile = "mail.relay.example-0a1b2c3", "mail.relay.example-4d5e6f7"
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, Tags=OURS)
    iam.put_role_policy(RoleName=role, PolicyName="tables", PolicyDocument=POLICY)
    iam.create_instance_profile(InstanceProfileName=profile, Tags=OURS)
    iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)
    account = stack.region.client("sts").get_caller_identity()["Account"]
    bucket = f"mail-relay-test-{account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="gateway.json", Body=b"{}")
    s3.delete_object(Bucket=bucket, Key="gateway.json")
    return {("role", role), ("instance profile", profile), ("bucket", bucket)}


def orphaned_names(stack: Stack, vpc: str) -> set[tuple[str, str]]:
    route53 = stack.region.client("route53")
    private = route53.create_hosted_zone(
        Name="mail.relay.example",
        CallerReference="private",
        HostedZoneConfig={"Comment": "", "PrivateZone": True},
        VPC={"VPCId": vpc, "VPCRegion": "us-east-1"},
    )["HostedZone"]["Id"].rpartition("/")[2]
    route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=private, AddTags=OURS)
    ours = {
        ("shop.example", "MX"): "10 mail.relay.example.",
        ("shop.example", "TXT"): '"v=spf1 include:_spf.relay.example ~all"',
        ("s1._domainkey.shop.example", "TXT"): '"v=DKIM1; k=rsa; p=MIIB"',
        ("_dmarc.shop.example", "TXT"): '"v=DMARC1; p=none; rua=mailto:ops@inbox.example"',
        ("_spf.relay.example", "TXT"): '"v=spf1 ip4:203.0.113.1 -all"',
        ("_acme-challenge.mail.relay.example", "TXT"): '"left by certbot"',
    }
    for (name, kind), value in ours.items():
        put(stack, name, kind, value)
    records = {("record", f"{name} {kind}") for name, kind in ours}
    return {("private hosted zone", private), *records}


def of_others(stack: Stack) -> None:
    """What is near and not the stack's: it must never be listed."""
    ec2, iam = stack.region.client("ec2"), stack.region.client("iam")
    ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=8, TagSpecifications=tagged("volume", OTHERS)
    )
    ec2.allocate_address(Domain="vpc")
    iam.create_role(RoleName="app-0a1b2c3", AssumeRolePolicyDocument=TRUST, Tags=OTHERS)
    iam.create_role(RoleName="admin", AssumeRolePolicyDocument=TRUST)
    put(stack, "relay.example", "TXT", '"v=spf1 include:_spf.google.com ~all"')
    put(stack, "relay.example", "MX", "1 smtp.google.com.")
    put(stack, "_dmarc.relay.example", "TXT", '"v=DMARC1; p=reject"')
    put(stack, "www.shop.example", "A", "203.0.113.200")


@pytest.fixture(scope="module")
def made(stack: Stack) -> set[tuple[str, str]]:
    of_others(stack)
    return orphans(stack)


def test_04_every_orphan_is_found_and_nothing_of_others(
    stack: Stack, made: set[tuple[str, str]]
) -> None:
    items = left(stack)
    assert {(i.what, i.name if i.what == "record" else i.id) for i in items} == made
    costs = {item.what: item.cost for item in items}
    assert costs["volume"].startswith("about 0.64 USD a month")
    assert costs["instance"] == "about 6.13 USD a month"
    assert costs["elastic IP"] == "about 3.65 USD a month; the reverse name mail.relay.example"


def test_05_the_commands_that_are_told_remove_it_all(
    stack: Stack, made: set[tuple[str, str]]
) -> None:
    for item in left(stack):
        aws.run(item.remove, stack.region.url)
    assert left(stack) == []
    others = stack.region.control.get("leftovers")
    assert len([item for item in others if item.startswith("record set")]) == 4
    assert {item.split()[0] for item in others} == {"volume", "elastic", "role", "record"}

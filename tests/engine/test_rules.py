"""The API refuses as AWS does, with AWS's names for it, asked by boto3."""

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stacks import Region

ARM = {"InstanceType": "t4g.micro", "MinCount": 1, "MaxCount": 1}


@dataclass(frozen=True)
class Account:
    """A VPC with a way out, an interface with an address, a zone, an image."""

    region: Region
    vpc: str
    subnet: str
    gateway: str
    interface: str
    allocation: str
    address: str
    zone: str
    image: str

    @property
    def ec2(self) -> Any:
        return self.region.client("ec2")

    def record(self, action: str, name: str, kind: str, *values: str) -> None:
        records = [{"Value": value} for value in values]
        record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": records}
        self.region.client("route53").change_resource_record_sets(
            HostedZoneId=self.zone,
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
        )


@pytest.fixture(scope="module")
def account(region: Region) -> Account:
    ec2, route53 = region.client("ec2"), region.client("route53")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    allocated = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(
        AllocationId=allocated["AllocationId"],
        NetworkInterfaceId=interface["NetworkInterfaceId"],
    )
    zone = route53.create_hosted_zone(Name="relay.example", CallerReference="z")
    images = ec2.describe_images(
        Owners=["136693071363"],
        Filters=[{"Name": "name", "Values": ["debian-13-arm64-20251117-2299"]}],
    )["Images"]
    return Account(
        region,
        vpc,
        subnet,
        gateway,
        interface["NetworkInterfaceId"],
        allocated["AllocationId"],
        allocated["PublicIp"],
        zone["HostedZone"]["Id"],
        images[0]["ImageId"],
    )


def refused(code: str, call: Any, *arguments: Any, **keywords: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"]["Message"]


def test_user_data_has_a_limit(account: Account) -> None:
    call = account.ec2.run_instances
    refused("InvalidParameterValue", call, ImageId=account.image, UserData="x" * 16385, **ARM)


def test_an_image_runs_on_its_own_architecture_only(account: Account) -> None:
    arguments = {**ARM, "InstanceType": "t3.micro"}
    said = refused(
        "InvalidParameterValue", account.ec2.run_instances, ImageId=account.image, **arguments
    )
    assert "architecture" in said


def test_an_unknown_image_or_type_is_refused(account: Account) -> None:
    run = account.ec2.run_instances
    refused("InvalidAMIID.NotFound", run, ImageId="ami-0aaaaaaaaaaaaaaaa", **ARM)
    wrong = {**ARM, "InstanceType": "t4g.enormous"}
    refused("InvalidParameterValue", run, ImageId=account.image, **wrong)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("TXT", "unquoted", "enclosed in quotation marks"),
        ("TXT", f'"{"a" * 256}"', "CharacterStringTooLong"),
        ("TXT", " ".join(f'"{"a" * 250}"' for _ in range(16)), "TXTRDATATooLong"),
        ("TXT", '"Straße"', "characters that need an escape code"),
        ("A", "300.1.1.1", "not a valid IPv4 address"),
        ("MX", "mail.relay.example", "doesn't have 2 fields"),
    ],
)
def test_a_bad_value_is_refused(account: Account, kind: str, value: str, said: str) -> None:
    message = refused(
        "InvalidChangeBatch", account.record, "CREATE", "bad.relay.example", kind, value
    )
    assert said in message


def test_a_record_that_exists_is_not_made_again(account: Account) -> None:
    account.record("CREATE", "once.relay.example", "A", "192.0.2.1")
    said = refused(
        "InvalidChangeBatch", account.record, "CREATE", "once.relay.example", "A", "192.0.2.2"
    )
    assert said == (
        "[Tried to create resource record set [name='once.relay.example.', type='A'] "
        "but it already exists]"
    )


def test_an_alias_stands_alone(account: Account) -> None:
    account.record("CREATE", "alias.relay.example", "CNAME", "a.example.")
    for name in ("alias.relay.example", "relay.example"):
        kind = "A" if name.startswith("alias") else "CNAME"
        value = "192.0.2.1" if kind == "A" else "a.example."
        refused("InvalidChangeBatch", account.record, "CREATE", name, kind, value)


def test_a_batch_is_made_whole_or_not_at_all(account: Account) -> None:
    def change(name: str, value: str) -> dict[str, Any]:
        records = [{"Value": value}]
        return {
            "Action": "CREATE",
            "ResourceRecordSet": {"Name": name, "Type": "A", "TTL": 1, "ResourceRecords": records},
        }

    route53 = account.region.client("route53")
    batch = [change("good.relay.example", "192.0.2.1"), change("bad.relay.example", "x")]
    refused(
        "InvalidChangeBatch",
        route53.change_resource_record_sets,
        HostedZoneId=account.zone,
        ChangeBatch={"Changes": batch},
    )
    listed = route53.list_resource_record_sets(HostedZoneId=account.zone)["ResourceRecordSets"]
    assert "good.relay.example." not in [record["Name"] for record in listed]


def test_a_ptr_needs_its_a_record_and_holds_its_address(account: Account) -> None:
    ec2, allocation = account.ec2, account.allocation
    name = "mail.relay.example"
    refused(
        "InvalidParameterValue",
        ec2.modify_address_attribute,
        AllocationId=allocation,
        DomainName=name,
    )
    account.record("CREATE", name, "A", account.address)
    changed = ec2.modify_address_attribute(AllocationId=allocation, DomainName=name)
    assert changed["Address"]["PtrRecord"] == "mail.relay.example."
    described = ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]
    refused("InvalidIPAddress.InUse", ec2.release_address, AllocationId=allocation)
    ec2.disassociate_address(AssociationId=described["AssociationId"])
    refused("InvalidAddress.PtrSet", ec2.release_address, AllocationId=allocation)
    ec2.reset_address_attribute(AllocationId=allocation, Attribute="domain-name")
    ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=account.interface)


def test_five_addresses_are_all(account: Account) -> None:
    more = [account.ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(4)]
    refused("AddressLimitExceeded", account.ec2.allocate_address, Domain="vpc")
    for allocation in more:
        account.ec2.release_address(AllocationId=allocation)


def test_what_is_in_use_is_not_deleted(account: Account) -> None:
    ec2 = account.ec2
    groups = ec2.describe_network_interfaces(NetworkInterfaceIds=[account.interface])
    group = groups["NetworkInterfaces"][0]["Groups"][0]["GroupId"]
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=account.subnet)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=account.vpc)
    refused(
        "DependencyViolation",
        ec2.detach_internet_gateway,
        InternetGatewayId=account.gateway,
        VpcId=account.vpc,
    )


def test_a_route_leads_to_an_interface_of_its_own_vpc(account: Account) -> None:
    ec2 = account.ec2
    other = ec2.create_vpc(CidrBlock="10.11.0.0/16")["Vpc"]["VpcId"]
    table = ec2.create_route_table(VpcId=other)["RouteTable"]["RouteTableId"]
    said = refused(
        "InvalidParameterValue",
        ec2.create_route,
        RouteTableId=table,
        DestinationCidrBlock="0.0.0.0/0",
        NetworkInterfaceId=account.interface,
    )
    assert "different networks" in said


def test_a_volume_only_grows(account: Account) -> None:
    ec2 = account.ec2
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=2)["VolumeId"]
    ec2.modify_volume(VolumeId=volume, Size=3)
    refused("InvalidParameterValue", ec2.modify_volume, VolumeId=volume, Size=2)


def test_security_group_rules_are_well_formed(account: Account) -> None:
    ec2 = account.ec2
    group = ec2.create_security_group(GroupName="h", Description="d", VpcId=account.vpc)["GroupId"]

    def rule(first: int, last: int, network: str) -> dict[str, Any]:
        return {
            "IpProtocol": "tcp",
            "FromPort": first,
            "ToPort": last,
            "IpRanges": [{"CidrIp": network}],
        }

    for bad in (rule(25, 24, "0.0.0.0/0"), rule(25, 25, "10.0.0.1/8")):
        refused(
            "InvalidParameterValue",
            ec2.authorize_security_group_ingress,
            GroupId=group,
            IpPermissions=[bad],
        )
    refused(
        "InvalidParameterValue",
        ec2.create_security_group,
        GroupName="sg-x",
        Description="d",
        VpcId=account.vpc,
    )
    refused(
        "InvalidParameterValue",
        ec2.create_security_group,
        GroupName="x",
        Description="ümlaut",
        VpcId=account.vpc,
    )


def test_a_private_address_is_in_its_subnet_free_and_not_reserved(account: Account) -> None:
    create = account.ec2.create_network_interface
    for address in ("10.10.0.9", "10.9.0.1"):
        refused("InvalidParameterValue", create, SubnetId=account.subnet, PrivateIpAddress=address)
    create(SubnetId=account.subnet, PrivateIpAddress="10.9.0.77")
    refused("InvalidIPAddress.InUse", create, SubnetId=account.subnet, PrivateIpAddress="10.9.0.77")

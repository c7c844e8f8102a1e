"""A `pulumi up` that was killed is settled by one command, with the real engine."""

import signal
from typing import Any

import pytest
import yaml
from killed import Here, begin, here, make_pending, unknown, until_quiet, up_killed
from stacks import PROJECT, Stack

from ops.settle import state
from ops.settle.settle import (
    ADOPTED,
    DELETED,
    LEFT,
    NOTHING,
    REPEATED,
    SECOND,
    STARTED,
    settle,
)

__all__ = ["here"]

DEV: dict[str, Any] = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
# About as many resources as the dev stack begins to make.
BEGUN = 66
ASSOCIATION = "ec2/routeTableAssociation:RouteTableAssociation"
EIP = "Eip::mail.relay.example"
# To make them again is the same call as to make them.
PUT_AGAIN = (
    "BucketLifecycleConfiguration",
    "BucketObjectv2",
    "BucketPolicy",
    "BucketPublicAccessBlock",
    "BucketServerSideEncryptionConfiguration",
    "BucketVersioning",
    "VpcSecurityGroupRulesExclusive",
)


def destroyed(stack: Stack) -> None:
    code, said = stack.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert stack.region.control.get("leftovers") == []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "begun" in metafunc.fixturenames:
        moments = metafunc.config.getoption("--moments")
        step = BEGUN / moments
        metafunc.parametrize("begun", [round(step * (n + 0.5)) for n in range(moments)])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_01_an_up_that_was_killed_goes_on_and_leaves_nothing(
    stack: Stack, here: Here, begun: int, how: signal.Signals
) -> None:
    up_killed(stack, begun, how)
    until_quiet(stack)
    pending = state.pending(stack.export(), "creating")
    done = settle(here)
    print(
        f"{how.name} {begun}: pending {len(pending)}, "
        f"adopted {sum(f.result == ADOPTED for f in done.findings)}"
    )
    assert unknown(stack, DEV) == []
    assert not settle(here)
    stack.up()
    assert unknown(stack, DEV) == []
    destroyed(stack)


# With resources of every type that the program makes.
WHOLE = {
    **{k: v for k, v in DEV.items() if k != "mail-relay:forwards"},  # which SES would not take
    "mail-relay:smarthost": {"ses": True},
    "mail-relay:clients": [
        {"name": "app.shop.example", "private": True},
        {"name": "b.shop.example"},
    ],
}


def test_02_whatever_was_being_made_is_found_and_taken_into_the_state(
    stack: Stack, here: Here
) -> None:
    stack.write(WHOLE)
    stack.up()
    # of the others there is no id to find: an object is put again, a key is made anew
    made = make_pending(stack, lambda kind: kind not in (*PUT_AGAIN, "AccessKey"))
    done = settle(here)
    assert {(f.result, f.urn, f.id) for f in done.findings} == {
        (ADOPTED, r["urn"], r["id"]) for r in made
    }
    assert unknown(stack, WHOLE) == []
    stack.up("--expect-no-changes")
    make_pending(stack, lambda kind: kind not in (*PUT_AGAIN, "AccessKey"))
    settle(here)
    destroyed(stack)  # without an `up` as well


def test_03_an_access_key_whose_secret_is_lost_is_deleted_and_made_anew(
    stack: Stack, here: Here
) -> None:
    up_killed(stack, 1, kind="tables-gateway.json")  # which holds the key's password
    until_quiet(stack)
    make_pending(stack, lambda kind: kind == "AccessKey")
    iam = stack.region.client("iam")
    (user,) = [user["UserName"] for user in iam.list_users()["Users"]]
    (lost,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    (found,) = [f for f in settle(here).findings if f.result == DELETED]
    assert found.id == lost["AccessKeyId"]
    stack.up()
    (key,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    assert key["AccessKeyId"] != lost["AccessKeyId"]
    assert unknown(stack, WHOLE) == []
    destroyed(stack)


def test_04_a_record_of_somebody_elses_is_not_taken(stack: Stack, here: Here) -> None:
    stack.write(DEV)
    stack.up()
    name, kind = "_dmarc.shop.example", "TXT"
    (record,) = [
        r
        for r in make_pending(stack, lambda kind: kind == "Record")
        if (r["inputs"]["name"], r["inputs"]["type"]) == (name, kind)
    ]
    zone = record["inputs"]["zoneId"]
    theirs = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": '"theirs"'}]}
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": theirs}]}
    route53 = stack.region.client("route53")
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    assert [f.urn for f in settle(here).findings if f.result == NOTHING] == [record["urn"]]
    code, said = stack.pulumi("preview", "--stack=test")
    assert code != 0
    assert f"{name} has a record of type {kind} that the state of this stack does not have" in said
    assert "./relay settle" in said
    batch["Changes"][0]["Action"] = "DELETE"
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    stack.up()
    assert unknown(stack, DEV) == []


def test_05_a_group_that_was_being_made_is_not_left_open(stack: Stack, here: Here) -> None:
    destroyed(stack)
    up_killed(stack, 1, kind="vpc:SecurityGroupEgressRule")
    until_quiet(stack)
    ec2 = stack.region.client("ec2")
    groups = make_pending(stack, lambda kind: kind == "SecurityGroup")
    assert groups
    everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    for group in groups:
        ec2.authorize_security_group_egress(GroupId=group["id"], IpPermissions=[everything])
    settle(here)
    stack.up()
    filters = [{"Name": "group-id", "Values": [group["id"] for group in groups]}]
    rules = ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    assert rules
    assert not [rule for rule in rules if rule["IpProtocol"] == "-1"]
    assert unknown(stack, DEV) == []


def test_06_what_was_half_made_is_finished(stack: Stack, here: Here) -> None:
    destroyed(stack)
    up_killed(stack, 1, kind="ec2:Subnet")
    until_quiet(stack)
    ec2 = stack.region.client("ec2")
    (vpc,) = [v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]]
    # the second calls of two creates, as if they had not been sent
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
    for gateway in ec2.describe_internet_gateways()["InternetGateways"]:
        if vpc in [attachment["VpcId"] for attachment in gateway["Attachments"]]:
            identity = gateway["InternetGatewayId"]
            ec2.detach_internet_gateway(InternetGatewayId=identity, VpcId=vpc)
    make_pending(stack, lambda kind: kind in ("Vpc", "InternetGateway"))
    settle(here)
    stack.up()
    held = ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert held["EnableDnsHostnames"]["Value"] is True
    filters = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    assert len(ec2.describe_internet_gateways(Filters=filters)["InternetGateways"]) == 1
    assert unknown(stack, DEV) == []


def test_07_a_host_whose_replacement_was_cut_off_is_there_once(stack: Stack, here: Here) -> None:
    stack.write({**DEV, "mail-relay:messageSizeLimitMiB": 20})
    up_killed(stack, 1, kind="ec2:Instance")
    until_quiet(stack)
    assert [r for r in state.resources(stack.export()) if r.get("pendingReplacement")]
    settle(here)
    assert not settle(here)
    stack.up()
    assert unknown(stack, DEV) == []
    stack.up("--expect-no-changes")


def test_08_a_second_one_is_deleted_by_the_next_up(stack: Stack, here: Here) -> None:
    stack.write({**DEV, "mail-relay:messageSizeLimitMiB": 20})
    ec2 = stack.region.client("ec2")
    (first,) = [r for r in state.resources(stack.export()) if r["urn"].endswith(EIP)]
    tags = [{"Key": k, "Value": v} for k, v in first["inputs"]["tags"].items()]
    specification = [{"ResourceType": "elastic-ip", "Tags": tags}]
    other = ec2.allocate_address(Domain="vpc", TagSpecifications=specification)["AllocationId"]
    begin(stack, first)
    (found,) = settle(here).findings
    assert (found.result, found.id) == (SECOND, other)
    stack.up()
    assert other not in {a["AllocationId"] for a in ec2.describe_addresses()["Addresses"]}
    assert unknown(stack, DEV) == []


def test_09_a_second_volume_is_left_to_its_owner(stack: Stack, here: Here) -> None:
    ec2 = stack.region.client("ec2")
    (first,) = [r for r in state.resources(stack.export()) if r["type"].endswith(":Volume")]
    tags = [{"Key": k, "Value": v} for k, v in first["inputs"]["tags"].items()]
    specification = [{"ResourceType": "volume", "Tags": tags}]
    other = ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=8, TagSpecifications=specification
    )["VolumeId"]
    begin(stack, first)
    (found,) = settle(here).findings
    assert (found.result, found.id) == (LEFT, other)
    stack.up("--expect-no-changes")
    ec2.delete_volume(VolumeId=other)


def test_10_a_change_that_was_cut_off_is_repeated_and_its_host_runs(
    stack: Stack, here: Here
) -> None:
    ec2 = stack.region.client("ec2")
    (host, *_) = [r for r in state.resources(stack.export()) if r["type"].endswith(":Instance")]
    begin(stack, host, "updating")
    ec2.stop_instances(InstanceIds=[host["id"]])
    results = {(f.result, f.id) for f in settle(here).findings}
    assert results == {(REPEATED, host["id"]), (STARTED, host["id"])}
    (found,) = ec2.describe_instances(InstanceIds=[host["id"]])["Reservations"][0]["Instances"]
    assert found["State"]["Name"] == "running"
    stack.up("--expect-no-changes")


def test_11_an_id_in_another_form_than_the_importers_is_refused(stack: Stack) -> None:
    ids = {
        r["type"].rpartition(":")[2]: r["id"] for r in state.resources(stack.export()) if "id" in r
    }
    table, subnet = ids["RouteTable"], ids["Subnet"]
    for kind, identity, said in (
        ("ec2/eipDomainName:EipDomainName", ids["Eip"], "Resource Import Not Implemented"),
        (ASSOCIATION, ids["RouteTableAssociation"], "Unexpected format for import: rtbassoc-"),
        (ASSOCIATION, f"{subnet}/{table}", ""),
        ("ec2/route:Route", ids["Route"], "expected ROUTETABLEID_DESTINATION"),
        ("ec2/route:Route", f"{table}_0.0.0.0/0", ""),
        (
            "ec2/volumeAttachment:VolumeAttachment",
            ids["VolumeAttachment"],
            "Unexpected format of ID",
        ),
    ):
        arguments = ("--preview-only", "--generate-code=false", f"aws:{kind}", "it", identity)
        code, told = stack.pulumi("import", *arguments, "--stack=test")
        assert (code == 0) is (said == ""), told
        assert said in told


def test_12_what_was_being_deleted_and_is_gone_is_made_again(stack: Stack, here: Here) -> None:
    """As a replacement that was cut off and is not wanted any more."""
    ec2 = stack.region.client("ec2")
    (host, *_) = [r for r in state.resources(stack.export()) if r["type"].endswith(":Instance")]
    begin(stack, host, "deleting")
    ec2.terminate_instances(InstanceIds=[host["id"]])
    settle(here)
    stack.up()
    assert unknown(stack, DEV) == []
    destroyed(stack)

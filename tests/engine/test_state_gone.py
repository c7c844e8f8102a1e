"""A stack whose state is lost: what must stay is imported, the rest taken away and made anew."""

import json
from typing import Any

import aws
import pytest
from examined import config as written
from stacks import Region, Stack

from lab.wait import until
from ops.leftovers.find import Stack as Account
from ops.leftovers.find import find, in_state
from ops.leftovers.keep import resources
from ops.leftovers.left import Left
from settings import read

PREFIX = "mail-relay:"
CONFIG: dict[str, Any] = {
    "aws:region": "us-east-1",
    "mail-relay:operator": "ops@inbox.example",
    "mail-relay:gateways": [
        {"name": "mx1.relay.example"},
        {"name": "mx2.relay.example", "spareAddress": 2},
    ],
    "mail-relay:submission": {"name": "mail.relay.example"},
    "mail-relay:domains": [{"name": "relay.example"}],
    "mail-relay:clients": [
        {"name": "app.relay.example"},
        {"name": "in.relay.example", "private": True},
    ],
    "mail-relay:ssh": {"endpoint": True},  # whose group and the hosts' name each other
}


def account(stack: Stack) -> Account:
    given = {k.removeprefix(PREFIX): v for k, v in written(stack).items() if k.startswith(PREFIX)}
    return Account("mail-relay", "test", read(given), stack.region.client)


def left(stack: Stack) -> list[Left]:
    code, said = stack.pulumi("stack", "export", "--stack=test")
    assert code == 0, said
    return [item for item in find(account(stack)) if item.id not in in_state(said)]


def kept(stack: Stack) -> dict[str, Any]:
    """Addresses, data volumes and names, which nothing else can replace."""
    ec2, route53 = stack.region.client("ec2"), stack.region.client("route53")
    (zone,) = [
        z for z in route53.list_hosted_zones()["HostedZones"] if not z["Config"]["PrivateZone"]
    ]
    sets = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    volumes = ec2.describe_volumes(Filters=[{"Name": "tag:Name", "Values": ["* data"]}])["Volumes"]
    return {
        "addresses": sorted(a["PublicIp"] for a in ec2.describe_addresses()["Addresses"]),
        "volumes": sorted(volume["VolumeId"] for volume in volumes),
        "names": sorted((s["Name"], s["Type"], s.get("SetIdentifier", "")) for s in sets),
    }


@pytest.fixture(scope="module")
def lost(region: Region, tmp_path_factory: pytest.TempPathFactory) -> tuple[Stack, dict[str, Any]]:
    """A stack without its state, and what it had."""
    former = Stack(region, tmp_path_factory.mktemp("former"))
    region.client("route53").create_hosted_zone(Name="relay.example", CallerReference="z")
    stack = Stack(region, tmp_path_factory.mktemp("anew"))
    for one in (former, stack):
        one.write(CONFIG)
        code, said = one.pulumi("stack", "init", "test")
        assert code == 0, said
    former.up()
    return stack, kept(former)


def test_01_what_must_stay_is_imported(lost: tuple[Stack, dict[str, Any]]) -> None:
    stack, had = lost
    found = resources(account(stack))
    kinds = [str(each["type"]).rpartition(":")[2] for each in found]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "Identity": 3,
        "Eip": 4,
        "Volume": 2,
        "Record": len(had["names"]) - 2,  # but for the zone's own NS and SOA
    }
    file = stack.directory / "keep.json"
    file.write_text(json.dumps({"resources": found}))
    arguments = ("--generate-code=false", "--yes", "--stack=test")
    code, said = stack.pulumi("import", f"--file={file}", *arguments)
    assert code == 0, said


def test_02_all_else_goes_by_the_commands_that_are_printed(
    lost: tuple[Stack, dict[str, Any]],
) -> None:
    stack, had = lost
    items = left(stack)
    assert {"instance", "VPC", "security group", "bucket"} <= {item.what for item in items}
    gone = [i for i in items if i.what in ("record", "elastic IP", "volume")]
    assert [i for i in gone if i.id.split("_")[0] not in {z.id for z in items}] == []
    for item in items:
        aws.run(item.remove.partition("  #")[0], stack.region.url)
        if "#" in item.remove:
            until("it is gone", lambda: item.id not in {one.id for one in left(stack)}, 120, 5)  # noqa: B023
    assert left(stack) == []
    assert kept(stack) == had


def test_03_the_stack_is_made_anew_around_them(lost: tuple[Stack, dict[str, Any]]) -> None:
    stack, had = lost
    stack.up()
    assert kept(stack) == had
    assert left(stack) == []
    code, said = stack.pulumi("preview", "--expect-no-changes", "--stack=test")
    assert code == 0, said

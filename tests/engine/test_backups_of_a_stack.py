"""Daily snapshots, last ones, and volumes that start from one: a story, in the tests' order."""

import json
from typing import Any

import pytest
import yaml
from stacks import PROJECT, Region, Stack

from components.backup import TAG
from ops.backups import Making, _making

GATEWAY = "mail.relay.example"
TAGS = {"Project": "mail-relay", "Stack": "test", "Name": f"{GATEWAY} data"}
OWNER = "mail-relay/test"
FOREIGN = "snap-0123456789abcdef0"


def config(snapshot: str = "", size: int = 8, days: int | None = 2) -> dict[str, Any]:
    """The dev stack's settings, with backups, and the snapshot that its gateway starts from."""
    found = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    gateway = {"name": "mail.relay.example", "dataVolumeGiB": size}
    if snapshot:
        gateway["dataVolume"] = {"snapshot": snapshot}
    backup = {"mail-relay:backup": {"days": days}} if days else {}
    return {**found, "mail-relay:gateway": gateway, **backup}


@pytest.fixture(scope="module")
def stack(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack whose program may ask AWS by itself."""
    made = Stack(region, tmp_path_factory.mktemp("backups"), warm=False)
    made.write(config(days=None))
    for zone in ("relay.example", "shop.example"):
        region.client("route53").create_hosted_zone(Name=zone, CallerReference=zone)
    assert made.pulumi("stack", "init", "test")[0] == 0
    return made


def volume(stack: Stack) -> dict[str, Any]:
    """The data volume."""
    filters = [{"Name": "tag:Name", "Values": [TAGS["Name"]]}]
    found = stack.region.client("ec2").describe_volumes(Filters=filters)["Volumes"]
    (one,) = [each for each in found if each["State"] != "deleted"]
    return one


def snapshots(stack: Stack) -> list[dict[str, Any]]:
    """The account's snapshots, the oldest first."""
    found = stack.region.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return sorted(found, key=lambda snapshot: snapshot["StartTime"])


def standing(stack: Stack) -> dict[str, list[str]]:
    """What a restore has to leave as it is: addresses, and the interfaces that they are at."""
    ec2 = stack.region.client("ec2")
    found = ec2.describe_addresses()["Addresses"]
    assert found
    return {key: sorted(one[key] for one in found) for key in ("PublicIp", "NetworkInterfaceId")}


def tags(thing: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing["Tags"]}


def making(stack: Stack) -> Making:
    return _making(stack.region.client, {"Project": "mail-relay", "Stack": "test"})


def preview(stack: Stack) -> tuple[list[tuple[str, str]], str]:
    """What a preview would do, as (operation, type and name), and what it says besides."""
    code, said = stack.pulumi("preview", "--json", "--stack=test")
    found = json.loads(said[said.index("{") :])
    steps = [(s["op"], s["urn"].rpartition(":")[2]) for s in found["steps"] if s["op"] != "same"]
    told = "\n".join(d["message"] for d in found.get("diagnostics", []))
    return (steps, told) if code == 0 else ([], told or said)


def test_backups_begin_beside_a_standing_volume(stack: Stack) -> None:
    stack.write(config(days=None))
    stack.up()
    before = volume(stack)
    assert TAG not in tags(before)
    stack.write(config())
    steps, _ = preview(stack)
    assert sorted(steps) == [("create", "backup")] * 4 + [("update", "mail.relay.example")]
    stack.up()
    after = volume(stack)
    assert after["VolumeId"] == before["VolumeId"]
    assert tags(after) == {**TAGS, TAG: OWNER}


def test_backups_knows_since_when_there_is_something_to_back_up(stack: Stack) -> None:
    assert making(stack).problem == ""
    (since,) = [made for host, made in making(stack).since.items() if host == GATEWAY]
    assert since > volume(stack)["CreateTime"]  # the policy came later


def test_snapshots_are_of_the_data_volume_alone_and_so_many_are_kept(stack: Stack) -> None:
    made = [stack.region.control.call("POST", "dlm/run")["snapshots"] for _ in range(3)]
    assert [len(each) for each in made] == [1, 1, 1]
    assert [s["SnapshotId"] for s in snapshots(stack)] == [made[1][0], made[2][0]]
    for snapshot in snapshots(stack):
        assert snapshot["VolumeId"] == volume(stack)["VolumeId"]
        own = {k: v for k, v in tags(snapshot).items() if not k.startswith("aws:")}
        assert own == {**TAGS, TAG: OWNER}


def test_the_role_may_delete_no_other_snapshot(stack: Stack) -> None:
    ec2, dlm = stack.region.client("ec2"), stack.region.client("dlm")
    newest = snapshots(stack)[-1]["SnapshotId"]
    for snapshot in snapshots(stack):
        ec2.delete_tags(Resources=[snapshot["SnapshotId"]], Tags=[{"Key": TAG}])
    stack.region.control.call("POST", "dlm/run")
    (policy,) = dlm.get_lifecycle_policies()["Policies"]
    found = dlm.get_lifecycle_policy(PolicyId=policy["PolicyId"])["Policy"]
    assert found["State"] == "ERROR"
    assert "ec2:DeleteSnapshot" in found["StatusMessage"]
    assert newest in [s["SnapshotId"] for s in snapshots(stack)]
    assert policy["Tags"]["Stack"] == "test"
    assert "no snapshots are made" in making(stack).problem
    assert "ec2:DeleteSnapshot" in making(stack).problem


def test_a_standing_volume_stays_whatever_snapshot_is_named(stack: Stack) -> None:
    before = volume(stack)["VolumeId"]
    stack.write(config(snapshots(stack)[-1]["SnapshotId"]))
    steps, told = preview(stack)
    assert [step for step in steps if step[1] == "mail.relay.example"] == []
    assert "the data volume stands, made from no snapshot, and stays as it is" in told
    stack.up()
    assert volume(stack)["VolumeId"] == before


@pytest.fixture(scope="module")
def lost(stack: Stack) -> str:
    """The volume is gone from the account."""
    ec2, identity = stack.region.client("ec2"), volume(stack)["VolumeId"]
    (attachment,) = volume(stack)["Attachments"]
    ec2.detach_volume(VolumeId=identity, InstanceId=attachment["InstanceId"])
    ec2.delete_volume(VolumeId=identity)
    code, said = stack.pulumi("refresh", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    return identity


@pytest.mark.usefixtures("lost")
def test_a_snapshot_of_another_stack_or_gateway_is_told(stack: Stack) -> None:
    newest = snapshots(stack)[-1]
    ec2, name = stack.region.client("ec2"), [newest["SnapshotId"]]
    stack.write(config(newest["SnapshotId"]))
    for key, value in (("Stack", "prod"), ("Name", "mx9.relay.example data")):
        ec2.create_tags(Resources=name, Tags=[{"Key": key, "Value": value}])
        steps, told = preview(stack)
        assert steps
        assert f"it is of another gateway or stack ({key} {value})" in told
        ec2.create_tags(Resources=name, Tags=[{"Key": key, "Value": TAGS[key]}])
    _, told = preview(stack)
    assert "another gateway" not in told


@pytest.mark.usefixtures("lost")
def test_a_snapshot_that_cannot_be_used_is_refused_in_the_preview(stack: Stack) -> None:
    newest = snapshots(stack)[-1]["SnapshotId"]
    for wrong, size, why in (
        (FOREIGN, 8, "this account has no such snapshot in us-east-1"),
        (newest, 5, "it is of 8 GiB, and the volume would have 5; set gateway.dataVolumeGiB: 8"),
    ):
        stack.write(config(wrong, size))
        steps, told = preview(stack)
        assert steps == []
        assert f"mail-relay:gateway.dataVolume.snapshot: '{wrong}': {why}" in told
        assert "Traceback" not in told


def test_a_lost_volume_is_made_from_the_snapshot(stack: Stack, lost: str) -> None:
    newest, before = snapshots(stack)[-1]["SnapshotId"], standing(stack)
    stack.write(config(newest))
    stack.up()
    assert standing(stack) == before
    found = volume(stack)
    assert found["VolumeId"] != lost
    assert found["SnapshotId"] == newest
    # and it stays when the snapshot has come to its end, and when the setting is taken away
    stack.region.client("ec2").delete_snapshot(SnapshotId=newest)
    assert preview(stack) == ([], "")
    stack.write(config())
    assert preview(stack) == ([], "")


def test_a_destroy_leaves_a_last_snapshot(stack: Stack) -> None:
    identity, before = volume(stack)["VolumeId"], {s["SnapshotId"] for s in snapshots(stack)}
    code, said = stack.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    (last,) = [s for s in snapshots(stack) if s["SnapshotId"] not in before]
    assert last["VolumeId"] == identity
    assert TAGS.items() <= tags(last).items()
    assert stack.region.client("dlm").get_lifecycle_policies()["Policies"] == []

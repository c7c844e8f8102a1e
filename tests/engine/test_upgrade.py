"""Stacks that the release before has made are taken over by this one, and lose nothing.

The release before is its own program, from this repository's history. What an upgrade changes is a
text that was approved: after a change that is meant, `pytest tests/engine/test_upgrade.py
--approve`, read the difference, and say in CHANGELOG.md what it means for a stack.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from former import unpacked
from stacks import PROJECT, Region, Stack

from common.release import release
from ops.engine import EVENTS
from ops.review import preview

APPROVED = Path(__file__).parent / "approved"
ZONES = ("example.com", "example.org")


def config(example: str, **more: Any) -> dict[str, Any]:
    found = yaml.safe_load((PROJECT / "examples" / f"Pulumi.{example}.yaml").read_text())["config"]
    return {**found, **{f"mail-relay:{key}": value for key, value in more.items()}}


STACKS = {
    "several": config("resilient"),
    "one": config("basics", clients=[{"name": "in.example.com", "private": True}]),
}


@dataclasses.dataclass(frozen=True)
class Stood:
    """A stack by its name in `STACKS`, run by the program of today, and what it had before."""

    name: str
    stack: Stack
    before: dict[str, Any]


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the release before."""
    return unpacked(tmp_path_factory.mktemp("former"))


@pytest.fixture(scope="module", params=STACKS)
def stood(
    request: pytest.FixtureRequest,
    region: Region,
    former: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stood]:
    """A stack that the release before has brought up."""
    old = Stack(region, tmp_path_factory.mktemp("stack"), former)
    for zone in ZONES:
        region.client("route53").create_hosted_zone(Name=zone, CallerReference=str(old.directory))
    old.write(STACKS[request.param], (former / "Pulumi.yaml").read_text())
    code, said = old.pulumi("stack", "init", "test")
    assert code == 0, said
    old.up()
    now = dataclasses.replace(old, program=PROJECT)
    yield Stood(request.param, now, held(old))
    code, said = now.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    for zone in region.client("route53").list_hosted_zones()["HostedZones"]:
        region.client("route53").delete_hosted_zone(Id=zone["Id"])


def held(stack: Stack) -> dict[str, Any]:
    """All that mail, receivers and people know a stack by."""
    ec2, s3, route53 = (stack.region.client(name) for name in ("ec2", "s3", "route53"))
    (bucket,) = [found["Name"] for found in s3.list_buckets()["Buckets"]]
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    volumes = ec2.describe_volumes(Filters=[{"Name": "tag:Name", "Values": ["* data"]}])["Volumes"]
    assert volumes
    return {
        "addresses": {
            a["PublicIp"]: a["NetworkInterfaceId"] for a in ec2.describe_addresses()["Addresses"]
        },
        "volumes": [volume["VolumeId"] for volume in volumes],
        "bucket": bucket,
        "tables": {
            key: json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            for key in keys
            if not key.startswith("setup/")
        },
        "records": {
            f"{found['Name']} {found['Type']} {found.get('SetIdentifier', '')}": [
                record["Value"] for record in found["ResourceRecords"]
            ]
            for zone in route53.list_hosted_zones()["HostedZones"]
            for found in route53.list_resource_record_sets(HostedZoneId=zone["Id"])[
                "ResourceRecordSets"
            ]
        },
    }


def lost(before: Any, after: Any, where: str = "") -> list[str]:
    """The places of values that are gone or are others; new ones are none."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            place
            for key, value in before.items()
            for place in lost(value, after.get(key), f"{where}/{key}")
        ]
    return [] if before == after else [f"{where}: {before!r:.80}, and now {after!r:.80}"]


def test_01_what_changes_was_approved(
    stood: Stood, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVENTS, "true")
    stood.stack.write(STACKS[stood.name])
    code, events = stood.stack.pulumi("preview", "--json", "--stack=test")
    assert code == 0, events
    changes = preview.read(events.splitlines()).changes()
    text = "".join(f"{step.op} {step.kind} {step.name}\n" for step in changes)
    file = APPROVED / f"upgrade-{stood.name}.txt"
    if pytestconfig.getoption("--approve"):
        file.write_text(text)
    assert text == file.read_text()


def test_02_nothing_is_lost(stood: Stood) -> None:
    stood.stack.up()
    assert lost(stood.before, held(stood.stack)) == []
    assert stood.stack.outputs().release == release()


def test_03_nothing_is_left_to_be_done(stood: Stood) -> None:
    code, said = stood.stack.pulumi(
        "up", "--yes", "--refresh", "--expect-no-changes", "--stack=test"
    )
    assert code == 0, said

"""Daily snapshots: what is declared, what the role may do, and when they are late."""

import dataclasses
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder, declare
from review_changes import BASE, reading
from test_user_data import GATEWAY

from cloudinit import files
from components.backup import TAG
from lab.region.lifecycle import Policy
from ops.backups import OLDEST, Making, Snapshot, _judge
from ops.environments.mapping import Wanted, environment
from ops.review.change import Change
from ops.review.other_settings import sentences
from ops.review.preview import Preview
from settings import read

HOST, CLIENT = "mail.relay.example", "app.shop.example"
SNAPSHOT = "snap-0123456789abcdef0"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
RAW: dict[str, Any] = {**BASE, "clients": [{"name": CLIENT}]}


def graph(**more: Any) -> Recorder:
    given = {f"mail-relay:{key}": value for key, value in {**RAW, **more}.items()}
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
    return declare({**texts, "aws:region": "us-east-1"})


def kinds(found: Recorder) -> set[tuple[str, str]]:
    return {(resource.type, resource.name) for resource in found.resources}


def test_a_stack_without_backups_has_not_one_resource_more() -> None:
    before, after = graph(), graph(backup={"days": 7})
    assert {kind for kind, _ in kinds(after) - kinds(before)} == {
        "mail-relay:index:Backup",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:dlm/lifecyclePolicy:LifecyclePolicy",
    }
    assert kinds(before) <= kinds(after)
    volume = before.one("Volume", HOST).inputs
    assert not {"finalSnapshot", "snapshotId"} & set(volume)
    assert TAG not in volume["tags"]


def test_what_is_destroyed_with_a_volume_is_never_an_address() -> None:
    """`pulumi destroy --target VOLUME --target-dependents` goes by dependencies."""
    found = graph(protect=True)
    gone = {("Volume", HOST)}
    while (
        more := {
            (resource.type.rpartition(":")[2], resource.name)
            for resource in found.resources
            if resource.options.dependencies & gone
        }
        - gone
    ):
        gone |= more
    assert {kind for kind, _ in gone} == {"Volume", "VolumeAttachment", "Instance", "Stash"}


def test_the_tag_that_the_policy_looks_for_is_the_data_volumes_alone() -> None:
    found = graph(backup={"days": 7})
    own = {TAG: "mail-relay/test"}
    details = found.one("LifecyclePolicy", "backup").inputs["policyDetails"]
    assert details["targetTags"] == own
    (schedule,) = details["schedules"]
    assert (schedule["retainRule"]["count"], schedule["copyTags"]) == (7, True)
    tagged = [r for r in found.resources if TAG in (r.inputs.get("tags") or {})]
    assert [(r.type, r.name) for r in tagged] == [("aws:ebs/volume:Volume", HOST)]
    assert tagged[0].inputs["finalSnapshot"] is True


def test_the_policys_role_may_do_nothing_to_other_volumes_and_snapshots() -> None:
    found = graph(backup={"days": 7})
    role = found.one("Role", "backup").inputs
    (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "dlm.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    ours = {"StringEquals": {f"aws:ResourceTag/{TAG}": "mail-relay/test"}}
    statements = json.loads(found.one("RolePolicy", "backup").inputs["policy"])["Statement"]
    for statement in statements:
        assert statement["Effect"] == "Allow"
    by_what = {str(s["Action"]) + s["Resource"]: s.get("Condition") for s in statements}
    assert by_what["ec2:DeleteSnapshotarn:aws:ec2:*::snapshot/*"] == ours
    assert by_what["ec2:CreateSnapshotarn:aws:ec2:*:123456789012:volume/*"] == ours
    everywhere = [s for s in statements if s["Resource"] == "*"]
    assert all(action.startswith("ec2:Describe") for s in everywhere for action in s["Action"])


def test_a_snapshot_is_looked_at_before_a_volume_is_made_and_never_replaces_one() -> None:
    found = graph(gateway={"name": HOST, "dataVolume": {"snapshot": SNAPSHOT}})
    volume = found.one("Volume", HOST)
    assert volume.inputs["snapshotId"] == SNAPSHOT
    assert volume.options.hooks == ("gateway-snapshot",)
    for each in (volume, graph().one("Volume", HOST)):
        assert "snapshotId" in each.options.ignore_changes


def test_a_queue_is_held_only_if_it_is_asked_for() -> None:
    def added(**volume: Any) -> set[str]:
        plain, held = files(GATEWAY), files(dataclasses.replace(GATEWAY, **volume))
        return set(held) - set(plain)

    script = "usr/local/lib/mail-relay/hold-restored"
    assert added(hold=SNAPSHOT) == {script, "etc/systemd/system/postfix.service.d/hold.conf"}
    assert added() == set()


OWN, OTHER = "vol-0aaa", "vol-0bbb"


@pytest.mark.parametrize(
    ("bears", "held_before", "holds"),
    [
        (OTHER, False, True),  # made from a snapshot
        (None, False, True),  # from one of a release that wrote no id
        (OWN, False, False),  # it stands
        (OTHER, True, False),
    ],
)
def test_the_queue_of_a_volume_that_was_made_from_a_snapshot_is_held_once(
    tmp_path: Path, bears: str | None, held_before: bool, holds: bool
) -> None:
    made = files(dataclasses.replace(GATEWAY, hold=SNAPSHOT))
    text = made["usr/local/lib/mail-relay/hold-restored"].replace("/srv/mail", str(tmp_path))
    text = text.replace("/etc/mail-relay/volume", str(tmp_path / "own"))
    (tmp_path / "own").write_text(f"{OWN}\n")
    if bears:
        (tmp_path / "volume").write_text(f"{bears}\n")
    if held_before:
        (tmp_path / "held").mkdir()
        (tmp_path / "held" / SNAPSHOT).touch()
    (tmp_path / "postsuper").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/did\n')
    (tmp_path / "postsuper").chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    for _ in range(2):  # at each start of Postfix
        subprocess.run(["sh", "-c", text], env=path, check=True)
    did = tmp_path / "did"
    assert (did.read_text() if did.exists() else "") == ("-h ALL\n" if holds else "")
    assert (tmp_path / "volume").read_text() == f"{OWN}\n"


def test_an_environment_is_not_backed_up_and_begins_with_nobodys_mail() -> None:
    raw = {**RAW, "backup": {"days": 7}, "inbound": {"srsSecret": "secret-123"}}
    raw["gateway"] = {"name": HOST, "dataVolume": {"snapshot": SNAPSHOT, "hold": True}}
    config = {f"mail-relay:{key}": value for key, value in raw.items()}
    made = environment(config, read(raw), Wanted("try", NOW, ""))
    assert "mail-relay:backup" not in made
    assert "dataVolume" not in made["mail-relay:gateway"]
    assert "secret-123" not in json.dumps(made)


@pytest.mark.parametrize(
    ("age", "state", "since", "late", "to_come"),
    [
        (timedelta(hours=30), "completed", timedelta(days=9), "", ""),
        (OLDEST + timedelta(minutes=1), "completed", timedelta(days=9), "is 2 days old", ""),
        (timedelta(hours=1), "pending", timedelta(days=9), "no snapshot, 9 days after", ""),
        (None, "", timedelta(days=9), "no snapshot, 9 days after", ""),
        (None, "", timedelta(hours=30), "", "has no snapshot yet"),
        (timedelta(hours=1), "pending", timedelta(hours=20), "", "has no snapshot yet"),
    ],
)
def test_a_snapshot_that_is_too_old_is_told(
    age: timedelta | None, state: str, since: timedelta, late: str, to_come: str
) -> None:
    found = [] if age is None else [Snapshot(HOST, SNAPSHOT, NOW - age, 8, state, "daily")]
    with_backup = read({**BASE, "backup": {"days": 7}})
    judged = _judge(with_backup, found, Making("", {HOST: NOW - since}), NOW)
    for lines, said in zip(judged, (late, to_come), strict=True):
        assert [said in line for line in lines] == ([True] if said else [])
    assert _judge(with_backup, found, Making("no policy", {HOST: NOW - since}), NOW)[0][0] == (
        "no policy"
    )


@pytest.mark.parametrize(
    ("ran", "due"),
    [
        (NOW.replace(hour=2), True),
        (NOW.replace(hour=3, minute=1), False),
        (NOW - timedelta(days=1), True),
    ],
)
def test_the_labs_policy_runs_once_a_day(ran: datetime, due: bool) -> None:
    rule = {"Interval": 24, "IntervalUnit": "HOURS", "Times": ["03:00"]}
    details = {"Schedules": [{"CreateRule": rule, "RetainRule": {"Count": 1}}]}
    policy = Policy("policy-1", "arn", "", "role", "ENABLED", details, {}, ran, ran)
    assert policy.is_due(NOW) is due
    assert not dataclasses.replace(policy, state="ERROR").is_due(NOW)


def test_a_review_tells_of_backups() -> None:
    def told(before: dict[str, Any], after: dict[str, Any]) -> str:
        return " ".join(sentences(Change(Preview((), (), ()), reading(before), reading(after))))

    with_ = {"backup": {"days": 7}}
    assert "gets a snapshot a day, of which 7 are kept" in told({}, with_)
    assert "no daily snapshots any more" in told(with_, {})
    gateway = {"name": HOST, "dataVolume": {"snapshot": SNAPSHOT, "hold": True}}
    said = told({}, {"gateway": gateway})
    assert f"starts from {SNAPSHOT}; its queue is held; one that stands stays" in said
    secret = {"inbound": {"srsSecret": "secret-123"}}
    assert "(SRS) changes" in told({}, secret)
    assert "secret-123" not in told({}, secret)

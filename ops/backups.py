"""`relay backups`: the snapshots of the gateways' data volumes."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from components.naming import owner_tags, tag_filters
from ops import stack_yaml
from ops.edit.stack_file import StackFile
from ops.leftovers.aws_types import SNAPSHOT_GIB
from ops.leftovers.left import monthly
from ops.options import Json, LabOption, StackOption, target
from ops.terminal import notes, print_json, print_table, step
from settings import Settings

# Snapshots are made daily, within an hour of their time.
OLDEST = timedelta(days=2)
# Data Lifecycle Manager's tag of its own snapshots, and the state of a policy that is well.
_BY_POLICY, _ENABLED = "aws:dlm:lifecycle-policy-id", "ENABLED"
_NAMED = " data"  # what a data volume's name has after its gateway's


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a data volume: the gateway's name, when it was made, and why."""

    host: str
    id: str
    made: datetime
    gib: int
    state: str
    why: str


@dataclass(frozen=True)
class Making:
    """Why no snapshots are made, "" if they are; and since when each gateway's volume is there."""

    problem: str
    since: Mapping[str, datetime]


def command(stack: StackOption = None, lab: LabOption = None, json: Json = False) -> None:
    """The snapshots of the gateways' data volumes, the newest first, and what they may cost.

    Exit code 1: with `backup`, none are made, or a gateway's newest is over two days old.
    """
    chosen = target(stack, lab)
    settings = StackFile(chosen).settings()
    project = stack_yaml.project_name()
    tags = owner_tags(project, chosen.name)
    with step(f"the snapshots of {chosen.stack}"), chosen.account() as client:
        found = _found(client("ec2"), tags)
        making = _making(client, tags) if settings.backup else None
    late, to_come = _judge(settings, found, making, datetime.now(UTC)) if making else ([], [])
    if json:
        rows = [{**asdict(each), "made": each.made.isoformat()} for each in found]
        print_json({"snapshots": rows, "late": late})
    else:
        print_table("snapshots", [_row(each) for each in found])
        if found:
            most = sum(each.gib for each in found) * SNAPSHOT_GIB
            notes.print(f"together at most {monthly(most)}: only blocks that differ are paid for")
    for line in (*late, *to_come):
        notes.print(f"Note: {line}", soft_wrap=True)
    if late:
        raise typer.Exit(1)


def _row(snapshot: Snapshot) -> dict[str, Any]:
    made = f"{snapshot.made:%Y-%m-%d %H:%M} UTC"
    return {**asdict(snapshot), "made": made}


def _found(ec2: Any, tags: Mapping[str, str]) -> list[Snapshot]:
    snapshots = ec2.get_paginator("describe_snapshots")
    pages = snapshots.paginate(OwnerIds=["self"], Filters=tag_filters(tags))
    return sorted(
        (_snapshot(item) for page in pages for item in page["Snapshots"]),
        key=lambda each: each.made,
        reverse=True,
    )


def _snapshot(item: Mapping[str, Any]) -> Snapshot:
    tags = _tags(item)
    return Snapshot(
        tags.get("Name", "").removesuffix(_NAMED),
        item["SnapshotId"],
        item["StartTime"],
        item["VolumeSize"],
        item["State"],
        "daily" if _BY_POLICY in tags else "kept",
    )


def _tags(item: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}


def _making(client: Callable[[str], Any], tags: Mapping[str, str]) -> Making:
    dlm = client("dlm")
    policies = dlm.get_lifecycle_policies()["Policies"]
    own = [policy for policy in policies if tags.items() <= policy.get("Tags", {}).items()]
    if not own:
        return Making("nothing makes snapshots yet: the next `up` makes the policy", {})
    policy = dlm.get_lifecycle_policy(PolicyId=own[0]["PolicyId"])["Policy"]
    problem = ""
    if policy["State"] != _ENABLED:
        said = f"{policy['State']}, {policy.get('StatusMessage', '')}"
        problem = f"no snapshots are made, says the policy {policy['PolicyId']} ({said})"
    pages = client("ec2").get_paginator("describe_volumes").paginate(Filters=tag_filters(tags))
    since = {
        name.removesuffix(_NAMED): max(volume["CreateTime"], policy["DateCreated"])
        for page in pages
        for volume in page["Volumes"]
        if (name := _tags(volume).get("Name", "")).endswith(_NAMED)
    }
    return Making(problem, since)


def _judge(
    settings: Settings, found: list[Snapshot], making: Making, now: datetime
) -> tuple[list[str], list[str]]:
    """Lines of what is wrong: none are made, or they are too old; and of those still to come.

    The first of a volume may take as long as another may be old.
    """
    late, to_come = [making.problem] if making.problem else [], []
    for gateway in settings.gateways:
        own = [s.made for s in found if s.host == gateway.name and s.state == "completed"]
        since = making.since.get(gateway.name, now)
        if not own and now - since <= OLDEST:
            to_come.append(f"{gateway.name} has no snapshot yet; the first is made within a day")
        elif now - max(own, default=since) > OLDEST:
            days = (now - max(own, default=since)).days
            newest = f"the newest snapshot of {gateway.name} is {days} days old"
            none = f"{gateway.name} has no snapshot, {days} days after its volume was made"
            late.append(f"{newest if own else none}: aws dlm get-lifecycle-policies")
    return late, to_come

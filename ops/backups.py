"""`relay backups`: the snapshots of the gateways' data volumes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from components.naming import owner_tags
from ops import stack_yaml
from ops.edit.stack_file import StackFile
from ops.leftovers.aws_types import SNAPSHOT_GIB
from ops.leftovers.left import monthly
from ops.options import Json, LabOption, StackOption, target
from ops.terminal import notes, print_json, print_table, step
from settings import Settings

# Snapshots are made daily, within an hour of their time.
OLDEST = timedelta(days=2)
# Data Lifecycle Manager's tag of its own snapshots.
_BY_POLICY = "aws:dlm:lifecycle-policy-id"


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a data volume: the gateway's name, when it was made, and why."""

    host: str
    id: str
    made: datetime
    gib: int
    state: str
    why: str


def command(stack: StackOption = None, lab: LabOption = None, json: Json = False) -> None:
    """The snapshots of the gateways' data volumes, the newest first, and what they may cost.

    Exit code 1: with `backup`, a gateway has no completed one of the last two days.
    """
    chosen = target(stack, lab)
    settings = StackFile(chosen).settings()
    project = stack_yaml.project_name()
    tags = owner_tags(project, chosen.name)
    with step(f"the snapshots of {chosen.stack}"), chosen.account() as client:
        found = _found(client("ec2"), tags)
    late = _late(settings, found, datetime.now(UTC))
    if json:
        rows = [{**asdict(each), "made": each.made.isoformat()} for each in found]
        print_json({"snapshots": rows, "late": late})
    else:
        print_table("snapshots", [_row(each) for each in found])
        if found:
            most = sum(each.gib for each in found) * SNAPSHOT_GIB
            notes.print(f"together at most {monthly(most)}: only blocks that differ are paid for")
    for line in late:
        notes.print(f"Note: {line}", soft_wrap=True)
    if late:
        raise typer.Exit(1)


def _row(snapshot: Snapshot) -> dict[str, Any]:
    made = f"{snapshot.made:%Y-%m-%d %H:%M} UTC"
    return {**asdict(snapshot), "made": made}


def _found(ec2: Any, tags: Mapping[str, str]) -> list[Snapshot]:
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    pages = ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
    return sorted(
        (_snapshot(item) for page in pages for item in page["Snapshots"]),
        key=lambda each: each.made,
        reverse=True,
    )


def _snapshot(item: Mapping[str, Any]) -> Snapshot:
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
    return Snapshot(
        tags.get("Name", "").removesuffix(" data"),
        item["SnapshotId"],
        item["StartTime"],
        item["VolumeSize"],
        item["State"],
        "daily" if _BY_POLICY in tags else "kept",
    )


def _late(settings: Settings, found: list[Snapshot], now: datetime) -> list[str]:
    """A line for each gateway whose newest snapshot is too old, if the stack makes any."""
    if settings.backup is None:
        return []
    lines = []
    for gateway in settings.gateways:
        own = [s.made for s in found if s.host == gateway.name and s.state == "completed"]
        if not own:
            lines.append(f"{gateway.name} has no snapshot yet; the first is made within a day")
        elif now - max(own) > OLDEST:
            days = (now - max(own)).days
            lines.append(
                f"the newest snapshot of {gateway.name} is {days} days old: see what AWS says, "
                "aws dlm get-lifecycle-policies"
            )
    return lines

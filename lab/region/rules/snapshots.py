"""EBS snapshots: EC2's limits, and their content, which the machines' side copies.

On AWS a snapshot has what was on the volume at the moment of the call, and is `pending` until that
is copied. So it is here, where there are machines; without them it is completed at once.
"""

import copy
import time
from typing import Any

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.memory import Memory

Parameters = dict[str, str]
# SnapshotCreationPerVolumeRateExceeded: one snapshot of a volume in so many seconds (EBS User
# Guide, "Create Amazon EBS snapshots"), and five under way (EBS quotas, for gp3)
INTERVAL_SECONDS = 15.0
PENDING = 5


def before_create(memory: Memory, parameters: Parameters) -> None:
    """Refuse snapshots of a volume that come too fast."""
    volume = parameters.get("VolumeId", "")
    last = memory.snapshots.times.get(volume)
    if last is not None and time.monotonic() - last < INTERVAL_SECONDS:
        raise ApiError(
            "SnapshotCreationPerVolumeRateExceeded",
            "The maximum per volume CreateSnapshot request rate has been exceeded. Use an "
            "increasing or variable sleep interval between requests.",
        )
    held = backends.ec2().snapshots.values()
    under_way = [s for s in held if s.volume_id == volume and s.status == "pending"]
    if len(under_way) >= PENDING:
        raise ApiError(
            "ConcurrentSnapshotLimitExceeded",
            f"Maximum allowed in-progress snapshots for a single volume exceeded ({PENDING}).",
        )


def after_create(memory: Memory, parameters: Parameters) -> None:
    """Begin to copy a snapshot that was just made."""
    for snapshot in list(backends.ec2().snapshots.values()):
        mine = snapshot.volume_id == parameters.get("VolumeId") and not snapshot.from_ami
        if mine and snapshot.id not in memory.snapshots.known:
            begin(memory, snapshot)


def begin(memory: Memory, snapshot: Any) -> None:
    """Note a new snapshot; it keeps the size that its volume has now."""
    snapshot.volume = copy.copy(snapshot.volume)
    memory.snapshots.known.add(snapshot.id)
    memory.snapshots.times[snapshot.volume_id] = time.monotonic()
    if memory.consoles is not None:
        snapshot.status = "pending"


def copied(identity: str) -> None:
    """The machines' side has copied a snapshot's content."""
    if snapshot := backends.ec2().snapshots.get(identity):
        snapshot.status = "completed"


def state(memory: Memory) -> list[dict[str, Any]]:
    """The snapshots of data volumes, for the machines' side."""
    held = backends.ec2().snapshots
    return [
        {"id": i, "volume": held[i].volume_id, "sizeGiB": held[i].volume_size}
        for i in sorted(memory.snapshots.known & set(held))
    ]


def describe(_: Memory, parameters: Parameters) -> None:
    """Owners are a filter, which moto does not know."""
    owners = [v for k, v in parameters.items() if k.startswith("Owner.")]
    if owners:
        number = 1 + sum(k.startswith("Filter.") and k.endswith(".Name") for k in parameters)
        parameters[f"Filter.{number}.Name"] = "owner-id"
        for index, owner in enumerate(owners, 1):
            value = backends.ACCOUNT if owner == "self" else owner
            parameters[f"Filter.{number}.Value.{index}"] = value


def create_volume(_: Memory, parameters: Parameters) -> None:
    """A volume is at least as large as its snapshot, which must be completed."""
    snapshot = backends.ec2().snapshots.get(parameters.get("SnapshotId", ""))
    if snapshot is None:
        return
    if snapshot.status != "completed":
        raise ApiError(
            "IncorrectState", f"Snapshot is in invalid state - {snapshot.status}: {snapshot.id}"
        )
    size = int(parameters.get("Size") or snapshot.volume_size)
    if size < snapshot.volume_size:
        raise ApiError(
            "InvalidParameterValue",
            f"Volume of {size}GiB is smaller than snapshot '{snapshot.id}', expect size >= "
            f"{snapshot.volume_size}GiB",
        )


BEFORE = {
    "CreateSnapshot": before_create,
    "CreateVolume": create_volume,
    "DescribeSnapshots": describe,
}
AFTER = {"CreateSnapshot": after_create}

"""A snapshot of the gateway's volume has the mail that waited at that moment, and a volume made of
it has that again. Whole restores rebuild a gateway, and are played by docs/tasks/restore.md.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from world import CLIENT, GATEWAY, World

from lab.wait import until

SECONDS = 60.0
PLACE = "/mnt/restored"


@dataclass(frozen=True)
class Restored:
    """A volume made of a snapshot, mounted on another host, and what had waited in the queue."""

    world: World
    waited: str
    later: str

    def has(self, message: str) -> bool:
        find = ("find", PLACE, "-path", "*spool*", "-name", message)
        return bool(self.world.run(CLIENT, *find).strip())


def volume_of(ec2: Any) -> dict[str, Any]:
    filters = [{"Name": "tag:Name", "Values": [f"{GATEWAY} data"]}]
    (found,) = ec2.describe_volumes(Filters=filters)["Volumes"]
    return found


def queued(world: World) -> str:
    """The queue id of a message that its receiver puts off."""
    recipient = f"waits-{uuid.uuid4().hex}@inbox.example"
    command = f'printf "Subject: waits\\n\\nhello\\n" | sendmail -f root {recipient}'
    world.run(GATEWAY, "sh", "-c", command)

    def waiting() -> str:
        for line in world.run(GATEWAY, "postqueue", "-j").splitlines():
            found = json.loads(line)
            to = [each["address"] for each in found["recipients"]]
            if to == [recipient] and found["queue_name"] == "deferred":
                return found["queue_id"]
        return ""

    return until("the message waits in the queue", waiting, SECONDS)


@pytest.fixture(scope="module")
def restored(world: World) -> Iterator[Restored]:
    world.inbox.defer_everything(True)
    try:
        waited = queued(world)
        with world.network():
            ec2 = world.client("ec2")
            source = volume_of(ec2)
            snapshot = ec2.create_snapshot(VolumeId=source["VolumeId"])["SnapshotId"]
            waiter = {"Delay": 1, "MaxAttempts": 60}
            ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig=waiter)
        later = queued(world)
    finally:
        world.inbox.defer_everything(False)
    instance = world.machine(CLIENT)
    with world.network():
        made = ec2.create_volume(
            AvailabilityZone=source["AvailabilityZone"], SnapshotId=snapshot, VolumeType="gp3"
        )["VolumeId"]
        ec2.attach_volume(VolumeId=made, InstanceId=instance, Device="/dev/sdg")
    device = until(
        "the disk is there",
        lambda: world.run(CLIENT, "sh", "-c", "ls /dev/nvme[1-9]n1 2>/dev/null || true").strip(),
        SECONDS,
    )
    world.run(CLIENT, "mkdir", "-p", PLACE)
    world.run(CLIENT, "mount", "-o", "ro", device, PLACE)
    yield Restored(world, waited, later)
    world.run(CLIENT, "umount", PLACE)
    with world.network():
        ec2.detach_volume(VolumeId=made, InstanceId=instance)
        ec2.delete_volume(VolumeId=made)
        ec2.delete_snapshot(SnapshotId=snapshot)
    world.run(GATEWAY, "postsuper", "-d", waited)
    world.run(GATEWAY, "postsuper", "-d", later)


def test_mail_that_waited_is_on_the_volume_again(restored: Restored) -> None:
    assert restored.has(restored.waited)


def test_mail_that_came_later_is_not(restored: Restored) -> None:
    assert not restored.has(restored.later)


def test_the_volume_is_as_large_as_it_was_and_whole(restored: Restored) -> None:
    kind = restored.world.run(CLIENT, "findmnt", "-rno", "FSTYPE", PLACE).strip()
    assert kind == "ext4"
    assert restored.world.run(CLIENT, "ls", f"{PLACE}/tables").strip()

"""Volumes as EC2 has them: they only grow, and whoever detaches one need not know its host."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from region_service import serving

from lab.region import backends
from lab.region.memory import Memory


@pytest.fixture
def ec2() -> Iterator[Any]:
    with serving(Memory()) as (client, _):
        yield client("ec2")


@pytest.fixture
def volume(ec2: Any) -> str:
    given = {"AvailabilityZone": f"{backends.REGION}a", "Size": 8}
    return str(ec2.create_volume(**given)["VolumeId"])


def test_a_volume_is_detached_from_whatever_instance_it_is_attached_to(
    ec2: Any, volume: str
) -> None:
    image = next(iter(backends.ec2().amis))
    given = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "InstanceType": "t4g.nano"}
    instance = ec2.run_instances(**given)["Instances"][0]["InstanceId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    assert ec2.detach_volume(VolumeId=volume)["InstanceId"] == instance
    with pytest.raises(ClientError, match=r"IncorrectState.*'available' state"):
        ec2.detach_volume(VolumeId=volume)


def test_what_is_no_volume_is_not_found(ec2: Any) -> None:
    with pytest.raises(ClientError, match=r"InvalidVolume\.NotFound"):
        ec2.detach_volume(VolumeId="vol-0123456789abcdef0")


def test_a_volume_only_grows(ec2: Any, volume: str) -> None:
    with pytest.raises(ClientError, match="cannot be smaller"):
        ec2.modify_volume(VolumeId=volume, Size=7)

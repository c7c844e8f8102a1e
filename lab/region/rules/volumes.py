"""EBS volumes: what EC2 refuses, and what a call may leave out."""

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.memory import Memory

Parameters = dict[str, str]


def modify_volume(_: Memory, parameters: Parameters) -> None:
    """A volume only grows."""
    volume = backends.ec2().volumes.get(parameters.get("VolumeId", ""))
    if volume is not None and int(parameters.get("Size") or volume.size) < volume.size:
        raise ApiError("InvalidParameterValue", "New size cannot be smaller than existing size")


def detach_volume(_: Memory, parameters: Parameters) -> None:
    """Find the instance that a volume is attached to, which the call need not name."""
    volume = backends.ec2().volumes.get(parameters.get("VolumeId", ""))
    if volume is not None and volume.attachment is None:
        raise ApiError("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
    if volume is not None:
        parameters.setdefault("InstanceId", volume.attachment.instance.id)


BEFORE = {"ModifyVolume": modify_volume, "DetachVolume": detach_volume}

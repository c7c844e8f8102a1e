"""Instances and availability zones without power, which EC2 shows in its status checks only."""

from datetime import UTC, datetime, timedelta
from typing import Any

from moto.ec2.models.instances import Instance

from lab.region import backends
from lab.region.memory import Memory

# EC2 makes its status checks once a minute.
UNNOTICED = timedelta(minutes=1)
RUNNING = 16  # the code of this state


def switch(names: dict[str, datetime], name: str, on: bool) -> None:
    """Cut or restore the power of an instance or of a zone."""
    if on:
        names.pop(name, None)
    else:
        names.setdefault(name, datetime.now(UTC))


def cut_since(memory: Memory, instance: Any) -> datetime | None:
    """The time since which an instance has no power, by itself or with its zone, or None."""
    own = memory.cut_instances.get(instance.id), memory.cut_zones.get(instance.placement.zone)
    # an instance that starts in a zone without power never had any
    since = [max(cut, instance.launch_time.replace(tzinfo=UTC)) for cut in own if cut]
    return min(since, default=None)


def before_status(memory: Memory, _: dict[str, str]) -> None:
    """DescribeInstanceStatus: store the power cuts in moto's instances."""
    for instance in backends.instances():
        instance.cut_since = cut_since(memory, instance)


def _checks(instance: Any) -> dict[str, Any]:
    if instance.state_code != RUNNING:
        return {"Status": "not-applicable"}
    since = getattr(instance, "cut_since", None)
    if since is None or datetime.now(UTC) - since < UNNOTICED:
        return {"Details": [{"Name": "reachability", "Status": "passed"}], "Status": "ok"}
    failed = {"Name": "reachability", "Status": "failed", "ImpairedSince": since + UNNOTICED}
    return {"Details": [failed], "Status": "impaired"}


# moto's own are "ok" for every instance that runs
setattr(Instance, "system_status", property(_checks))  # noqa: B010
setattr(Instance, "instance_status", property(_checks))  # noqa: B010

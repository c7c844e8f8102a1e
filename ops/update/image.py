"""The images of a stack's hosts: running hosts update themselves, rebuilt ones begin with it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ops import images
from ops.update.part import Part
from settings import Settings, architecture

# AWS deprecates an image after two years; a new host installs all updates since its image was made.
YEAR = timedelta(days=365)
SETTING = "mail-relay:image"


def parts(settings: Settings, ec2: Any, now: datetime) -> Iterator[Part]:
    """Each image of the stack's hosts, against the newest of its architecture."""
    kinds = {architecture(host.instance_type) for host in settings.hosts.values()}
    for host in {architecture(h.instance_type): h for h in settings.hosts.values()}.values():
        name = settings.image_of(host.instance_type)
        listed = images.alike(ec2, name, architecture(host.instance_type))
        newest = images.newest(listed)
        what = f"image {architecture(host.instance_type)}"
        if newest is None or name not in listed:
            yield Part(what, name, note="AWS does not list it here: see ./relay doctor")
            continue
        age = now - datetime.fromisoformat(listed[name]["CreationDate"]).astimezone(UTC)
        old = age > YEAR and newest["Name"] != name
        note = f"it is {age.days} days old"
        if old and len(kinds) > 1:
            note += f"; {SETTING} is one image for all hosts: take a newer release of this program"
        elif old:
            note += "; --write raises it, which replaces the hosts"
        yield Part(what, name, newest["Name"], old, note)

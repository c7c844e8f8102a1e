"""Debian's images on AWS, newest of their kind."""

from collections.abc import Mapping
from typing import Any

from components.naming import DEBIAN


def alike(ec2: Any, name: str, architecture: str) -> dict[str, Mapping[str, Any]]:
    """Debian's images of the release and architecture of the one with this name, and that one.

    They are by name, as EC2 describes them, deprecated ones too.
    """
    pattern = f"{name.rpartition(architecture)[0]}{architecture}-*"
    described = ec2.describe_images(
        Owners=[DEBIAN],
        IncludeDeprecated=True,
        Filters=[{"Name": "name", "Values": [name, pattern]}],
    )
    return {image["Name"]: image for image in described["Images"]}


def newest(listed: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The one that was made last."""
    return max(listed.values(), key=lambda image: image["CreationDate"], default=None)

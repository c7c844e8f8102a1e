"""Look-ups in AWS whose failure the user can fix: an error of one line, without a traceback."""

from collections.abc import Callable
from typing import TypeVar

import pulumi
import pulumi_aws as aws

from components.naming import DEBIAN

Found = TypeVar("Found")


class LookUpError(Exception):
    """A look-up failed; the text is AWS's own, on one line."""


def looked_up(call: Callable[[], Found]) -> Found:
    """The result of a look-up; LookUpError if it fails."""
    try:
        return call()
    # the SDK raises nothing narrower for a function that failed
    except Exception as error:
        raise LookUpError(" ".join(str(error).split())) from None


def image_id(name: str, region: str) -> str:
    """The id of Debian's image of this name; RunError names it."""
    try:
        return looked_up(
            lambda: aws.ec2.get_ami(
                owners=[DEBIAN],
                filters=[{"name": "name", "values": [name]}],
                # AWS deprecates each public image after two years, and then shows it only if asked
                include_deprecated=True,
            ).id
        )
    except LookUpError as error:
        if "returned no results" not in str(error):
            raise pulumi.RunError(f"AWS could not be asked: {error}") from None
    raise pulumi.RunError(
        f"mail-relay:image: {name!r}: Debian has no image of this name in {region}; {_newest(name)}"
    )


def _newest(name: str) -> str:
    """The newest image of the same release and architecture, by the name without its date."""
    pattern = f"{name.rsplit('-', 2)[0]}-*"
    try:
        found = looked_up(
            lambda: aws.ec2.get_ami(
                owners=[DEBIAN],
                filters=[{"name": "name", "values": [pattern]}],
                most_recent=True,
            ).name
        )
    except LookUpError:
        return f"it has none that is called {pattern}"
    return f"the newest one is {found}"

"""Look-ups in AWS whose failure is the user's to mend: one line, and no traceback."""

from collections.abc import Callable
from typing import TypeVar

import pulumi
import pulumi_aws as aws

DEBIAN = "136693071363"  # Debian's account: https://wiki.debian.org/Cloud/AmazonEC2Image

Found = TypeVar("Found")


def looked_up(call: Callable[[], Found], missing: str, says: str) -> Found:
    """What a look-up gives. RunError: `missing` where its error says `says`, else that error."""
    try:
        return call()
    # the SDK raises nothing narrower for a function that failed
    except Exception as error:
        cause = " ".join(str(error).split())
        text = missing if says in cause else f"AWS could not be asked: {cause}"
        raise pulumi.RunError(text) from None


def image_id(name: str, region: str) -> str:
    """The id of Debian's image of this name; RunError names it."""
    return looked_up(
        lambda: aws.ec2.get_ami(
            owners=[DEBIAN],
            filters=[{"name": "name", "values": [name]}],
            # AWS deprecates each public image after two years, and then shows it only if asked
            include_deprecated=True,
        ).id,
        f"mail-relay:image: {name!r}: Debian has no image of this name in {region}; those that it "
        f"has: aws ec2 describe-images --region {region} --owners {DEBIAN} --filters "
        "Name=name,Values=debian-13-* --query 'Images[].Name'",
        "returned no results",
    )

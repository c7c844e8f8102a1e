"""Images, which AWS deprecates two years after they were made if they are public.

EC2 User Guide, "Deprecate an Amazon EC2 AMI": everybody but its owner then finds the image only by
its id, or with `IncludeDeprecated`.
"""

from datetime import UTC, datetime, timedelta

from lab.region import backends
from lab.region.memory import Memory

Parameters = dict[str, str]
LIFE = timedelta(days=2 * 365)


def describe_images(memory: Memory, parameters: Parameters) -> None:
    """Exclude deprecated images by another filter."""
    by_id = any(key.startswith("ImageId.") for key in parameters)
    if by_id or parameters.get("IncludeDeprecated") == "true":
        return
    now = memory.images_day or datetime.now(UTC)
    shown = [
        image.id
        for image in backends.ec2().amis.values()
        if image.owner_id == backends.ACCOUNT
        or image.creation_date.replace(tzinfo=UTC) + LIFE > now
    ]
    numbers = {key.split(".")[1] for key in parameters if key.startswith("Filter.")}
    number = len(numbers) + 1
    parameters[f"Filter.{number}.Name"] = "image-id"
    for place, identity in enumerate(shown or ["ami-none"], 1):
        parameters[f"Filter.{number}.Value.{place}"] = identity

"""Tags: what is paid for, and what is left after a destroy, is found by them."""

from collections.abc import Iterator

from ops.leftovers.aws_types import TYPES
from policy.rules.rule import UNKNOWN, Resource

NEEDED = ("Project", "Stack", "Name")


def tags(resource: Resource) -> Iterator[str]:
    """Each resource that takes tags says whose it is."""
    given = resource.props.get("tags") or {}
    known = TYPES.get(resource.type)
    if known is None or not known.tagged or given is UNKNOWN:
        return
    if missing := [tag for tag in NEEDED if tag not in given]:
        yield f"it has no tag {', '.join(missing)}"

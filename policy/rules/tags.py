"""The rule for tags, by which bills are split and leftovers of a destroy are found."""

from collections.abc import Iterator

from ops.leftovers.aws_types import TYPES
from policy.rules.rule import UNKNOWN, Resource

NEEDED = ("Project", "Stack", "Name")


def tags(resource: Resource) -> Iterator[str]:
    """Each resource of a type that must be tagged has the tags Project, Stack and Name."""
    given = resource.props.get("tags") or {}
    known = TYPES.get(resource.type)
    if known is None or not known.tagged or given is UNKNOWN:
        return
    if missing := [tag for tag in NEEDED if tag not in given]:
        yield f"it has no tag {', '.join(missing)}"

"""What no settings may have, whatever their keys: YAML has more than Pulumi and settings take."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

# More levels than any setting has, and few enough for whatever reads them level by level.
DEEPEST = 20
NO_TEXT = "put the key in quotation marks, or YAML reads no text"
TOO_DEEP = (
    "it goes too deep: lists or keys inside each other without end; take the inner ones away, "
    "and an alias (*) that is inside its own anchor (&)"
)
Place = tuple[str | int, ...]


def mistakes(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Keys that are no text, and what goes too deep: where each is, and what would be right."""
    if len(place) > DEEPEST:
        yield place[:3], TOO_DEEP
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(key, str):
                yield from mistakes(item, (*place, key))
            else:
                yield (*place, _spelled(key)), NO_TEXT
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from mistakes(item, (*place, index))


def _spelled(key: Any) -> str:
    """A key as YAML has it, such as null and true."""
    return json.dumps(key, default=str).replace('"', "")

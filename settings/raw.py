"""Values that no setting may have: YAML allows more than Pulumi and the settings do."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

# More levels than any setting has, and few enough for functions that recurse into them.
DEEPEST = 20
NO_TEXT = "put the key in quotation marks, or YAML reads no text"
TOO_DEEP = (
    "it goes too deep: lists or keys inside each other without end; take the inner ones away, "
    "and an alias (*) that is inside its own anchor (&)"
)
Place = tuple[str | int, ...]


def mistakes(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """The place and the remedy of each key that is no text, and of values nested too deep."""
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
    """A key as it is written in YAML, such as null and true."""
    return json.dumps(key, default=str).replace('"', "")

"""State files in JSON, which are not trusted: a power cut or a person may have damaged them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
# What reading, parsing and converting raise for any content; RecursionError for deep nesting, and
# OverflowError for a number that is too large.
DAMAGED = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)


def read(file: Path, form: Callable[[Any], T], otherwise: T) -> T:
    """The content of a file as `form` converts it; `otherwise` if it is missing or damaged."""
    try:
        return form(json.loads(file.read_bytes()))
    except DAMAGED:
        return otherwise

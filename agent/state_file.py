"""State files, which are not trusted: a power cut or a person may have damaged them."""

import json
import math
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


def amount(value: Any) -> float:
    """A number that is neither negative, infinite nor NaN; raises one of DAMAGED."""
    found = float(value)
    if not 0 <= found < math.inf:
        raise ValueError(f"{value!r} is no amount")
    return found


def read(file: Path, form: Callable[[Any], T], otherwise: T) -> T:
    """The content of a file as `form` converts it; `otherwise` if it is missing or damaged."""
    try:
        return form(json.loads(file.read_bytes()))
    except DAMAGED:
        return otherwise


def text(file: Path) -> str:
    """A file's text, "" if it does not exist yet."""
    return file.read_text(errors="replace").strip() if file.exists() else ""

"""Names as people type them, and the known ones that they may mean."""

import difflib
from collections.abc import Iterable
from typing import Any

from settings.conflicts.common import ALIKE


def lowered(given: Any) -> Any:
    """An address or a domain of a stack, or several, in lower case as there; None stays None.

    It is a callback of arguments and options.
    """
    if isinstance(given, list):
        return [each.lower() for each in given]
    return given.lower() if given else given


def meant(name: str, known: Iterable[str]) -> str:
    """The known name that another is probably a misspelling of, else all, to follow an error."""
    listed = list(known)
    near = difflib.get_close_matches(name, listed, n=1, cutoff=ALIKE)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(listed) or 'none'}"

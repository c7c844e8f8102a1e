"""Helpers for Markdown that every part of the report uses."""

from collections.abc import Iterable

NOT_YET = "(known after the update)"


def code(text: str | None) -> str:
    """A text as Markdown code; None is a value that is not known yet."""
    if text is None:
        return NOT_YET
    fence = "``" if "`" in text else "`"
    return f"{fence} {text} {fence}" if fence == "``" else f"`{text}`"


def turned(before: str | None, after: str | None) -> str:
    """The text of a value before and after a change."""
    return f"{code(before)} → {code(after)}"


def listed(items: Iterable[str]) -> str:
    """The items as "a, b and c"."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last

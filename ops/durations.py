"""Lengths of time on the command line."""

import datetime
import re
from typing import Any

import typer

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# Nothing here lasts longer, and a date after as long can still be told.
LONGEST = datetime.timedelta(days=3_650)


def duration(text: str | datetime.timedelta) -> datetime.timedelta:
    """The duration of a text such as 90s, 30m, 4h or 7d; typer.BadParameter for any other text.

    A default of an option is a duration already.
    """
    if isinstance(text, datetime.timedelta):
        return text
    match = re.fullmatch(r"(\d{1,12})([smhd])", text)
    if match and (seconds := int(match[1]) * _SECONDS[match[2]]) <= LONGEST.total_seconds():
        return datetime.timedelta(seconds=seconds)
    raise typer.BadParameter(
        f"{text!r}: give a number with its unit, such as 90s, 30m, 4h or 7d, "
        f"and {shown(LONGEST)} at most"
    )


def option(help_: str, default: datetime.timedelta) -> Any:
    """An option that takes a duration; its help shows the default as one would type it."""
    return typer.Option(
        help=f"{help_} [default: {shown(default)}]",
        parser=duration,
        metavar="LENGTH",
        show_default=False,
    )


def shown(length: datetime.timedelta) -> str:
    """A duration as text, in the largest unit that is not longer than it."""
    seconds = int(length.total_seconds())
    unit = next((u for u in reversed(_SECONDS) if seconds >= _SECONDS[u]), "s")
    return f"{seconds // _SECONDS[unit]}{unit}"

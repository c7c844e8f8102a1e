"""Lengths of time on the command line."""

import datetime
import re
from typing import Any

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> datetime.timedelta:
    """The duration of a text such as 90s, 30m, 4h or 7d; typer.BadParameter for any other text."""
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if match is None:
        raise typer.BadParameter(
            f"{text!r}: give a number with its unit, such as 90s, 30m, 4h or 7d"
        )
    return datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})


def option(help_: str) -> Any:
    """An option that takes a duration; an error names the option."""
    return typer.Option(help=help_, callback=_checked)


def _checked(text: str) -> str:
    duration(text)
    return text


def shown(length: datetime.timedelta) -> str:
    """A duration as text, in the largest unit that is not longer than it."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

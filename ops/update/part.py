"""A part that gets older, and the reason that it is told."""

from dataclasses import dataclass

from common.errors import RelayError


class Unknown(RelayError):
    """What is newest cannot be found out; the text says why."""


@dataclass(frozen=True)
class Part:
    """A part with its version here, and the newest one that fits ("" if nobody tells).

    `old` if it is older than it should be, `note` is what to do or to know.
    """

    what: str
    here: str
    newest: str = ""
    old: bool = False
    note: str = ""

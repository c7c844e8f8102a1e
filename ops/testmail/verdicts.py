"""What a receiver says of a message, and the receivers of a place that tell it."""

from dataclasses import dataclass
from typing import Protocol

METHODS = ("spf", "dkim", "dmarc")


@dataclass(frozen=True)
class Verdicts:
    """Results by the names of RFC 8601, "" where the judge says nothing; `tls` of each hop.

    `tls` are versions, or "none", by the message's Received fields, the first hop first.
    """

    by: str
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""
    tls: tuple[str, ...] = ()

    @property
    def bad(self) -> tuple[str, ...]:
        """What was judged and does not pass, such as "SPF softfail"."""
        found = [(method, getattr(self, method)) for method in METHODS]
        return tuple(
            f"{method.upper()} {said}" for method, said in found if said not in ("pass", "")
        )


class Receiver(Protocol):
    """A provider that tells its verdicts, on mail for addresses of its domain."""

    @property
    def domain(self) -> str:
        """The domain of its addresses."""
        ...

    @property
    def address(self) -> str:
        """An address that takes tests."""
        ...

    def verdicts(self, message_id: str, seconds: float) -> Verdicts | None:
        """Of the message with this Message-ID; None if it does not come in time."""
        ...

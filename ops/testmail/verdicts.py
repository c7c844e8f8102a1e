"""The verdicts of a receiver on a message, and receivers that can be asked for them."""

from dataclasses import dataclass
from typing import Protocol

METHODS = ("spf", "dkim", "dmarc")


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of a server: results in the words of RFC 8601, "" without one.

    `tls` has the version of each hop, or "none", by the Received fields, the first hop first.
    """

    by: str
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""
    tls: tuple[str, ...] = ()

    @property
    def bad(self) -> tuple[str, ...]:
        """The results that do not pass, such as "SPF softfail"."""
        found = [(method, getattr(self, method)) for method in METHODS]
        return tuple(
            f"{method.upper()} {said}" for method, said in found if said not in ("pass", "")
        )


class Receiver(Protocol):
    """A provider that returns its verdicts on mail for addresses of its domain."""

    @property
    def domain(self) -> str:
        """The domain of the provider's addresses."""
        ...

    @property
    def address(self) -> str:
        """An address that takes tests."""
        ...

    def verdicts(self, message_id: str, seconds: float) -> Verdicts | None:
        """The verdicts on the message with a Message-ID; None if it does not come in time."""
        ...

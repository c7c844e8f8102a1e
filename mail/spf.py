"""SPF policies (RFC 7208)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import spf as pyspf

LOOK_UPS, VOID_LOOK_UPS = 10, 2
QUALIFIERS = "+-~?"
# A setting's own word for the gateways, by inclusion of their record.
GATEWAYS = "gateways"
MECHANISM = re.compile(
    r"gateways|[+\-~?]?(all|ip4|include:\S+|a(:\S+|/\S+)?|mx(:\S+|/\S+)?|ptr(:\S+)?|exists:\S+|ip4:[\d./]+"
    r"|ip6:[0-9a-fA-F:./]+)|redirect=\S+"
)


def gateways(addresses: Sequence[str]) -> str:
    """The record that holds the gateways' addresses, for domains to include."""
    return " ".join(["v=spf1", *(f"ip4:{address}" for address in addresses), "-all"])


def domain(terms: Sequence[str], all_: str, *, include: str, addresses: Sequence[str]) -> str:
    """A sending domain's record.

    Among the terms, GATEWAYS becomes the inclusion of the gateways' record, and a bare `ip4`, with
    its qualifier, stands for each of their addresses.
    """
    written: list[str] = []
    for term in terms:
        if term == GATEWAYS:
            written.append(f"include:{include}")
        elif term.lstrip(QUALIFIERS) == "ip4":
            written += [f"{term}:{address}" for address in addresses]
        else:
            written.append(term)
    return " ".join(["v=spf1", *written, all_])


def names_addresses(terms: Sequence[str]) -> bool:
    """Whether a record with these terms holds the gateways' addresses themselves."""
    return any(term.lstrip(QUALIFIERS) == "ip4" for term in terms)


def host(terms: Sequence[str] = ()) -> str:
    """A sending host's own name, for HELO and bounces (RFC 7208, 2.3 and 2.4).

    The terms are of who else sends with its name, such as a smarthost.
    """
    return " ".join(["v=spf1", "a", *terms, "-all"])


def look_ups(terms: Sequence[str]) -> int:
    """How many DNS look-ups the terms cost by themselves (RFC 7208, 4.6.4)."""
    costly = re.compile(rf"[+\-~?]?({GATEWAYS}$|include:|a\b|mx\b|ptr\b|exists:)|redirect=")
    return sum(bool(costly.match(term)) for term in terms)


# The values that DNS has for a name and a type (A, MX, PTR or TXT), () where it has none; None
# where it does not answer. MX and TXT values are as mail.zonefile gives them.
LookUp = Callable[[str, str], Sequence[str] | None]


@dataclass(frozen=True)
class Evaluation:
    """What a receiver makes of a sender: a result of RFC 7208, 2.6, why, and what it cost."""

    result: str
    problem: str
    look_ups: int
    void_look_ups: int


def evaluate(address: str, sender: str, helo: str, look_up: LookUp) -> Evaluation:
    """check_host() (RFC 7208, 4) for a client's address; `sender` "" is the HELO identity.

    Look-ups are counted beyond their limits (4.6.4), and make the result `permerror` there.
    """
    query = _Query(address, sender, helo, look_up)
    result, _, said = query.check()
    problem = said.partition("Error: ")[2]
    if query.voids > VOID_LOOK_UPS and result != "temperror":
        result = "permerror"
        problem = f"{query.voids} look-ups find nothing; SPF allows {VOID_LOOK_UPS}"
    return Evaluation(result, problem, query.lookups, query.voids)


class _Query(pyspf.query):
    """pyspf's evaluation with our own look-ups."""

    def __init__(self, address: str, sender: str, helo: str, look_up: LookUp) -> None:
        # not strict: goes on where a limit is reached, and says permerror all the same
        super().__init__(address, sender, helo, strict=False)
        self._look_up, self.voids = look_up, 0

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> Any:
        values = self._look_up(str(name).rstrip(".").lower(), qtype)
        if values is None:
            raise pyspf.TempError(f"no answer for {name} {qtype}")
        if not values and not ignore_void:
            self.voids += 1
        if qtype == "MX":
            pairs = [value.split() for value in values]
            return [(int(preference), exchange) for preference, exchange in pairs]
        return [(value.encode("latin-1"),) if qtype == "TXT" else value for value in values]

"""SPF policies (RFC 7208)."""

import re
from collections.abc import Sequence

LOOK_UPS = 10
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


def host() -> str:
    """A sending host's own name, for HELO and bounces (RFC 7208, 2.3 and 2.4)."""
    return "v=spf1 a -all"


def look_ups(terms: Sequence[str]) -> int:
    """How many DNS look-ups the terms cost by themselves (RFC 7208, 4.6.4)."""
    costly = re.compile(rf"[+\-~?]?({GATEWAYS}$|include:|a\b|mx\b|ptr\b|exists:)|redirect=")
    return sum(bool(costly.match(term)) for term in terms)

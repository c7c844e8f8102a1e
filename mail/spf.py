"""SPF policies (RFC 7208)."""

import re
from collections.abc import Sequence

LOOK_UPS = 10
MECHANISM = re.compile(
    r"[+\-~?]?(all|include:\S+|a(:\S+|/\S+)?|mx(:\S+|/\S+)?|ptr(:\S+)?|exists:\S+|ip4:[\d./]+"
    r"|ip6:[0-9a-fA-F:./]+)|redirect=\S+"
)


def gateways(addresses: Sequence[str]) -> str:
    """The record that holds the gateways' addresses, for domains to include."""
    return " ".join(["v=spf1", *(f"ip4:{address}" for address in addresses), "-all"])


def domain(include: str, extra: Sequence[str], all_: str) -> str:
    """A sending domain's record: our gateways by inclusion, what else it names, the rest."""
    return " ".join(["v=spf1", f"include:{include}", *extra, all_])


def host() -> str:
    """A sending host's own name, for HELO and bounces (RFC 7208, 2.3 and 2.4)."""
    return "v=spf1 a -all"


def look_ups(mechanisms: Sequence[str]) -> int:
    """How many DNS look-ups the terms cost by themselves (RFC 7208, 4.6.4)."""
    costly = re.compile(r"[+\-~?]?(include:|a\b|mx\b|ptr\b|exists:)|redirect=")
    return sum(bool(costly.match(term)) for term in mechanisms)

"""Where a zone is cut off the one above it, and which servers answer for it."""

from mail import names as text
from ops.verify.names import Names


def without_delegation(names: Names, zone: str) -> str:
    """The zone above whose own servers say that it does not delegate this one; "" if none says so.

    A resolver that remembers the zone's NS records cannot tell. Top-level domains are not asked.
    """
    above = text.parent(zone)
    while "." in above:
        if servers := names.resolve(above, "NS").values:
            said = [names.ask(server.rstrip("."), zone, "NS") for server in servers]
            # a server that delegates refers to others, so its answer is not authoritative
            return above if any(not a.problem and not a.values for a in said) else ""
        above = text.parent(above)
    return ""


def lame(names: Names, server: str, zone: str) -> str:
    """Why a name server does not answer for the zone; "" if it does."""
    said = names.ask(server, zone, "SOA")
    return said.problem or ("" if said.values else "no such zone")

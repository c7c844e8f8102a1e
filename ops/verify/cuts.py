"""Zone cuts: whether a zone is delegated by the one above it, and whether its servers answer."""

from mail import names as text
from ops.verify.names import Names


def without_delegation(names: Names, zone: str) -> str:
    """The zone above if its servers say that it does not delegate this zone; else "".

    A resolver may have cached the zone's NS records. Top-level domains are not asked.
    """
    above = text.parent(zone)
    while "." in above:
        if servers := names.resolve(above, "NS").values:
            said = [names.ask(server.rstrip("."), zone, "NS") for server in servers]
            # a delegation is answered by a referral, which is not authoritative: a problem here
            return above if any(not a.problem and not a.values for a in said) else ""
        above = text.parent(above)
    return ""


def lame(names: Names, server: str, zone: str) -> str:
    """The reason that a name server does not answer for the zone; "" if it does."""
    said = names.ask(server, zone, "SOA")
    return said.problem or ("" if said.values else "no such zone")

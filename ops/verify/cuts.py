"""Zone cuts: which servers a zone has, whether the zone above delegates to it, and who answers."""

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


def servers_above(names: Names, name: str) -> list[str]:
    """The name servers of the zone that holds a name, as the resolver finds them; or none."""
    above = text.parent(name)
    while True:
        if servers := names.resolve(above, "NS").values:
            return [server.rstrip(".") for server in servers]
        if not above:
            return []
        above = text.parent(above)


def lame(names: Names, server: str, zone: str) -> str:
    """The reason that a name server does not answer for the zone; "" if it does."""
    said = names.ask(server, zone, "SOA")
    return said.problem or ("" if said.values else "no such zone")

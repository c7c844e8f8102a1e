"""The zones: delegated to their own name servers, which all answer."""

from collections.abc import Sequence

from mail.zonefile import RecordSet
from ops.verify.cuts import lame, without_delegation
from ops.verify.names import Names
from ops.verify.result import Result
from ops.verify.world import World

# The TTL of NS records in the zone above, the same as in Route53's zones.
TTL = 172800


def check(world: World, zone: str) -> Result:
    """Check a zone of the stack."""
    return delegation(world.names, zone, world.expected.zones[zone])


def delegation(names: Names, zone: str, servers: Sequence[str]) -> Result:
    """Check that the zone is delegated to its servers, and that they answer for it."""
    result, answering = Result("zone", zone), 0
    own = sorted(server.rstrip(".").lower() for server in servers)
    remedy = f"At the registrar (or in the zone above), set the name servers of {zone} to: "
    remedy += ", ".join(own)
    if above := without_delegation(names, zone):
        wanted = RecordSet(zone, "NS", TTL, tuple(f"{server}." for server in own))
        result.error(
            "zone-not-delegated",
            f"the zone {above} has no NS record for {zone}: nobody finds what is in {zone}",
            f"In the zone {above}, or by whoever runs it: " + "\n".join(wanted.lines()),
        )
        return result
    answer = names.resolve(zone, "NS")
    delegated = sorted(server.rstrip(".") for server in answer.values)
    if answer.problem:
        result.error("zone-unresolved", f"{zone} NS: {answer.problem}", remedy)
        return result
    if not delegated:
        result.error("zone-not-delegated", f"{zone} has no name servers", remedy)
        return result
    if delegated != own:
        result.error("zone-delegation", f"{zone} is delegated to {', '.join(delegated)}", remedy)
    for server in sorted(set(delegated) & set(own)):
        problem = lame(names, server, zone)
        if problem in ("REFUSED", "SERVFAIL", "not authoritative", "no such zone"):
            text = f"{server} does not serve {zone}: {problem}"
            result.error("zone-server-lame", text, f"{remedy}. Is the zone still in Route53?")
        elif problem:
            text = f"{server}, a name server of {zone}: {problem}"
            result.error("zone-server-silent", text, "Try again; from another network if it stays.")
        else:
            answering += 1
    result.seen.append(f"{answering} name servers answer")
    return result

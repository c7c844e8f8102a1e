"""The zones: delegated to their own name servers, which all answer."""

from collections.abc import Sequence

from ops.verify.names import Names
from ops.verify.result import Result
from ops.verify.world import World


def check(world: World, zone: str) -> Result:
    """Also notes in the world which servers can be asked for the zone's records."""
    result, world.servers[zone] = delegation(world.names, zone, world.expected.zones[zone])
    return result


def delegation(names: Names, zone: str, servers: Sequence[str]) -> tuple[Result, list[str]]:
    """Whether the zone is delegated to its servers; those of them that answer for it."""
    result, answering = Result("zone", zone), list[str]()
    own = sorted(server.rstrip(".").lower() for server in servers)
    remedy = f"At the registrar (or in the zone above), set the name servers of {zone} to: "
    remedy += ", ".join(own)
    answer = names.resolve(zone, "NS")
    delegated = sorted(server.rstrip(".") for server in answer.values)
    if answer.problem:
        result.error("zone-unresolved", f"{zone} NS: {answer.problem}", remedy)
        return result, []
    if not delegated:
        result.error("zone-not-delegated", f"{zone} has no name servers", remedy)
        return result, []
    if delegated != own:
        result.error("zone-delegation", f"{zone} is delegated to {', '.join(delegated)}", remedy)
    for server in sorted(set(delegated) & set(own)):
        said = names.ask(server, zone, "SOA")
        if said.problem in ("REFUSED", "SERVFAIL", "not authoritative"):
            text = f"{server} does not serve {zone}: {said.problem}"
            result.error("zone-server-lame", text, f"{remedy}. Is the zone still in Route53?")
        elif said.problem:
            text = f"{server}, a name server of {zone}: {said.problem}"
            result.error("zone-server-silent", text, "Try again; from another network if it stays.")
        else:
            answering.append(server)
    result.seen.append(f"{len(answering)} name servers answer")
    return result, answering

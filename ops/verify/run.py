"""Every check, in the order in which one rests on another."""

from collections.abc import Collection, Iterator

from ops.outputs import Host, Outputs
from ops.verify import addresses, dkim, dmarc, hosts, mx, ports, records, spf, talk, zones
from ops.verify.hosts import FULL_DISK
from ops.verify.names import Names
from ops.verify.place import Place
from ops.verify.result import Result
from ops.verify.world import World

PROVIDER = "gmail.com"
# What senders meet at a gateway whose disk is full.
PUT_OFF = ("port-deferred", "port-silent", "mx-deferred")
PORTS = (talk.SMTP, talk.SUBMISSION, talk.SUBMISSIONS)


def verify(expected: Outputs, place: Place) -> Iterator[Result]:
    """The results as they come."""
    world = World(place.names, expected)
    for zone in expected.zones:
        yield zones.check(world, zone)
    for host in expected.hosts:
        yield from addresses.check(world, host)
    yield from records.check(world)
    # what hosts say explains what their ports do
    told = {host.name: _told(expected, place, host) for host in expected.hosts}
    full = {each.name for each in expected.gateways if hosts.is_full(told[each.name])}
    heard: list[talk.Heard] = []
    for gateway in expected.gateways:
        for port, said in _heard(world, place, gateway):
            if port == talk.SMTP:
                heard.append(said)
                if said.closed and (reason := _blocked_here(world, place)):
                    yield Result("port", f"{gateway.name}:{port}", skipped=reason)
                    continue
            result = ports.check(gateway, port, said)
            yield result.behind(FULL_DISK, PUT_OFF) if gateway.name in full else result
    shared = spf.check_shared(world)
    yield from shared
    for domain in expected.domains:
        taken = mx.check(world, domain, heard)
        yield taken.behind(FULL_DISK, PUT_OFF) if full else taken
        policy, got = spf.check(world, domain, shared)
        yield policy
        keys = [dkim.check(world, domain, selector) for selector in domain.selectors]
        yield from keys
        yield dmarc.check(world, domain, got, keys)
    for results in told.values():
        yield from results


def _told(expected: Outputs, place: Place, host: Host) -> list[Result]:
    """Every check of what a host says of itself."""
    try:
        written = place.status_of(host)
    except hosts.NoAccess as error:
        return hosts.unasked(expected, host, str(error))
    return hosts.check(expected, host, written)


def _heard(world: World, place: Place, gateway: Host) -> Iterator[tuple[int, talk.Heard]]:
    """What each port of a gateway says."""
    for port in (*PORTS, talk.IMAPS) if world.expected.mailboxes else PORTS:
        takes = [ports.ELSEWHERE, *(mx.recipients(world) if port == talk.SMTP else [])]
        yield port, talk.listen(place.connect, place.trust, gateway, port, takes)


def passing(expected: Outputs, names: Names, domains: Collection[str]) -> dict[str, bool]:
    """Of these domains, whether their mail passes SPF and DKIM by what DNS says.

    One of which that cannot be told is left out.
    """
    world = World(names, expected)
    shared = spf.check_shared(world)
    found = {}
    for domain in (d for d in expected.domains if d.name in domains):
        results = [
            *shared,
            spf.check(world, domain, shared)[0],
            *(dkim.check(world, domain, selector) for selector in domain.selectors),
        ]
        if any(result.errors for result in results):
            found[domain.name] = False
        elif not any(result.skipped for result in results):
            found[domain.name] = True
    return found


def _exchanges(world: World) -> list[str]:
    """Mail exchangers of the operator's domain; a large provider's where those are ours."""
    own = [host.name for host in world.expected.hosts]
    for domain in (world.expected.operator.rpartition("@")[2], PROVIDER):
        values = world.names.resolve(domain, "MX").values
        found = [v.split()[1].rstrip(".") for v in sorted(values, key=lambda v: int(v.split()[0]))]
        if others := [exchange for exchange in found if exchange not in own]:
            return others
    return []


def _blocked_here(world: World, place: Place) -> str:
    """Why port 25 cannot be judged from here: this network may not let it out."""
    exchanges = _exchanges(world)
    for exchange in exchanges:
        for address in world.names.resolve(exchange, "A").values:
            try:
                place.connect(address, talk.SMTP).close()
            except OSError:
                continue
            return ""
    tried = ", ".join(exchanges) or "no other server is known to try"
    return (
        f"this network may not let port 25 out ({tried}: no answer either); run it from another "
        "one, or on the host: ss -Hltn sport = :25"
    )

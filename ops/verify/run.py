"""All checks, in the order of their dependencies."""

from collections.abc import Callable, Collection, Iterator

from ops.outputs import Host, Outputs
from ops.verify import (
    addresses,
    alarms,
    balancer,
    causes,
    dkim,
    dmarc,
    group,
    hosts,
    limited,
    listed,
    mx,
    ports,
    records,
    releases,
    spf,
    submission,
    talk,
    zones,
)
from ops.verify.names import Names
from ops.verify.probes import Probes
from ops.verify.result import Result
from ops.verify.world import World

PROVIDER = "gmail.com"
PORTS = (talk.SMTP, talk.SUBMISSION, talk.SUBMISSIONS)


def verify(
    expected: Outputs, probes: Probes, progress: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """All results, with each cause as one error; `progress` gets each result as it comes."""
    found = []
    for result in _checks(expected, probes):
        progress(result)
        found.append(result)
    explained = causes.explain(expected, found)
    return causes.fold([_seen_from_here(expected, probes, result) for result in explained])


def _checks(expected: Outputs, probes: Probes) -> Iterator[Result]:
    """The results as they come."""
    world = World(probes.names, expected, probes.option)
    yield releases.check(expected)
    for zone in expected.zones:
        yield zones.check(world, zone)
    for host in expected.hosts:
        yield from addresses.check(world, host)
    yield from records.check(world)
    sessions: dict[str, talk.SmtpSession] = {}
    for gateway in expected.gateways:
        yield _group(expected, probes, gateway)
        if gateway not in expected.taking:
            continue
        seen = []
        for port, session in _sessions(world, probes, gateway):
            if port == talk.SMTP:
                sessions[gateway.name] = session
            seen.append(ports.check(gateway, port, session))
            yield seen[-1]
        yield from limited.check(gateway, seen, probes)
    if expected.submission.load_balancer:
        yield from balancer.check(world, probes)
    else:
        yield from submission.check(world, probes)
    shared = spf.check_shared(world)
    yield from shared
    for domain in expected.domains:
        yield mx.check(world, domain, sessions)
        policy, got = spf.check(world, domain, shared)
        yield policy
        keys = dkim.checks(world, domain)
        yield from keys
        yield dmarc.check(world, domain, got, keys)
    told: set[tuple[str, str]] = set()
    for host in expected.hosts:
        for result in _host_checks(expected, probes, host):
            # each gateway asks block lists for all domains
            if result.check != listed.CHECK or (result.check, result.subject) not in told:
                yield result
            told.add((result.check, result.subject))
    if expected.alarms:
        yield alarms.check(expected.alarms, probes)


def _group(expected: Outputs, probes: Probes, gateway: Host) -> Result:
    try:
        return group.check(expected, gateway, probes.group_of(gateway))
    except hosts.NoAccess as error:
        return Result("group", gateway.name, skipped=str(error))


def _seen_from_here(expected: Outputs, probes: Probes, result: Result) -> Result:
    """The result; skipped if it is of port 25 and this network blocks outbound port 25."""
    closed = {problem.code for problem in result.errors} & {"port-closed", "port-filtered"}
    if not closed or not result.subject.endswith(f":{talk.SMTP}"):
        return result
    reason = _blocked_here(World(probes.names, expected), probes)
    return Result(result.check, result.subject, skipped=reason) if reason else result


def _host_checks(expected: Outputs, probes: Probes, host: Host) -> list[Result]:
    """All checks of a host's status."""
    if down := probes.down(host):
        return hosts.check_down(expected, host, down)
    try:
        written = probes.status_of(host)
    except hosts.NoAccess as error:
        return hosts.unasked(expected, host, str(error))
    return hosts.check(expected, host, written, probes.opens_port_25)


def _sessions(
    world: World, probes: Probes, gateway: Host
) -> Iterator[tuple[int, talk.SmtpSession]]:
    """A session with each port of a gateway."""
    # with a load balancer, 587 and 465 are checked through it
    tried = (talk.SMTP,) if world.expected.submission.load_balancer else PORTS
    for port in (*tried, talk.IMAPS) if world.expected.mailboxes else tried:
        takes = [ports.ELSEWHERE, *(mx.recipients(world) if port == talk.SMTP else [])]
        yield port, talk.probe(probes.connect, probes.trust, gateway, port, takes)


def passing(expected: Outputs, names: Names, domains: Collection[str]) -> dict[str, bool]:
    """For each of these domains, whether its mail passes SPF and DKIM, by the records in DNS.

    A domain for which DNS gives no answer is left out.
    """
    world = World(names, expected)
    shared = spf.check_shared(world)
    found = {}
    for domain in (d for d in expected.domains if d.name in domains):
        results = [
            *shared,
            spf.check(world, domain, shared)[0],
            *dkim.checks(world, domain),
        ]
        if any(result.errors for result in results):
            found[domain.name] = False
        elif not any(result.skipped for result in results):
            found[domain.name] = True
    return found


def _exchanges(world: World) -> list[str]:
    """Mail exchangers of the operator's domain, or of a large provider if those are ours."""
    own = [host.name for host in world.expected.hosts]
    for domain in (world.expected.operator.rpartition("@")[2], PROVIDER):
        values = world.names.resolve(domain, "MX").values
        found = [v.split()[1].rstrip(".") for v in sorted(values, key=lambda v: int(v.split()[0]))]
        if others := [exchange for exchange in found if exchange not in own]:
            return others
    return []


def _blocked_here(world: World, probes: Probes) -> str:
    """The reason that port 25 cannot be judged from this network, which may block it; or ""."""
    exchanges = _exchanges(world)
    for exchange in exchanges:
        for address in world.names.resolve(exchange, "A").values:
            try:
                probes.connect(address, talk.SMTP).close()
            except OSError:
                continue
            return ""
    tried = ", ".join(exchanges) or "no other server is known to try"
    return (
        f"this network may not let port 25 out ({tried}: no answer either); run it from another "
        "one, or on the host: ss -Hltn sport = :25"
    )

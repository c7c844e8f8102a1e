"""MX: mail for a domain goes where the stack says, and is accepted there."""

from collections.abc import Mapping

from mail import records
from ops.outputs import Domain
from ops.verify.result import Result
from ops.verify.talk import Reply, SmtpSession
from ops.verify.world import World, shown

# Local parts that must be accepted at each domain that we receive (RFC 5321, 4.5.1; RFC 2142).
ROLES = ("postmaster", "abuse")


def recipients(world: World) -> list[str]:
    """The recipients that port 25 must accept."""
    domains = [domain for domain in world.expected.domains if receives(world, domain)]
    return [f"{role}@{domain.name}" for role in ROLES for domain in domains]


def receives(world: World, domain: Domain) -> bool:
    """Whether the stack's MX of the domain has a gateway."""
    record = world.expected.record(domain.name, "MX")
    return record is not None and bool(_ours(world, record.values))


def _exchanges(values: tuple[str, ...]) -> list[str]:
    return [value.split()[1].rstrip(".") for value in values]


def _ours(world: World, values: tuple[str, ...]) -> list[str]:
    """The gateways that are among the exchangers."""
    found = _exchanges(values)
    return [gateway.name for gateway in world.expected.gateways if gateway.name in found]


def check(world: World, domain: Domain, sessions: Mapping[str, SmtpSession]) -> Result:
    """Check the domain's MX; `sessions` are those with port 25, by gateway."""
    result = Result("mx", domain.name)
    wanted = world.expected.record(domain.name, "MX")
    for address in world.expected.unreachable:
        if address.rpartition("@")[2] == domain.name:
            closed = wanted is not None and wanted.values == (records.NULL_MX,)
            where = (
                f"Say in mail-relay:forwards or mail-relay:mailboxes where mail for {address} goes"
            )
            result.warn(
                "mx-unreachable",
                f"{address} may be sent as and takes no mail: its bounces and replies are refused",
                f"Take domains[].mx of {domain.name} away, or {address} from sendAs"
                if closed
                else where,
            )
    if wanted is None:
        _check_elsewhere(world, domain, result)
        return result
    if not world.compare(result, wanted, "mx"):
        return result
    closed = records.meaning("MX", wanted.values)
    result.seen.append(f"{', '.join(wanted.values)}{closed}")
    for exchange in filter(None, _exchanges(wanted.values)):  # without "." (RFC 7505)
        if exchange not in [host.name for host in world.expected.hosts]:
            _check_exchange(world, exchange, result)
    if receives(world, domain):
        _check_all_take(domain, result, sessions)
    return result


def _check_all_take(domain: Domain, result: Result, sessions: Mapping[str, SmtpSession]) -> None:
    roles = [f"{role}@{domain.name}" for role in ROLES]
    unasked = list[str]()
    for gateway, session in sessions.items():
        said = {role: session.recipients[role] for role in roles if role in session.recipients}
        _check_accepted(result, gateway, said)
        left = " and ".join(role for role in roles if role not in said)
        if left and session.limited[0]:
            text = " ".join(map(str, session.limited))
            result.seen.append(f"{gateway} was not asked for {left}: {text}")
        elif left:
            unasked.append(gateway)
    if unasked:
        text = f"whether its mail is taken by {' and '.join(unasked)}: port 25 comes first"
        if len(unasked) == len(sessions):
            result.skipped = text
        else:
            result.seen.append(text)


def _check_elsewhere(world: World, domain: Domain, result: Result) -> None:
    """Check a domain without MX in the stack: its mail is accepted elsewhere, or nowhere."""
    answer = world.names.resolve(domain.name, "MX")
    if answer.problem:
        result.error("mx-unresolved", f"{domain.name} MX: {answer.problem}")
        return
    said = world.at_servers(domain.name, "MX").values()
    answered = [at.values for at in said if not at.problem]
    if not answered:
        result.skipped = f"the name servers of {world.expected.zone_of(domain.name)} come first"
        return
    values = answer.values if answer.values in answered else answered[0]
    if values != answer.values:
        _check_cached(world, domain, result, answer.values)
    if ours := _ours(world, values):
        result.error(
            "mx-unwanted",
            f"mail for {domain.name} goes to {' and '.join(ours)}, which refuses it",
            f"Delete {domain.name}. IN MX, or say in mail-relay:forwards where its mail goes",
        )
    elif records.meaning("MX", values):
        _check_closed(world, domain, result)
    elif values:
        result.seen.append(f"accepted elsewhere: {', '.join(values)}")
    else:
        _check_nobody(world, domain, result)


def _check_cached(
    world: World, domain: Domain, result: Result, remembered: tuple[str, ...]
) -> None:
    """Warn that the resolver has another answer than the zone's own servers."""
    result.warn(
        "mx-cached",
        f"{domain.name} MX: the resolver {world.names.resolver} still says {shown(remembered)}, "
        "the zone's servers do not any more",
        "It forgets that by itself, after what the TTL was before.",
    )


def _check_closed(world: World, domain: Domain, result: Result) -> None:
    """Warn of a null MX that is not the stack's, since the stack may send as the domain."""
    gateway = world.expected.gateways[0].name
    park = f"./relay domains park {domain.name} {world.option}".rstrip()
    result.warn(
        "mx-null",
        f"{domain.name} takes no mail, as its null MX says, which the stack did not make: bounces "
        "and replies are lost, and receivers may refuse such a sender (RFC 7505, 4.2)",
        f"If nobody sends as it: {park}. Else say in "
        f"mail-relay:forwards where mail for postmaster@{domain.name} goes, and delete the null "
        f"MX: the stack then makes {domain.name}. 300 IN MX 10 {gateway}.",
    )


def _check_nobody(world: World, domain: Domain, result: Result) -> None:
    """Warn that without MX mail goes to the A record (RFC 5321, 5.1), if that is ours or none."""
    addresses = world.names.resolve(domain.name, "A").values
    if set(addresses) - {host.address for host in world.expected.hosts}:
        result.seen.append(f"no MX: mail goes to {', '.join(addresses)}")
        return
    leads = f"its A record leads to {addresses[0]}, which takes none" if addresses else "nor A"
    gateway = world.expected.gateways[0].name
    result.warn(
        "mx-none",
        f"{domain.name} has no MX, {leads}: bounces and replies find nobody, and many servers "
        "refuse a sender whose domain takes no mail",
        f"Say where mail for it goes: ./relay forwards add postmaster@{domain.name} YOU@ELSEWHERE, "
        f"and an `up`; the stack then makes {domain.name}. 300 IN MX 10 {gateway}.",
    )


def _check_exchange(world: World, exchange: str, result: Result) -> None:
    if alias := world.names.resolve(exchange, "CNAME").values:
        text = f"{exchange} is a CNAME of {alias[0]} (RFC 2181, 10.3 forbids it)"
        result.error("mx-alias", text, f"Name {alias[0]} in domains[].mx instead")
    elif not world.names.resolve(exchange, "A").values:
        text = f"{exchange} has no address"
        result.error("mx-no-address", text, "Put domains[].mx right, or that name's A record")


def _check_accepted(result: Result, gateway: str, said: Mapping[str, Reply]) -> None:
    """Report a gateway's replies for the roles' addresses; of several refusals, the first."""
    refused = [role for role, (code, _) in said.items() if code >= 500]
    deferred = [role for role, (code, _) in said.items() if 400 <= code < 500]
    accepted = [role for role in said if role not in (*refused, *deferred)]
    if refused:
        code, text = said[refused[0]]
        result.error(
            "mx-refused",
            f"{gateway} refuses {' and '.join(refused)}: {code} {text}",
            "It has other tables than the stack's: see the checks of the host",
        )
    if deferred:
        code, text = said[deferred[0]]
        text = f"{gateway} puts off {' and '.join(deferred)}: {code} {text}"
        result.warn("mx-deferred", text, "On the host: journalctl -u postfix -u opendmarc")
    for text in (f"{role} is accepted" for role in accepted):
        if text not in result.seen:
            result.seen.append(text)

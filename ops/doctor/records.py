"""The record sets that the stack will publish against those that its zones have already."""

from collections.abc import Iterator, Sequence

from mail import caa, names, records
from ops.doctor.account import Account
from ops.doctor.hosted import Zone
from ops.verify.result import Result
from settings import Settings, published

NAME_IN_USE = (
    "Choose another name, or delete that record if nobody needs it; the stack never overwrites one"
)
SHOWN = 80


def planned(settings: Settings) -> set[tuple[str, str]]:
    """The name and type of each record set of the stack, except those with names from SES."""
    return {(made.name, made.kind) for made in published.stack(settings)}


def check(account: Account, zones: Sequence[Zone]) -> Iterator[Result]:
    """One result for each zone; the zone of `delegation` is new, so only its NS is checked."""
    delegation = account.settings.delegation
    for zone in zones:
        result = Result("names", zone.name)
        here = sorted(
            (name, kind)
            for name, kind in planned(account.settings)
            if names.is_within(name, zone.name)
            and not (
                delegation
                and names.is_within(name, delegation.zone)
                and (name, kind) != (delegation.zone, "NS")
            )
        )
        _delegated(result, zone, here)
        for name, kind in here:
            _in_use(account, result, zone, name, kind)
        _alone(account, result, zone)
        made = sum(_is_made(account, zone, name, kind) for name, kind in here)
        own = f", {made} of the stack made already" if made else ""
        new = len(here) - made
        result.seen.append(f"{new} record sets to be made{own}, {len(zone.held)} in the zone")
        yield result


def _delegated(result: Result, zone: Zone, here: list[tuple[str, str]]) -> None:
    """Report names at or below a zone cut, which no resolver asks this zone (RFC 1034, 4.2.1)."""
    cuts = {name for name, kind in zone.held if kind == "NS"} - {zone.name}
    for cut in sorted(cuts):
        below = [name for name, kind in here if names.is_within(name, cut) and kind != "NS"]
        if below:
            servers = ", ".join(zone.held[cut, "NS"])
            result.error(
                "name-delegated",
                f"{cut} is delegated to {servers}: nobody would see {below[0]} in {zone.name}",
                f"Add {cut} to `zones`, if it is in Route53; else choose a name outside it",
            )


def _is_made(account: Account, zone: Zone, name: str, kind: str) -> bool:
    """Whether the stack's state has a record set of this name and type."""
    ours = f"{zone.id}_{name}_{kind}"  # followed by the set identifier of a multivalue answer
    return any(held == ours or held.startswith(f"{ours}_") for held in account.state)


def _in_use(account: Account, result: Result, zone: Zone, name: str, kind: str) -> None:
    if (name, kind) == (account.settings.shared_name, "A") and (name, kind) in zone.held:
        _answers_in_use(account, result, zone, name)
        return
    if _is_made(account, zone, name, kind):
        return
    if alias := zone.held.get((name, "CNAME")):
        text = f"{name} is a CNAME of {alias[0].rstrip('.')}, and nothing else can be beside it"
        if text not in [problem.text for problem in result.errors]:
            result.error("name-alias", text, NAME_IN_USE)
        return
    values = zone.held.get((name, kind))
    if values is None:
        return
    text = f"{name} has a record of type {kind}: {_short(values)}{records.meaning(kind, values)}"
    if values[:1] and values[0].startswith("an alias"):
        result.error("name-in-use", text, NAME_IN_USE)
        return
    if zone.answers.get((name, kind)):
        beside = "; they are multivalue answers, and Route53 takes no simple record beside them"
        result.error("name-in-use", f"{text}{beside}", NAME_IN_USE)
        return
    domains = {domain.name for domain in account.settings.mail_domains}
    strings = (
        f"List its other strings in the `txt` of the domain {name}, SPF's terms in its `spf`. "
        if kind == "TXT" and name in domains
        else ""
    )
    take = _take_over(account, f"{name}-{kind}", f"{zone.id}_{name}_{kind}")
    result.error(
        "name-in-use",
        text,
        f"{strings}Delete it, or let the stack take it over and set it: {take}",
    )


def _take_over(account: Account, called: str, identity: str) -> str:
    """The command that imports a record set into the stack."""
    record = "--protect=false --generate-code=false aws:route53/record:Record"
    return account.typed(f"import {record} {called} {identity}")


def _answers_in_use(account: Account, result: Result, zone: Zone, name: str) -> None:
    """Check the shared name of several gateways: a multivalue answer, by identifier, for each."""
    answers, values = zone.answers.get((name, "A"), ()), zone.held[name, "A"]
    if values[0].startswith("an alias") and f"{zone.id}_{name}_A" in account.state:
        return  # the load balancer's, whose place the first answer takes
    own = f"{account.project}/{account.stack}/"
    text = f"{name} has a record of type A: {_short(values)}"
    if not answers:
        beside = f"{text}; Route53 takes no answers of several gateways beside it"
        remedy = "Choose another submission.name, or delete that record if nobody needs it"
        result.error("name-in-use", beside, remedy)
    elif strangers := [each for each in answers if not each.startswith(own)]:
        text = f"{name} leads to gateways of another stack already ({', '.join(strangers)})"
        result.error("name-in-use", text, "Choose another submission.name")
    taking = {gateway.name for gateway in account.settings.taking}
    for each in answers:
        gateway, identity = each.removeprefix(own), f"{zone.id}_{name}_A_{each}"
        if each.startswith(own) and gateway in taking and identity not in account.state:
            take = _take_over(account, f"{name}-A-{gateway}", identity)
            remedy = f"Delete it, or let the stack take it over and set it: {take}"
            result.error("name-in-use", f"{text} ({each})", remedy)


def _short(values: Sequence[str]) -> str:
    """The values, long ones such as keys cut to their beginning."""
    return " and ".join(v if len(v) <= SHOWN else f"{v[:SHOWN]}..." for v in values)


def _alone(account: Account, result: Result, zone: Zone) -> None:
    """Report a CNAME at an ACME challenge's name, and AAAA records of hosts, which have no IPv6."""
    s = account.settings
    for name in map(records.challenge, s.certified):
        if names.is_within(name, zone.name) and (alias := zone.held.get((name, "CNAME"))):
            result.error(
                "challenge-alias",
                f"{name} is a CNAME of {alias[0].rstrip('.')}: certbot writes here, and the "
                "authority looks there",
                f"Delete the record {name} CNAME",
            )
    public = [host.name for host in s.hosts.values() if host.public]
    for host in dict.fromkeys((*public, *s.certified)):
        if names.is_within(host, zone.name) and (values := zone.held.get((host, "AAAA"))):
            result.warn(
                "name-ipv6",
                f"{host} has AAAA {' and '.join(values)}, and no host will have IPv6",
                f"Delete the record {host} AAAA",
            )


def authority(account: Account, zones: Sequence[Zone], certified: str) -> Result:
    """Whether Let's Encrypt may issue for a name, by the closest CAA set upwards (RFC 8659, 3)."""
    s = account.settings
    result = Result("caa", certified)
    if s.acme.directory and caa.LETS_ENCRYPT not in s.acme.directory:
        result.skipped = f"acme.directory is {s.acme.directory}: its name in CAA is not known here"
        return result
    held = {key: values for zone in zones for key, values in zone.held.items()}
    for name in _upwards(certified):
        inside = any(names.is_within(name, zone.name) for zone in zones)
        if inside:
            values: Sequence[str] = held.get((name, "CAA"), ())
        else:
            answer = account.names.resolve(name, "CAA")
            values = answer.values
            if answer.problem:
                result.skipped = f"{name} CAA: {answer.problem}"
                return result
        if values:
            text = f"{name} CAA {' and '.join(values)}"
            result.seen.append(text)
            if caa.forbids(values, caa.LETS_ENCRYPT, "dns-01"):
                result.error(
                    "caa-forbids",
                    f"{text}: {caa.LETS_ENCRYPT} may not issue by dns-01",
                    f'Add to {name} CAA: 0 issue "{caa.LETS_ENCRYPT}"',
                )
            return result
    result.seen.append("no CAA record: every authority may issue")
    return result


def _upwards(name: str) -> Iterator[str]:
    labels = name.split(".")
    return (".".join(labels[start:]) for start in range(len(labels) - 1))

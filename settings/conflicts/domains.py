"""Domains that send, and the zones that hold their records."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from mail import dkim, names, spf, txt
from mail.providers import MAILBOX_PROVIDERS
from settings.conflicts.common import foreign, meant, twice
from settings.domains import Delegation, MailDomain
from settings.errors import EXAMPLES
from settings.model import Settings
from settings.words import NULL_MX, is_ipv4


def zone_conflicts(s: Settings) -> Iterator[str]:
    """Names that are in no zone of the stack, and a delegation that does not fit the zones."""
    yield from twice("zones", [zone.name for zone in s.zones])
    placed = [(f"{key}.name", host.name) for key, host in s.hosts.items()]
    if s.submission.name:
        placed.append(("submission.name", s.submission.name))
    placed += [(f"domains[{n}].name", d.name) for n, d in enumerate(s.domains)]
    zones = s.hosted_zones
    known = set(zones)
    # a domain implies its zone only if no zones are listed
    add = "" if s.zones else " or its domain to mail-relay:domains"
    for key, name in placed:
        if names.nearest(name, known) is None:
            near = meant(name, zones)
            yield (
                f"mail-relay:{key}: {name!r}: it is in none of the zones {', '.join(zones)}; "
                f"{f'did you mean {near}? If not, ' if near else ''}add its zone to "
                f"mail-relay:zones{add}"
            )
    if s.delegation:
        yield from _delegation_conflicts(s.delegation, zones)


def _delegation_conflicts(delegation: Delegation, zones: tuple[str, ...]) -> Iterator[str]:
    zone, parent = delegation.zone, delegation.parent
    if zone == parent or not names.is_within(zone, parent):
        yield (
            f"mail-relay:delegation.parent: {parent!r}: {zone} is not below it; give the zone that "
            f"exists already, above {zone}"
        )
    if zone not in zones:
        yield (
            f"mail-relay:delegation.zone: {zone!r}: it is none of the zones of the stack "
            f"({', '.join(zones)}); choose one of them"
        )
    if parent in zones:
        yield (
            f"mail-relay:delegation.parent: {parent!r}: the stack has domains of this zone itself; "
            f"a delegation is for a stack that is wholly below {zone}"
        )


def conflicts(s: Settings) -> Iterator[str]:
    """Selectors, SPF, DMARC, mail exchangers and addresses that contradict each other."""
    if not s.domains:
        yield f"mail-relay:domains: []: {EXAMPLES['domains']}"
    yield from twice("domains", [d.name for d in s.domains])
    hosts = {host.name for host in s.hosts.values() if host.public}
    gateways = [gateway.name for gateway in s.gateways]
    receiving, policies = set(s.receiving), s.spf_policies()
    for number, domain in enumerate(s.domains):
        key = f"mail-relay:domains[{number}]"
        if domain.name in gateways:
            yield (
                f"{key}.name: {domain.name!r}: the gateway's host name is "
                f"no domain that sends; list {s.gateway_domain}"
            )
        if names.nearest(domain.name, MAILBOX_PROVIDERS):
            yield f"{key}.name: {domain.name!r}: {foreign(domain.name, ())}"
        yield from _selector_conflicts(number, domain)
        yield from _text_conflicts(s, number, domain, policies)
        yield from _exchange_conflicts(key, gateways, domain, receiving)
        if domain.a and domain.a not in hosts and not is_ipv4(domain.a):
            yield (
                f"{key}.a: {domain.a!r}: give a public host of the "
                f"stack ({', '.join(sorted(hosts))}) or an IPv4 address"
            )


def _selector_conflicts(number: int, domain: MailDomain) -> Iterator[str]:
    yield from twice(f"domains[{number}].selectors", list(domain.selectors))
    yield from twice(f"domains[{number}].retired", list(domain.retired))
    for selector in sorted(set(domain.selectors) & set(domain.retired)):
        yield (
            f"mail-relay:domains[{number}].retired: {selector!r}: it is one of the domain's "
            "selectors; a key that was revoked is not used again"
        )
    for selector in domain.keys:
        if selector not in domain.selectors:
            yield (
                f"mail-relay:domains[{number}].keys.{selector}: it is none of the domain's "
                f"selectors ({', '.join(domain.selectors)}); add it to them"
            )
    for selector in (*domain.selectors, *domain.retired):
        if len(name := dkim.name(selector, domain.name)) > names.DOMAIN_LENGTH:
            yield (
                f"mail-relay:domains[{number}].selectors: {selector!r}: its record's name has "
                f"{len(name)} characters, DNS takes {names.DOMAIN_LENGTH}; choose a shorter one"
            )


def _text_conflicts(
    s: Settings, number: int, domain: MailDomain, policies: Mapping[str, str]
) -> Iterator[str]:
    """Records that receivers or Route53 would not take as a whole."""
    key = f"mail-relay:domains[{number}]"
    yield from twice(f"domains[{number}].txt", list(domain.txt))
    yield from twice(f"domains[{number}].spf.mechanisms", domain.spf.mechanisms)
    policy = policies[domain.name]
    if not domain.spf.mechanisms and domain.spf.all != "-all":
        yield (
            f"{key}.spf.all: {domain.spf.all!r}: without mechanisms no mail is sent as "
            f"{domain.name}; give -all, or {spf.GATEWAYS} in spf.mechanisms"
        )
    if problem := spf.policy_problem(domain.name, policy, policies) or txt.problem(policy):
        yield f"{key}.spf.mechanisms: {' '.join(s.spf_terms(domain))!r}: {problem}"
    if problem := txt.problem(s.dmarc_record(domain)):
        yield f"{key}.dmarc.reports: {len(s.reports(domain))} of them: {problem}"


def _exchange_conflicts(
    key: str, gateways: Sequence[str], domain: MailDomain, receiving: Collection[str]
) -> Iterator[str]:
    exchanges = [exchange.host for exchange in domain.mx]
    yield from twice(f"{key.removeprefix('mail-relay:')}.mx", [e.value for e in domain.mx])
    takes = domain.name in receiving
    if NULL_MX in exchanges and (takes or len(exchanges) > 1):
        yield (
            f"{key}.mx: {exchanges}: {NULL_MX!r} says that the domain takes no mail (RFC 7505); it "
            "stands alone, in a domain without forwards and mailboxes"
        )
    elif exchanges and takes and not set(gateways) & set(exchanges):
        yield (
            f"{key}.mx: {exchanges}: a forward or a mailbox of {domain.name} makes the gateway "
            "take all its mail, so what our users write to its other addresses would be refused "
            f"and never reach {exchanges[0]}; take mx away or add {gateways[0]} to it, or have the "
            "addresses forwarded there (docs/tasks/move-a-domain.md)"
        )
    for place, exchange in enumerate(exchanges):
        if exchange in gateways and not takes:
            yield (
                f"{key}.mx[{place}].host: {exchange!r}: the "
                f"gateway takes no mail for {domain.name}; give it a forward or a mailbox"
            )

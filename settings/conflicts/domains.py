"""Domains that send, and the zones that hold their records."""

from collections.abc import Iterator

from mail import names, spf
from settings.conflicts.common import twice
from settings.errors import EXAMPLES
from settings.model import Delegation, Settings
from settings.words import is_ipv4


def zone_conflicts(s: Settings) -> Iterator[str]:
    """Names that are in no zone of the stack; a zone of its own that nothing leads to."""
    yield from twice("zones", [zone.name for zone in s.zones])
    placed = [("gateway.name", s.gateway.name)]
    placed += [(f"clients[{n}].name", c.name) for n, c in enumerate(s.clients)]
    placed += [(f"domains[{n}].name", d.name) for n, d in enumerate(s.domains)]
    for key, name in placed:
        if not any(names.is_within(name, zone) for zone in s.hosted_zones):
            zones = ", ".join(s.hosted_zones)
            yield (
                f"mail-relay:{key}: {name!r}: it is in none of the zones {zones}; add its zone to "
                "mail-relay:zones or its domain to mail-relay:domains"
            )
    if s.delegation:
        yield from _delegation_conflicts(s, s.delegation)


def _delegation_conflicts(s: Settings, delegation: Delegation) -> Iterator[str]:
    zone, parent = delegation.zone, delegation.parent
    if zone == parent or not names.is_within(zone, parent):
        yield (
            f"mail-relay:delegation.parent: {parent!r}: {zone} is not below it; give the zone that "
            f"exists already, such as {names.parent(zone)}"
        )
    if zone not in s.hosted_zones:
        yield (
            f"mail-relay:delegation.zone: {zone!r}: it is none of the zones of the stack "
            f"({', '.join(s.hosted_zones)}); choose one of them"
        )
    if parent in s.hosted_zones:
        yield (
            f"mail-relay:delegation.parent: {parent!r}: the stack has domains of this zone itself; "
            f"a delegation is for a stack that is wholly below {zone}"
        )


def conflicts(s: Settings) -> Iterator[str]:
    """Selectors, SPF, mail exchangers and addresses that contradict each other."""
    if not s.domains:
        yield f"mail-relay:domains: []: {EXAMPLES['domains']}"
    yield from twice("domains", [d.name for d in s.domains])
    hosts = {s.gateway.name, *(c.name for c in s.clients if not c.private)}
    for number, domain in enumerate(s.domains):
        if s.gateway.name == domain.name:
            yield (
                f"mail-relay:domains[{number}].name: {domain.name!r}: the gateway's host name is "
                f"no domain that sends; list {s.gateway_domain}"
            )
        yield from twice(f"domains[{number}].selectors", list(domain.selectors))
        yield from twice(f"domains[{number}].retired", list(domain.retired))
        for selector in set(domain.selectors) & set(domain.retired):
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
        terms = s.spf_terms(domain)
        if (cost := spf.look_ups(terms)) > spf.LOOK_UPS:
            yield (
                f"mail-relay:domains[{number}].spf.mechanisms: {len(terms)} of "
                f"them: they cost {cost} DNS look-ups, SPF allows {spf.LOOK_UPS} (RFC 7208, 4.6.4)"
            )
        for place, exchange in enumerate(domain.mx):
            if exchange.host == s.gateway.name and domain.name not in s.receiving:
                yield (
                    f"mail-relay:domains[{number}].mx[{place}].host: {exchange.host!r}: the "
                    f"gateway takes no mail for {domain.name}; give it a forward or a mailbox"
                )
        if domain.a and domain.a not in hosts and not is_ipv4(domain.a):
            yield (
                f"mail-relay:domains[{number}].a: {domain.a!r}: give a public host of the "
                f"stack ({', '.join(sorted(hosts))}) or an IPv4 address"
            )

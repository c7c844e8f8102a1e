"""Route53: record sets that the stack's settings make, as far as their values show it.

Records have no tags. One that somebody else may have put there, such as another provider's MX or
SPF, is not the stack's and is not listed.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mail import dkim, dmarc, spf, txt, zonefile
from ops.leftovers.left import Left, monthly
from settings import Settings

ZONE = 0.50  # USD a month, 2026
# A record set's name and type, and whether values are those that the stack writes.
Rule = tuple[str, str, Callable[[Sequence[str]], bool]]


def rules(settings: Settings) -> list[Rule]:
    """What the settings make."""
    gateway, hosts = settings.gateway.name, [c.name for c in settings.clients]
    found: list[Rule] = [
        (f"_acme-challenge.{gateway}", "TXT", _anything),
        (settings.spf_include, "TXT", _anything),
    ]
    for host, terms in ((gateway, settings.smarthost_spf), *((host, ()) for host in hosts)):
        found += [(host, "A", _anything), (host, "TXT", _one_is(spf.host(terms)))]
    for domain in settings.mail_domains:
        found += [
            (dkim.name(s, domain.name), "TXT", _anything)
            for s in (*domain.selectors, *domain.retired)
        ]
        policy = spf.domain(
            settings.spf_terms(domain),
            domain.spf.all,
            include=settings.spf_include,
            addresses=["0"],
        )
        found.append((domain.name, "TXT", _one_is(policy)))
        text = settings.dmarc_record(domain)
        found.append((dmarc.name(domain.name), "TXT", _one_is(text)))
        for other in settings.reporting(domain):
            consent = dmarc.report_authorization(domain.name, other)
            found.append((consent, "TXT", _one_is(dmarc.CONSENT)))
        exchanges = [mx.host.rstrip(".") for mx in domain.mx] or [gateway]
        found.append((domain.name, "MX", _leads_to(exchanges)))
        if domain.a:
            found.append((domain.name, "A", _anything))
    return found


def _anything(_: Sequence[str]) -> bool:
    return True


def _one_is(text: str) -> Callable[[Sequence[str]], bool]:
    """An address of the stack's is not known any more once it is gone."""

    def plain(value: str) -> str:
        return re.sub(r"ip4:[\d.]+", "ip4:", value)

    return lambda values: plain(text) in [plain(value) for value in values]


def _leads_to(exchanges: Sequence[str]) -> Callable[[Sequence[str]], bool]:
    return lambda values: any(v.split()[1].rstrip(".") in exchanges for v in values)


def find(route53: Any, settings: Settings, aliases: Sequence[str] = ()) -> Iterator[Left]:
    """The record sets that the stack makes in zones of its user's; `aliases` are of CNAMEs."""
    wanted = rules(settings) + [(alias, "CNAME", _anything) for alias in aliases]
    names = set(settings.hosted_zones)
    if made := settings.delegation:
        names = names - {made.zone} | {made.parent}
        wanted.append((made.zone, "NS", _anything))
    for zone in _zones(route53):
        if not _private(zone) and zone["Name"].rstrip(".") in names:
            identity = zone["Id"].rpartition("/")[2]
            for held in _record_sets(route53, identity):
                if any(_fits(held, rule) for rule in wanted):
                    yield _record(identity, held)


def zones(route53: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """The zones that the stack made itself, each behind what is in it."""
    for zone in _zones(route53):
        name, identity = zone["Name"].rstrip("."), zone["Id"].rpartition("/")[2]
        if _tagged(route53, identity, tags):
            for held in _record_sets(route53, identity):
                if (held["Name"], held["Type"]) not in ((f"{name}.", "NS"), (f"{name}.", "SOA")):
                    yield _record(identity, held)
            remove = f"aws route53 delete-hosted-zone --id {identity}"
            what = "private hosted zone" if _private(zone) else "hosted zone"
            yield Left(what, identity, name, monthly(ZONE), remove)


def _zones(route53: Any) -> Iterator[dict[str, Any]]:
    for page in route53.get_paginator("list_hosted_zones").paginate():
        yield from page["HostedZones"]


def _private(zone: Mapping[str, Any]) -> bool:
    return zone["Config"].get("PrivateZone", False)


def _tagged(route53: Any, zone: str, tags: Mapping[str, str]) -> bool:
    found = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone)
    held = {tag["Key"]: tag["Value"] for tag in found["ResourceTagSet"]["Tags"]}
    return tags.items() <= held.items()


def _record_sets(route53: Any, zone: str) -> Iterator[dict[str, Any]]:
    for page in route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone):
        yield from page["ResourceRecordSets"]


def _fits(held: Mapping[str, Any], rule: Rule) -> bool:
    name, kind, is_ours = rule
    return (held["Name"].rstrip("."), held["Type"]) == (name, kind) and is_ours(_values(held))


def _record(zone: str, held: Mapping[str, Any]) -> Left:
    name, kind = held["Name"].rstrip("."), held["Type"]
    change = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": held}]}
    return Left(
        "record",
        f"{zone}_{name}_{kind}",
        f"{name} {kind}",
        f"nothing; a name, with {', '.join(_values(held))[:100]}",
        f"aws route53 change-resource-record-sets --hosted-zone-id {zone} "
        f"--change-batch {shlex.quote(json.dumps(change))}",
    )


def _values(held: Mapping[str, Any]) -> list[str]:
    raw = [txt.zone_file(record["Value"]) for record in held.get("ResourceRecords", [])]
    name, kind = txt.zone_file(held["Name"].rstrip(".")), held["Type"]
    text = "\n".join(zonefile.line(name, kind, 0, value) for value in raw)
    return [value for record in zonefile.read(text) for value in record.values]

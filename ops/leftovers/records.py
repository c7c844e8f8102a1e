"""Route53: record sets of the stack's settings, if their values show that they are the stack's.

Records have no tags. One that may be somebody else's, such as another provider's MX or SPF, is not
listed.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mail import dkim, records, txt, zonefile
from mail.zonefile import RecordSet
from ops.leftovers.left import Left, monthly
from settings import Settings, published

ZONE, HEALTH_CHECK = 0.50, 0.50  # USD a month, 2026
TAGS_AT_ONCE = 10  # the most resources of a call (ListTagsForResources)
# A record set; values that only an `up` knew are None.
Wanted = RecordSet[str | None]


def looked_for(settings: Settings) -> list[Wanted]:
    """The record sets of the settings, and those of settings before a change.

    A client may have had a public address, and a domain may have received mail.
    """
    found = published.stack(settings)
    for name in settings.certified:
        challenge = records.challenge(name)
        found.append(Wanted(challenge, "TXT", records.TTL, (None,)))
    for host in settings.hosts.values():
        if not host.public:
            found += records.host(host.name, None)
    for domain in settings.mail_domains:
        if not published.exchanges(settings, domain):
            own = published.own_exchanges(settings)
            found.append(Wanted(domain.name, "MX", domain.ttl, own))
    return found


def is_ours(wanted: Wanted, values: Sequence[str]) -> bool:
    """Whether the values that a zone has at this name and type are the stack's.

    Any values are, for an A record or a DKIM key, or if only an `up` knew the wanted value.
    """
    first = wanted.values[0]
    if first is None or wanted.kind == "A" or first == dkim.REVOKED:
        return True
    if wanted.kind == "MX":
        exchanges = [str(value).split()[1] for value in wanted.values]
        return any(f"{value.split()[1].rstrip('.')}." in exchanges for value in values)
    return _plain(first) in map(_plain, values)


def _plain(text: str) -> str:
    """An SPF policy without addresses, since those that the stack has released are unknown."""
    return re.sub(r"ip4:[\d.]+", "ip4:", text)


def find(route53: Any, settings: Settings, aliases: Sequence[str] = ()) -> Iterator[Left]:
    """The stack's record sets in the user's zones; `aliases` are names of CNAMEs, of any value."""
    wanted = looked_for(settings)
    wanted += [Wanted(alias, "CNAME", records.TTL, (None,)) for alias in aliases]
    names = set(settings.hosted_zones)
    if made := settings.delegation:
        names = names - {made.zone} | {made.parent}
    for zone in _zones(route53):
        if not _private(zone) and zone["Name"].rstrip(".") in names:
            identity = zone["Id"].rpartition("/")[2]
            for held in _record_sets(route53, identity):
                if any(_fits(held, one) for one in wanted):
                    yield _record(identity, held)


def health_checks(route53: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """Health checks with the tags; a record that refers to a deleted one is answered without it."""
    found = {
        check["Id"]: check["HealthCheckConfig"]
        for page in route53.get_paginator("list_health_checks").paginate()
        for check in page["HealthChecks"]
    }
    for start in range(0, len(found), TAGS_AT_ONCE):
        some = [*found][start : start + TAGS_AT_ONCE]
        answer = route53.list_tags_for_resources(ResourceType="healthcheck", ResourceIds=some)
        for each in answer["ResourceTagSets"]:
            held = {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            if tags.items() <= held.items():
                identity = each["ResourceId"]
                name = held.get("Name") or found[identity].get("IPAddress", "")
                remove = f"aws route53 delete-health-check --health-check-id {identity}"
                yield Left("health check", identity, name, monthly(HEALTH_CHECK), remove)


def zones(route53: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """The zones with the stack's tags, each after its record sets."""
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


def _fits(held: Mapping[str, Any], wanted: Wanted) -> bool:
    at = (held["Name"].rstrip("."), held["Type"])
    return at == (wanted.name, wanted.kind) and is_ours(wanted, _values(held))


def state_id(zone: str, name: str, kind: str, identifier: str | None) -> str:
    """A record set's id in Pulumi's state; one of several answers has an identifier."""
    return "_".join((zone, name, kind, *([identifier] if identifier else [])))


def _record(zone: str, held: Mapping[str, Any]) -> Left:
    name, kind = held["Name"].rstrip("."), held["Type"]
    change = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": held}]}
    return Left(
        "record",
        state_id(zone, name, kind, held.get("SetIdentifier")),
        f"{name} {kind}",
        f"nothing; a name, with {', '.join(_values(held))[:100]}",
        f"aws route53 change-resource-record-sets --hosted-zone-id {zone} "
        f"--change-batch {shlex.quote(json.dumps(change))}",
    )


def _values(held: Mapping[str, Any]) -> list[str]:
    if target := held.get("AliasTarget"):
        return [f"an alias of {target['DNSName'].rstrip('.')}"]
    raw = [txt.zone_file(record["Value"]) for record in held.get("ResourceRecords", [])]
    name, kind = txt.zone_file(held["Name"].rstrip(".")), held["Type"]
    text = "\n".join(zonefile.line(name, kind, 0, value) for value in raw)
    return [value for record in zonefile.read(text) for value in record.values]

"""The account's hosted zones that the stack needs, and their record sets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mail import zonefile
from ops.doctor.account import HOME, Account
from ops.doctor.answers import answers
from ops.verify.result import Result
from ops.verify.zones import delegation
from settings import HostedZone

Key = tuple[str, str]


@dataclass(frozen=True)
class Zone:
    """A public zone; `held` has the values at each name and type, aliases too.

    `answers` has the identifiers of record sets that are multivalue answers, by name and type.
    """

    name: str
    id: str
    held: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    answers: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)


def check(account: Account) -> Iterator[tuple[Result, Zone | None]]:
    """A result for each zone, with the zone; None if the stack cannot use it."""
    wanted = account.settings.existing_zones
    listed = Result("zone", ", ".join(zone.name for zone in wanted))
    with answers(listed, "route53"):
        route53 = account.client("route53", HOME)
        pages = route53.get_paginator("list_hosted_zones").paginate()
        zones = [zone for page in pages for zone in page["HostedZones"]]
        for zone in wanted:
            same = [held for held in zones if held["Name"] == f"{zone.name}."]
            yield _one(account, route53, zone, same)
    if listed.status != "ok":
        yield listed, None


def _one(
    account: Account, route53: Any, wanted: HostedZone, same: list[dict[str, Any]]
) -> tuple[Result, Zone | None]:
    """The wanted zone among the account's zones of its name."""
    name = wanted.name
    public = [
        zone["Id"].rpartition("/")[2] for zone in same if not zone["Config"].get("PrivateZone")
    ]
    if wanted.id and wanted.id not in public:
        result = Result("zone", name)
        result.error(
            "zone-id",
            f"the account has no public hosted zone {name} with the id {wanted.id}; it has "
            f"{', '.join(public) or 'none of this name'}",
            "Put the id right in `zones` of the stack's file. Look which account you are in, too",
        )
        return result, None
    if not public:
        result = Result("zone", name)
        beside = "; the private zone of this name is seen by nobody outside" if same else ""
        result.error(
            "zone-missing",
            f"the account has no public hosted zone {name}{beside}",
            f"aws route53 create-hosted-zone --name {name} --caller-reference $(date +%s), then "
            f"set its name servers at the registrar. Or name the zone above it: `zones` in the "
            f"stack's file. Look which account you are in, too",
        )
        return result, None
    if len(public) > 1 and not wanted.id:
        return _several(account, name, {zone: _servers(route53, zone) for zone in public}), None
    identity = wanted.id or public[0]
    result = delegation(account.names, name, _servers(route53, identity))
    result.seen.append(identity)
    return result, _holding(name, route53, identity)


def _several(account: Account, name: str, servers: Mapping[str, list[str]]) -> Result:
    """The error for several zones of a name: it tells the delegated one, by its name servers."""
    result = Result("zone", name)
    delegated = sorted(s.rstrip(".") for s in account.names.resolve(name, "NS").values)
    seen = [identity for identity, own in servers.items() if own == delegated]
    listed = [
        f"{identity} ({'the one that the world sees' if identity in seen else 'seen by nobody'})"
        for identity in servers
    ]
    result.error(
        "zone-several",
        f"the account has {len(servers)} public hosted zones {name}: {', '.join(listed)}",
        f"Say which in `zones` of the stack's file: {{name: {name}, id: {[*seen, 'ID'][0]}}}. Or "
        "delete the one that nobody sees: aws route53 delete-hosted-zone --id ID",
    )
    return result


def _servers(route53: Any, identity: str) -> list[str]:
    found = route53.get_hosted_zone(Id=identity)["DelegationSet"]["NameServers"]
    return sorted(server.rstrip(".").lower() for server in found)


def _holding(name: str, route53: Any, identity: str) -> Zone:
    """The zone with all its record sets."""
    held: dict[Key, tuple[str, ...]] = {}
    answers: dict[Key, tuple[str, ...]] = {}
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=identity)
    for item in (item for page in pages for item in page["ResourceRecordSets"]):
        key = item["Name"].rstrip("."), item["Type"]
        held[key] = (*held.get(key, ()), *_values(item))
        if item.get("MultiValueAnswer"):
            answers[key] = (*answers.get(key, ()), item["SetIdentifier"])
    return Zone(name, identity, held, answers)


def _values(item: Mapping[str, Any]) -> tuple[str, ...]:
    """The values of a record set: a TXT value as one string, an alias as its target."""
    if alias := item.get("AliasTarget"):
        return (f"an alias of {alias['DNSName'].rstrip('.')}",)
    raw = [record["Value"] for record in item.get("ResourceRecords", [])]
    text = "\n".join(zonefile.line("name", item["Type"], 0, value) for value in raw)
    try:
        return tuple(value for record in zonefile.read(text) for value in record.values)
    except ValueError:  # a type that only Route53 has, or a malformed value
        return tuple(raw)

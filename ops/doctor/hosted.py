"""The hosted zones of the account that the stack wants, and what they hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mail import zonefile
from ops.doctor.account import HOME, Account
from ops.doctor.answers import answers
from ops.verify.result import Result
from ops.verify.zones import delegation
from settings import Settings


@dataclass(frozen=True)
class Zone:
    """A public zone; `held` has the values of each record set by name and type, alias or not."""

    name: str
    id: str
    held: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


def wanted(settings: Settings) -> tuple[str, ...]:
    """The zones that must be there before the stack; not the one that it makes itself."""
    made = settings.delegation
    names = dict.fromkeys(settings.hosted_zones)
    if made:
        names.pop(made.zone, None)
        names = {made.parent: None, **names}
    return tuple(names)


def check(account: Account) -> Iterator[tuple[Result, Zone | None]]:
    """Each zone with what it holds; None where the stack could not use it."""
    names = wanted(account.settings)
    listed = Result("zone", ", ".join(names))
    with answers(listed, "route53"):
        route53 = account.client("route53", HOME)
        pages = route53.get_paginator("list_hosted_zones").paginate()
        zones = [zone for page in pages for zone in page["HostedZones"]]
        for name in names:
            yield _one(account, route53, name, [z for z in zones if z["Name"] == f"{name}."])
    if listed.status != "ok":
        yield listed, None


def _one(
    account: Account, route53: Any, name: str, zones: list[dict[str, Any]]
) -> tuple[Result, Zone | None]:
    public = [zone for zone in zones if not zone["Config"].get("PrivateZone")]
    servers = {zone["Id"].rpartition("/")[2]: _servers(route53, zone["Id"]) for zone in public}
    if not public:
        result = Result("zone", name)
        beside = "; the private zone of this name is seen by nobody outside" if zones else ""
        result.error(
            "zone-missing",
            f"the account has no public hosted zone {name}{beside}",
            f"aws route53 create-hosted-zone --name {name} --caller-reference $(date +%s), then "
            f"set its name servers at the registrar. Or name the zone above it: `zones` in the "
            f"stack's file. Look which account you are in, too",
        )
        return result, None
    if len(public) > 1:
        result = Result("zone", name)
        seen = sorted(s.rstrip(".") for s in account.names.resolve(name, "NS").values)
        listed = [
            f"{identity} ({'the one that the world sees' if own == seen else 'seen by nobody'})"
            for identity, own in servers.items()
        ]
        result.error(
            "zone-several",
            f"the account has {len(public)} public hosted zones {name}: {', '.join(listed)}",
            "Delete the one that nobody sees: aws route53 delete-hosted-zone --id ID",
        )
        return result, None
    ((identity, own),) = servers.items()
    result, _ = delegation(account.names, name, own)
    result.seen.append(identity)
    return result, Zone(name, identity, _held(route53, identity))


def _servers(route53: Any, identity: str) -> list[str]:
    found = route53.get_hosted_zone(Id=identity)["DelegationSet"]["NameServers"]
    return sorted(server.rstrip(".").lower() for server in found)


def _held(route53: Any, identity: str) -> dict[tuple[str, str], tuple[str, ...]]:
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=identity)
    return {
        (item["Name"].rstrip("."), item["Type"]): _values(item)
        for page in pages
        for item in page["ResourceRecordSets"]
    }


def _values(item: Mapping[str, Any]) -> tuple[str, ...]:
    """Texts as one string; an alias as where it leads."""
    if alias := item.get("AliasTarget"):
        return (f"an alias of {alias['DNSName'].rstrip('.')}",)
    raw = [record["Value"] for record in item.get("ResourceRecords", [])]
    text = "\n".join(zonefile.line("name", item["Type"], 0, value) for value in raw)
    try:
        return tuple(value for record in zonefile.read(text) for value in record.values)
    except ValueError:  # a type that is Route53's own, or somebody's slip
        return tuple(raw)

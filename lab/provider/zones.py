"""Route53: zones and record sets."""

import uuid
from typing import Any

from botocore.exceptions import ClientError

from lab.provider import imports
from lab.provider.kinds import Clients, Kind, Properties, forgiving, gone, names


def create_zone(c: Clients, p: Properties) -> str:
    config = {"Comment": p.get("comment", "Managed by Pulumi"), "PrivateZone": "vpcs" in p}
    arguments = {}
    if "vpcs" in p:
        (vpc,) = p["vpcs"]
        arguments["VPC"] = {"VPCId": vpc["vpcId"], "VPCRegion": c.region}
    found = c.route53.create_hosted_zone(
        Name=p["name"],
        CallerReference=str(uuid.uuid4()),
        HostedZoneConfig=config,
        **arguments,
    )
    zone = found["HostedZone"]["Id"].rpartition("/")[2]
    tag_zone(c, zone, {}, p)
    return zone


def tag_zone(c: Clients, i: str, old: Properties, new: Properties) -> None:
    retag(c, "hostedzone", i, old, new)


def retag(c: Clients, kind: str, i: str, old: Properties, new: Properties) -> None:
    """Change the tags of a hosted zone or a health check."""
    changes: dict[str, Any] = {}
    if c.tags(new):
        changes["AddTags"] = c.tag_list(new)
    if removed := sorted(set(c.tags(old)) - set(c.tags(new))):
        changes["RemoveTagKeys"] = removed
    if changes:
        c.route53.change_tags_for_resource(ResourceType=kind, ResourceId=i, **changes)


def tags_of(c: Clients, kind: str, i: str) -> dict[str, str]:
    """The tags that a hosted zone or a health check has."""
    held = c.route53.list_tags_for_resource(ResourceType=kind, ResourceId=i)
    return {tag["Key"]: tag["Value"] for tag in held["ResourceTagSet"]["Tags"]}


def read_zone(c: Clients, i: str, _: Properties) -> Properties | None:
    try:
        found = c.route53.get_hosted_zone(Id=i)
    except ClientError as error:
        if gone(error):
            return None
        raise
    servers = found.get("DelegationSet", {}).get("NameServers", [])
    return {
        "zoneId": i,
        "name": found["HostedZone"]["Name"].rstrip("."),
        "nameServers": servers,
        "tagsAll": tags_of(c, "hostedzone", i),
    }


def delete_zone(c: Clients, i: str, p: Properties) -> None:
    """Delete a zone; as in the provider, `forceDestroy` first deletes the records left in it."""
    if p.get("forceDestroy"):
        forgiving(lambda: _empty(c, i, p["name"]))
    forgiving(lambda: c.route53.delete_hosted_zone(Id=i))


def _empty(c: Clients, zone: str, name: str) -> None:
    pages = c.route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
    own = (f"{name}.", "NS"), (f"{name}.", "SOA")
    changes = [
        {"Action": "DELETE", "ResourceRecordSet": held}
        for page in pages
        for held in page["ResourceRecordSets"]
        if (held["Name"], held["Type"]) not in own
    ]
    if changes:
        c.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def _values(p: Properties) -> list[str]:
    """TXT values are quoted whole, as the real provider does; pieces come joined by `""`."""
    quoted = p["type"] in ("TXT", "SPF")
    return [f'"{value}"' if quoted else value for value in p["records"]]


def _record_set(p: Properties) -> dict[str, Any]:
    """A record set in the API's form (record.go, expandResourceRecordSet)."""
    record_set: dict[str, Any] = {"Name": p["name"], "Type": p["type"]}
    if p.get("aliases"):
        (alias,) = p["aliases"]
        record_set["AliasTarget"] = {
            "HostedZoneId": alias["zoneId"],
            "DNSName": alias["name"],
            "EvaluateTargetHealth": alias["evaluateTargetHealth"],
        }
    else:
        record_set["TTL"] = int(p["ttl"])
        record_set["ResourceRecords"] = [{"Value": value} for value in _values(p)]
    if p.get("multivalueAnswerRoutingPolicy"):
        record_set["MultiValueAnswer"] = True
    for ours, theirs in (("setIdentifier", "SetIdentifier"), ("healthCheckId", "HealthCheckId")):
        if p.get(ours):
            record_set[theirs] = p[ours]
    return record_set


def _change(c: Clients, zone: str, *changes: tuple[str, dict[str, Any]]) -> None:
    """Make the changes as one batch, and wait for all servers."""
    batch = [{"Action": action, "ResourceRecordSet": changed} for action, changed in changes]
    change = c.route53.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": batch}
    )
    c.route53.get_waiter("resource_record_sets_changed").wait(
        Id=change["ChangeInfo"]["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def create_record(c: Clients, p: Properties) -> str:
    _change(c, p["zoneId"], ("CREATE", _record_set(p)))
    parts = [p["zoneId"], p["name"].lower(), p["type"], *filter(None, [p.get("setIdentifier")])]
    return "_".join(parts)


def read_record(c: Clients, _: str, p: Properties) -> Properties | None:
    """The record set by zone, name, type and set identifier: an update may change the last two."""
    zone, name, kind = p["zoneId"], p["name"], p["type"]
    found = held(c, zone, name, kind, p.get("setIdentifier"))
    if found is None:
        return None
    values = [r["Value"] for r in found.get("ResourceRecords", [])]
    if kind in ("TXT", "SPF"):
        values = [value.removeprefix('"').removesuffix('"') for value in values]
    read: Properties = {
        "zoneId": zone,
        "name": name,
        "type": kind,
        "fqdn": name,
    }
    if target := found.get("AliasTarget"):
        # record.go, normalizeAliasName
        alias = target["DNSName"].rstrip(".").lower()
        read["aliases"] = [
            {
                "name": alias,
                "zoneId": target["HostedZoneId"],
                "evaluateTargetHealth": target["EvaluateTargetHealth"],
            }
        ]
    else:
        read |= {"ttl": found.get("TTL", 0), "records": values}
    # a health check that somebody removed by hand is read as "", one that was never set is absent
    if "HealthCheckId" in found or p.get("healthCheckId"):
        read["healthCheckId"] = found.get("HealthCheckId", "")
    if "SetIdentifier" in found:
        read["setIdentifier"] = found["SetIdentifier"]
        read["multivalueAnswerRoutingPolicy"] = found.get("MultiValueAnswer", False)
    return read


def held(c: Clients, zone: str, name: str, kind: str, identifier: str | None) -> Any:
    """The existing record set in the zone, or None."""
    try:
        sets = c.route53.list_resource_record_sets(
            HostedZoneId=zone,
            StartRecordName=name,
            StartRecordType=kind,
            MaxItems="100" if identifier else "1",
        )["ResourceRecordSets"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    wanted = (name.lower().rstrip(".") + ".", kind, identifier or None)
    for found in sets:
        at = found["Name"].replace("\\052", "*"), found["Type"], found.get("SetIdentifier")
        if at == wanted:
            return found
    return None


def update_record(c: Clients, _: str, old: Properties, new: Properties) -> None:
    """As in record.go: another type or set identifier is a deletion and a creation in one batch."""
    same = all(old.get(key) == new.get(key) for key in ("type", "setIdentifier"))
    changes = [("UPSERT", _record_set(new))]
    if not same:
        changes = [("DELETE", _record_set(old)), ("CREATE", _record_set(new))]
    _change(c, new["zoneId"], *changes)


def delete_record(c: Clients, _: str, p: Properties) -> None:
    # Route53 deletes only with the present values, which somebody may have changed by hand
    found = held(c, p["zoneId"], p["name"], p["type"], p.get("setIdentifier"))
    if found is not None:
        _change(c, p["zoneId"], ("DELETE", found))


def lonely_policy(p: Properties) -> str | None:
    """Check, as record.go's RequiredWith: a policy needs its set identifier."""
    if p.get("multivalueAnswerRoutingPolicy") and not p.get("setIdentifier"):
        return (
            'Missing required argument: "multivalue_answer_routing_policy": all of '
            "`multivalue_answer_routing_policy,set_identifier` must be specified"
        )
    return None


KINDS = {
    "aws:route53/zone:Zone": Kind(
        names("name comment tags forceDestroy vpcs"),
        create_zone,
        read_zone,
        delete_zone,
        tag_zone,
        names("name comment vpcs"),
    ),
    "aws:route53/record:Record": Kind(
        names(
            "zoneId name type ttl records aliases setIdentifier multivalueAnswerRoutingPolicy "
            "healthCheckId"
        ),
        create_record,
        read_record,
        delete_record,
        update_record,
        names("zoneId name"),
        problem=lonely_policy,
        importer=imports.record,
    ),
}

"""Route53: zones and record sets."""

import uuid
from typing import Any

from botocore.exceptions import ClientError

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
    changes: dict[str, Any] = {}
    if c.tags(new):
        changes["AddTags"] = c.tag_list(new)
    if removed := sorted(set(c.tags(old)) - set(c.tags(new))):
        changes["RemoveTagKeys"] = removed
    if changes:
        c.route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=i, **changes)


def read_zone(c: Clients, i: str, _: Properties) -> Properties | None:
    try:
        found = c.route53.get_hosted_zone(Id=i)
    except ClientError as error:
        if gone(error):
            return None
        raise
    servers = found.get("DelegationSet", {}).get("NameServers", [])
    held = c.route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=i)
    tags = held["ResourceTagSet"]["Tags"]
    return {
        "zoneId": i,
        "name": found["HostedZone"]["Name"].rstrip("."),
        "nameServers": servers,
        "tagsAll": {tag["Key"]: tag["Value"] for tag in tags},
    }


def delete_zone(c: Clients, i: str, p: Properties) -> None:
    """Delete a zone; as in the provider, `forceDestroy` first deletes records of no state."""
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
    """TXT values are quoted whole, as the true provider does; pieces come joined by `""`."""
    quoted = p["type"] in ("TXT", "SPF")
    return [f'"{value}"' if quoted else value for value in p["records"]]


def _change(c: Clients, action: str, p: Properties) -> None:
    record_set = {
        "Name": p["name"],
        "Type": p["type"],
        "TTL": int(p["ttl"]),
        "ResourceRecords": [{"Value": value} for value in _values(p)],
    }
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record_set}]}
    change = c.route53.change_resource_record_sets(HostedZoneId=p["zoneId"], ChangeBatch=batch)
    c.route53.get_waiter("resource_record_sets_changed").wait(
        Id=change["ChangeInfo"]["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def create_record(c: Clients, p: Properties) -> str:
    _change(c, "CREATE", p)
    return f"{p['zoneId']}_{p['name']}_{p['type']}"


def read_record(c: Clients, i: str, _: Properties) -> Properties | None:
    zone, rest = i.split("_", 1)  # the name may contain underscores, as in _dmarc
    name, kind = rest.rsplit("_", 1)
    found = held(c, zone, name, kind)
    if found is None:
        return None
    values = [r["Value"] for r in found.get("ResourceRecords", [])]
    if kind in ("TXT", "SPF"):
        values = [value.removeprefix('"').removesuffix('"') for value in values]
    return {
        "zoneId": zone,
        "name": name,
        "type": kind,
        "ttl": found.get("TTL", 0),
        "records": values,
        "fqdn": name,
    }


def held(c: Clients, zone: str, name: str, kind: str) -> Any:
    """The existing record set in the zone, or None."""
    try:
        sets = c.route53.list_resource_record_sets(
            HostedZoneId=zone, StartRecordName=name, StartRecordType=kind, MaxItems="1"
        )["ResourceRecordSets"]
    except ClientError as error:
        if gone(error):
            return None
        raise
    absolute = name.rstrip(".") + "."
    same = [s for s in sets if s["Name"].replace("\\052", "*") == absolute and s["Type"] == kind]
    return same[0] if same else None


def update_record(c: Clients, _: str, __: Properties, new: Properties) -> None:
    _change(c, "UPSERT", new)


def delete_record(c: Clients, _: str, p: Properties) -> None:
    # Route53 deletes only with the present values, which somebody may have changed by hand
    found = held(c, p["zoneId"], p["name"], p["type"])
    if found is not None:
        batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": found}]}
        c.route53.change_resource_record_sets(HostedZoneId=p["zoneId"], ChangeBatch=batch)


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
        names("zoneId name type ttl records"),
        create_record,
        read_record,
        delete_record,
        update_record,
        names("zoneId name type"),
    ),
}

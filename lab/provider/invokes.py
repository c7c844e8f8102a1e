"""Functions that programs call: look-ups in the API, and cloudinit's configuration."""

import base64
import gzip
import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from lab.provider import ses
from lab.provider.kinds import Clients, Properties, code


class InvokeError(Exception):
    """A function failed; the text is the provider's."""


def _filters(p: Properties) -> list[dict[str, Any]]:
    return [{"Name": f["name"], "Values": list(f["values"])} for f in p.get("filters") or []]


def get_ami(c: Clients, p: Properties) -> Properties:
    """aws:ec2/getAmi: one image by owner and name."""
    images = c.ec2.describe_images(
        Owners=list(p.get("owners") or []),
        Filters=_filters(p),
        IncludeDeprecated=bool(p.get("includeDeprecated", False)),
    )["Images"]
    if pattern := p.get("nameRegex"):
        images = [image for image in images if re.search(pattern, image["Name"])]
    if not images:
        raise InvokeError(
            "Your query returned no results. Please change your search criteria and try again."
        )
    if len(images) > 1 and not p.get("mostRecent"):
        raise InvokeError(
            "Your query returned more than one result. Please try a more specific search criteria, "
            "or set `most_recent` attribute to true."
        )
    image = max(images, key=lambda image: image["CreationDate"])
    return {
        "id": image["ImageId"],
        "imageId": image["ImageId"],
        "name": image["Name"],
        "architecture": image["Architecture"],
    }


def get_zone(c: Clients, p: Properties) -> Properties:
    """aws:route53/getZone: one zone by id, or by a name that only one zone has.

    terraform-provider-aws, route53/zone_data_source.go; internal/tfresource/not_found_error.go.
    """
    if identity := p.get("zoneId"):
        try:
            return _zone(c.route53.get_hosted_zone(Id=identity))
        except ClientError as error:
            if code(error) == "NoSuchHostedZone":
                raise InvokeError("couldn't find resource") from None
            raise
    name, private = p["name"].rstrip(".") + ".", bool(p.get("privateZone", False))
    found = [
        zone["Id"]
        for page in c.route53.get_paginator("list_hosted_zones").paginate()
        for zone in page["HostedZones"]
        if zone["Name"] == name and zone["Config"].get("PrivateZone", False) == private
    ]
    what = "Route 53 Hosted Zone"
    if not found:
        raise InvokeError(f"no matching {what} found")
    if len(found) > 1:
        raise InvokeError(
            f"multiple {what}s matched; use additional constraints to reduce matches to a single "
            f"{what}"
        )
    return _zone(c.route53.get_hosted_zone(Id=found[0]))


def _zone(held: Mapping[str, Any]) -> Properties:
    zone = held["HostedZone"]
    identity = zone["Id"].rpartition("/")[2]
    return {
        "id": identity,
        "zoneId": identity,
        "name": zone["Name"].rstrip("."),
        "arn": f"arn:aws:route53:::hostedzone/{identity}",
        "nameServers": held.get("DelegationSet", {}).get("NameServers", []),
        "privateZone": zone["Config"].get("PrivateZone", False),
    }


def get_zones(c: Clients, _: Properties) -> Properties:
    """aws:route53/getZones: the ids of all zones."""
    pages = c.route53.get_paginator("list_hosted_zones").paginate()
    ids = [zone["Id"].rpartition("/")[2] for page in pages for zone in page["HostedZones"]]
    return {"id": c.region, "ids": ids}


def get_email_identity(c: Clients, p: Properties) -> Properties:
    """aws:sesv2/getEmailIdentity."""
    found = ses.read_identity(c, p["emailIdentity"], p)
    if found is None:
        raise InvokeError(
            f"reading SESV2 (Simple Email V2) Email Identity Data Source ({p['emailIdentity']}): "
            "couldn't find resource"
        )
    return {
        "id": p["emailIdentity"],
        **found,
        "dkimSigningAttributes": [found["dkimSigningAttributes"]],
    }


def get_records(c: Clients, p: Properties) -> Properties:
    """aws:route53/getRecords: the record sets of a zone."""
    pages = c.route53.get_paginator("list_resource_record_sets")
    found = [
        _record_set(held)
        for page in pages.paginate(HostedZoneId=p["zoneId"])
        for held in page["ResourceRecordSets"]
        if re.search(p.get("nameRegex") or "", held["Name"])
    ]
    return {"id": p["zoneId"], "zoneId": p["zoneId"], "resourceRecordSets": found}


def _record_set(held: Mapping[str, Any]) -> Properties:
    """A record set in the provider's form; properties that the API does not return are absent.

    terraform-provider-aws, route53/records_data_source.go: null where there is nothing; the bridge
    leaves nulls out (pkg/convert/object.go).
    """
    found: Properties = {"name": held["Name"], "type": held["Type"]}
    if "TTL" in held:
        found["ttl"] = held["TTL"]
    if "ResourceRecords" in held:
        found["resourceRecords"] = [{"value": r["Value"]} for r in held["ResourceRecords"]]
    for theirs in ("SetIdentifier", "MultiValueAnswer", "HealthCheckId"):
        if theirs in held:
            found[theirs[0].lower() + theirs[1:]] = held[theirs]
    if alias := held.get("AliasTarget"):
        found["aliasTarget"] = {
            "dnsName": alias["DNSName"],
            "evaluateTargetHealth": alias["EvaluateTargetHealth"],
            "hostedZoneId": alias["HostedZoneId"],
        }
    return found


def get_caller_identity(c: Clients, _: Properties) -> Properties:
    """aws:index/getCallerIdentity."""
    found = c.sts.get_caller_identity()
    return {
        "id": found["Account"],
        "accountId": found["Account"],
        "arn": found["Arn"],
        "userId": found["UserId"],
    }


def get_region(c: Clients, _: Properties) -> Properties:
    """aws:index/getRegion."""
    return {"id": c.region, "name": c.region, "region": c.region, "endpoint": "", "description": ""}


def get_availability_zones(c: Clients, p: Properties) -> Properties:
    """aws:index/getAvailabilityZones: by name, Local Zones among them unless filtered.

    terraform-provider-aws, ec2/ec2_availability_zones_data_source.go.
    """
    filters = _filters(p)
    if state := p.get("state"):
        filters.append({"Name": "state", "Values": [state]})
    zones = c.ec2.describe_availability_zones(Filters=filters)["AvailabilityZones"]
    left_out = {*(p.get("excludeNames") or []), *(p.get("excludeZoneIds") or [])}
    found = [
        zone
        for zone in sorted(zones, key=lambda zone: zone["ZoneName"])
        if not {zone["ZoneName"], zone["ZoneId"]} & left_out
    ]
    return {
        **p,
        "id": c.region,
        "region": c.region,
        "names": [zone["ZoneName"] for zone in found],
        "zoneIds": [zone["ZoneId"] for zone in found],
        "groupNames": sorted({zone["GroupName"] for zone in found}),
    }


def get_instance_type_offerings(c: Clients, p: Properties) -> Properties:
    """aws:ec2/getInstanceTypeOfferings: three lists, one entry an offering.

    terraform-provider-aws, ec2/ec2_instance_type_offerings_data_source.go.
    """
    where = {"LocationType": p["locationType"]} if "locationType" in p else {}
    pages = c.ec2.get_paginator("describe_instance_type_offerings")
    found = [
        offering
        for page in pages.paginate(Filters=_filters(p), **where)
        for offering in page["InstanceTypeOfferings"]
    ]
    return {
        **p,
        "id": c.region,
        "region": c.region,
        "instanceTypes": [one["InstanceType"] for one in found],
        "locations": [one["Location"] for one in found],
        "locationTypes": [one["LocationType"] for one in found],
    }


def get_config(_: Clients, p: Properties) -> Properties:
    """cloudinit:index/getConfig: MIME as the provider renders it; gzip'ed, in base64."""
    boundary = p.get("boundary") or "MIMEBOUNDARY"
    lines = [
        f'Content-Type: multipart/mixed; boundary="{boundary}"',
        "MIME-Version: 1.0\r\n",
    ]
    for part in p.get("parts") or []:
        lines += [
            f"--{boundary}",
            "Content-Transfer-Encoding: 7bit",
            f"Content-Type: {part.get('contentType') or 'text/plain'}",
            "Mime-Version: 1.0",
        ]
        if part.get("filename"):
            lines.append(f'Content-Disposition: attachment; filename="{part["filename"]}"')
        if part.get("mergeType"):
            lines.append(f"X-Merge-Type: {part['mergeType']}")
        lines += ["", part["content"]]
    content = ("\r\n".join([*lines, f"--{boundary}--", ""])).encode()
    if p.get("gzip", True):
        content = gzip.compress(content, mtime=0)
    rendered = base64.b64encode(content).decode() if p.get("base64Encode", True) else None
    return {**p, "rendered": rendered or content.decode(), "id": "cloudinit"}


INVOKES: Mapping[str, Callable[[Clients, Properties], Properties]] = {
    "aws:ec2/getAmi:getAmi": get_ami,
    "aws:route53/getZone:getZone": get_zone,
    "aws:route53/getZones:getZones": get_zones,
    "aws:sesv2/getEmailIdentity:getEmailIdentity": get_email_identity,
    "aws:route53/getRecords:getRecords": get_records,
    "aws:index/getCallerIdentity:getCallerIdentity": get_caller_identity,
    "aws:index/getRegion:getRegion": get_region,
    "aws:index/getAvailabilityZones:getAvailabilityZones": get_availability_zones,
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": get_instance_type_offerings,
    "cloudinit:index/getConfig:getConfig": get_config,
}

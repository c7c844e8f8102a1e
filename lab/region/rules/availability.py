"""Availability zones: which there are for the account, their state, and what each offers.

moto knows the ordinary zones of a region and AWS's own list of what they offer; a test says what
is different in its account.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

from lab.region import backends
from lab.region.errors import REQUEST_ID, ApiError

Parameters = dict[str, str]
ORDINARY = "availability-zone"


@dataclass
class Differences:
    """What is not as moto has it.

    `local` are Local Zones that the account has opted in to, `gone` are zones that AWS no longer
    lists, `states` and `offers` (instance types) are by zone.
    """

    local: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    offers: dict[str, list[str]] = field(default_factory=dict)


differences = Differences()


def change(given: Mapping[str, Any]) -> None:
    """Another set of differences; what is not named is as moto has it."""
    global differences
    differences = Differences(**given)


def _zones() -> list[dict[str, str]]:
    found = [
        {
            "zoneName": zone.name,
            "zoneState": differences.states.get(zone.name, zone.state),
            "regionName": backends.REGION,
            "zoneId": zone.zone_id,
            "optInStatus": "opt-in-not-required",
            "groupName": f"{backends.REGION}-zg-1",
            "zoneType": ORDINARY,
        }
        for zone in backends.ec2().describe_availability_zones()
        if zone.name not in differences.gone
    ]
    found += [
        {
            "zoneName": name,
            "zoneState": differences.states.get(name, "available"),
            "regionName": backends.REGION,
            "zoneId": f"{name}-id",
            "optInStatus": "opted-in",
            "groupName": name[:-1],
            "zoneType": "local-zone",
        }
        for name in differences.local
    ]
    return found


FILTERS = {
    "opt-in-status": "optInStatus",
    "zone-type": "zoneType",
    "zone-name": "zoneName",
    "zone-id": "zoneId",
    "region-name": "regionName",
    "group-name": "groupName",
    "state": "zoneState",
}


def _filters(parameters: Parameters) -> Iterable[tuple[str, list[str]]]:
    number = 1
    while name := parameters.get(f"Filter.{number}.Name"):
        values = [v for k, v in parameters.items() if k.startswith(f"Filter.{number}.Value.")]
        yield name, values
        number += 1


def _answer(action: str, field_name: str, items: Iterable[Mapping[str, str]]) -> str:
    rows = "".join(
        "<item>" + "".join(f"<{k}>{escape(v)}</{k}>" for k, v in item.items()) + "</item>"
        for item in items
    )
    return (
        f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>{REQUEST_ID}</requestId><{field_name}>{rows}</{field_name}></{action}Response>"
    )


def describe_availability_zones(parameters: Parameters) -> str:
    """Local Zones too, unless a filter leaves them out."""
    zones = _zones()
    for name, values in _filters(parameters):
        if name not in FILTERS:
            raise ApiError("InvalidParameterValue", f"The filter '{name}' is invalid")
        zones = [zone for zone in zones if zone[FILTERS[name]] in values]
    return _answer("DescribeAvailabilityZones", "availabilityZoneInfo", zones)


def _offered(zone: str) -> list[str]:
    if zone in differences.offers:
        return differences.offers[zone]
    listed = INSTANCE_TYPE_OFFERINGS[ORDINARY][backends.REGION]
    return [one["InstanceType"] for one in listed if one["Location"] == zone]


def describe_instance_type_offerings(parameters: Parameters) -> str:
    """What each zone of the account offers; only by zone, and whole (no pages)."""
    if parameters.get("LocationType") != ORDINARY:
        raise ApiError("InvalidParameterValue", f"the lab knows LocationType {ORDINARY} only")
    wanted = dict(_filters(parameters))
    items = [
        {"instanceType": kind, "locationType": ORDINARY, "location": zone["zoneName"]}
        for zone in _zones()
        for kind in _offered(zone["zoneName"])
        if kind in wanted.get("instance-type", [kind])
        and zone["zoneName"] in wanted.get("location", [zone["zoneName"]])
    ]
    return _answer("DescribeInstanceTypeOfferings", "instanceTypeOfferingSet", items)


def require(kind: str, zone: str) -> None:
    """An instance starts only where its type is offered."""
    if kind not in _offered(zone):
        others = [z["zoneName"] for z in _zones() if kind in _offered(z["zoneName"])]
        raise ApiError(
            "Unsupported",
            f"Your requested instance type ({kind}) is not supported in your requested Availability"
            f" Zone ({zone}). Please retry your request by not specifying an Availability Zone or "
            f"choosing {', '.join(others)}.",
        )


INSTEAD: Mapping[str, Callable[[Parameters], str]] = {
    "DescribeAvailabilityZones": describe_availability_zones,
    "DescribeInstanceTypeOfferings": describe_instance_type_offerings,
}

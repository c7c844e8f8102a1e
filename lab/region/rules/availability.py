"""Availability zones of the account: their names, their state, the types they offer, and checks
that resources which are attached to each other are in one zone.

moto has the ordinary zones of a region and AWS's list of their offerings; tests set differences
for their account.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS

from lab.region import backends
from lab.region.errors import REQUEST_ID, ApiError
from lab.region.memory import Memory

Parameters = dict[str, str]
ORDINARY = "availability-zone"


def _zones(memory: Memory) -> list[dict[str, str]]:
    found = [
        {
            "zoneName": zone.name,
            "zoneState": memory.zones.states.get(zone.name, zone.state),
            "regionName": backends.REGION,
            "zoneId": zone.zone_id,
            "optInStatus": "opt-in-not-required",
            "groupName": f"{backends.REGION}-zg-1",
            "zoneType": ORDINARY,
        }
        for zone in backends.ec2().describe_availability_zones()
        if zone.name not in memory.zones.gone
    ]
    found += [
        {
            "zoneName": name,
            "zoneState": memory.zones.states.get(name, "available"),
            "regionName": backends.REGION,
            "zoneId": f"{name}-id",
            "optInStatus": "opted-in",
            "groupName": name[:-1],
            "zoneType": "local-zone",
        }
        for name in memory.zones.local
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


def describe_availability_zones(memory: Memory, parameters: Parameters) -> str:
    """All zones, with Local Zones unless a filter excludes them."""
    zones = _zones(memory)
    for name, values in _filters(parameters):
        if name not in FILTERS:
            raise ApiError("InvalidParameterValue", f"The filter '{name}' is invalid")
        zones = [zone for zone in zones if zone[FILTERS[name]] in values]
    return _answer("DescribeAvailabilityZones", "availabilityZoneInfo", zones)


def _offered(memory: Memory, zone: str) -> list[str]:
    if zone in memory.zones.offers:
        return memory.zones.offers[zone]
    listed = INSTANCE_TYPE_OFFERINGS[ORDINARY][backends.REGION]
    return [one["InstanceType"] for one in listed if one["Location"] == zone]


def describe_instance_type_offerings(memory: Memory, parameters: Parameters) -> str:
    """Instance types by zone of the account; LocationType is the zone only, in one page."""
    if parameters.get("LocationType") != ORDINARY:
        raise ApiError("InvalidParameterValue", f"the lab knows LocationType {ORDINARY} only")
    wanted = dict(_filters(parameters))
    items = [
        {"instanceType": kind, "locationType": ORDINARY, "location": zone["zoneName"]}
        for zone in _zones(memory)
        for kind in _offered(memory, zone["zoneName"])
        if kind in wanted.get("instance-type", [kind])
        and zone["zoneName"] in wanted.get("location", [zone["zoneName"]])
    ]
    return _answer("DescribeInstanceTypeOfferings", "instanceTypeOfferingSet", items)


def require(memory: Memory, kind: str, zone: str) -> None:
    """An instance can only start in a zone that offers its type."""
    if kind not in _offered(memory, zone):
        others = [z["zoneName"] for z in _zones(memory) if kind in _offered(memory, z["zoneName"])]
        raise ApiError(
            "Unsupported",
            f"Your requested instance type ({kind}) is not supported in your requested Availability"
            f" Zone ({zone}). Please retry your request by not specifying an Availability Zone or "
            f"choosing {', '.join(others)}.",
        )


def place(memory: Memory, interface: Any, parameters: Parameters) -> None:
    """RunInstances: an instance is in the zone of its interface, which moto ignores."""
    subnet = interface.subnet
    zone = parameters.setdefault("Placement.AvailabilityZone", subnet.availability_zone)
    if zone != subnet.availability_zone:
        raise ApiError(
            "InvalidParameterValue",
            f"Value ({zone}) for parameter availabilityZone is invalid. Subnet '{subnet.id}' is in "
            f"the availability zone {subnet.availability_zone}",
        )
    require(memory, parameters.get("InstanceType", ""), zone)


def attach_volume(_: Memory, parameters: Parameters) -> None:
    """A volume goes to instances of its own zone."""
    volume = backends.ec2().get_volume(parameters.get("VolumeId", ""))
    instance = backends.ec2().get_instance(parameters.get("InstanceId", ""))
    if volume.zone.name != instance.placement.zone:
        raise ApiError(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume.id}' is not in the same availability zone as instance "
            f"'{instance.id}'",
        )


def attach_network_interface(_: Memory, parameters: Parameters) -> None:
    """A network interface goes to instances of its subnet's zone."""
    interface = backends.ec2().get_network_interface(parameters.get("NetworkInterfaceId", ""))
    instance = backends.ec2().get_instance(parameters.get("InstanceId", ""))
    if interface.subnet.availability_zone != instance.placement.zone:
        raise ApiError(
            "InvalidParameterCombination",
            "You may not attach a network interface to an instance if they are not in the same "
            "availability zone",
        )


BEFORE: Mapping[str, Callable[[Memory, Parameters], None]] = {
    "AttachVolume": attach_volume,
    "AttachNetworkInterface": attach_network_interface,
}
INSTEAD: Mapping[str, Callable[[Memory, Parameters], str]] = {
    "DescribeAvailabilityZones": describe_availability_zones,
    "DescribeInstanceTypeOfferings": describe_instance_type_offerings,
}

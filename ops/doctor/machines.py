"""Instance types and images: offered in the stack's region, and of one architecture."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from components.naming import DEBIAN
from ops import images
from ops.doctor.account import Account
from ops.doctor.answers import answers
from ops.verify.result import Result
from settings import architecture

SOON = timedelta(days=90)
ORDINARY = "availability-zone"  # neither a Local Zone nor a Wavelength Zone
ARCHITECTURES = {"arm64": "arm64", "amd64": "x86_64"}


def check(account: Account) -> Iterator[Result]:
    """Check the types and their zones, then each image."""
    s = account.settings
    kinds = sorted({host.instance_type for host in s.hosts.values()})
    yield _types(account, kinds)
    for image, kind in sorted({s.image_of(kind): kind for kind in kinds}.items()):
        yield _image(account, image, kind)


def _types(account: Account, kinds: list[str]) -> Result:
    result = Result("types", ", ".join(kinds))
    with answers(result, "ec2"):
        ec2 = account.here("ec2")
        zones = {
            zone["ZoneName"]
            for zone in ec2.describe_availability_zones()["AvailabilityZones"]
            if zone.get("ZoneType", ORDINARY) == ORDINARY and zone["State"] == "available"
        }
        where = {kind: zones & offered for kind, offered in _offers(ec2, kinds).items()}
        for kind in [kind for kind in kinds if not where[kind]]:
            result.error(
                "type-missing",
                f"no zone of {account.region} has {kind}",
                "Choose another `instanceType`: aws ec2 describe-instance-type-offerings --region "
                f"{account.region} --query InstanceTypeOfferings[].InstanceType",
            )
        _own_zones(result, account, where)
        s = account.settings
        together = {h.instance_type for h in s.hosts.values() if h.own_zone is None}
        shared = zones.intersection(*(where[kind] for kind in together))
        chosen = s.network.zone
        if chosen and chosen not in shared and not result.errors:
            result.error(
                "zone-unfit",
                f"network.zone is {chosen}, and it is none of those that have the types of all "
                f"hosts without a zone of their own: {', '.join(sorted(shared)) or 'none'}",
                "Leave it out, or choose another: "
                + account.typed("config set --path mail-relay:network.zone ZONE"),
            )
        elif not shared and not result.errors:
            listed = "; ".join(f"{k} is in {', '.join(sorted(where[k]))}" for k in sorted(together))
            result.error(
                "types-apart",
                f"no zone of {account.region} has all of the stack's instance types: {listed}",
                "Choose instance types that one zone has: hosts without a `zone` are in one",
            )
        result.seen.append(", ".join(sorted(shared)) or "no zone in common")
    return result


def _own_zones(result: Result, account: Account, where: Mapping[str, set[str]]) -> None:
    """Check the zones that gateways name against where their types are."""
    for key, host in account.settings.hosts.items():
        offering = where[host.instance_type]
        if host.own_zone and host.own_zone not in offering and offering:
            result.error(
                "zone-unfit",
                f"{key}.zone is {host.own_zone}, and {host.instance_type} is in "
                f"{', '.join(sorted(offering))}",
                f"Choose another `zone` for {host.name}, or another `instanceType`",
            )


def _offers(ec2: Any, kinds: list[str]) -> dict[str, set[str]]:
    """The availability zones that offer each type."""
    found: dict[str, set[str]] = {kind: set() for kind in kinds}
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType=ORDINARY, Filters=[{"Name": "instance-type", "Values": kinds}]
    )
    for offer in (offer for page in pages for offer in page["InstanceTypeOfferings"]):
        found[offer["InstanceType"]].add(offer["Location"])
    return found


def _image(account: Account, name: str, kind: str) -> Result:
    result = Result("image", name)
    with answers(result, "ec2"):
        ec2 = account.here("ec2")
        listed = images.alike(ec2, name, architecture(kind))
        newest = images.newest(listed)
        remedy = "Choose another `image`: https://wiki.debian.org/Cloud/AmazonEC2Image"
        if newest:
            take = account.typed(f"config set mail-relay:image {newest['Name']}")
            remedy = f"Newest: {take}"
        if name not in listed:
            _missing(account, result, name, remedy)
        else:
            _judge(result, listed[name], kind, remedy)
    return result


def _missing(account: Account, result: Result, name: str, remedy: str) -> None:
    """Add the error for an image that AWS does not list.

    Either the account's setting 'Allowed AMIs' hides it, or Debian has none of this name here.
    """
    hidden = Result("image", name)
    with answers(hidden, "ec2"):
        state = account.here("ec2").get_allowed_images_settings().get("State", "disabled")
        if state == "enabled":
            result.error(
                "image-not-allowed",
                f"Debian ({DEBIAN}) has no image {name} that this account may see: its setting "
                "'Allowed AMIs' is on",
                "See what is allowed: aws ec2 get-allowed-images-settings --region "
                f"{account.region}; allow the image provider {DEBIAN}",
            )
            return
    result.error("image-missing", f"Debian ({DEBIAN}) has no image {name} here", remedy)


def _judge(result: Result, image: Mapping[str, Any], kind: str, remedy: str) -> None:
    result.seen.append(image["ImageId"])
    if image["State"] != "available":
        result.error("image-off", f"its state is {image['State']}", remedy)
    if image["Architecture"] != ARCHITECTURES[architecture(kind)]:
        text = f"it is for {image['Architecture']}, and {kind} is not"
        result.error("image-architecture", text, remedy)
    if image.get("ImageAllowed") is False:
        text = "the account's setting 'Allowed AMIs' would hide it, once that is no audit any more"
        result.warn("image-audited", text, f"Allow the image provider {DEBIAN}")
    if end := image.get("DeprecationTime"):
        left = datetime.fromisoformat(end) - datetime.now(UTC)
        result.seen.append(f"deprecated from {end[:10]}")
        if left < timedelta():
            text = f"it is deprecated since {end[:10]}: its packages are old"
            result.warn("image-deprecated", text, remedy)
        elif left < SOON:
            text = f"it is deprecated from {end[:10]}, in {left.days} days"
            result.warn("image-ends", text, remedy)

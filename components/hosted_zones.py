"""The Route53 zones that exist before the stack, found by name or by id."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.lookup import LookUpError, looked_up
from settings import HostedZone


@dataclass(frozen=True)
class Found:
    """A public hosted zone."""

    id: str
    name_servers: list[str]


def find(wanted: HostedZone) -> Found:
    """The public zone; RunError if there is none, or several, whose ids it lists."""
    if wanted.id:
        return _by_id(wanted, wanted.id)
    try:
        zone = looked_up(lambda: aws.route53.get_zone(name=wanted.name))
    except LookUpError as error:
        text = str(error)
    else:
        return Found(zone.zone_id, sorted(zone.name_servers))
    # terraform-provider-aws, internal/tfresource/not_found_error.go
    if "no matching" in text:
        raise pulumi.RunError(
            f"{wanted.name}: Route53 has no public Hosted Zone of this name. Make it (aws route53 "
            f"create-hosted-zone --name {wanted.name} --caller-reference 1) and have your "
            "registrar name its servers, or list the zone that the name is in in mail-relay:zones"
        )
    if "multiple" in text:
        raise pulumi.RunError(_several(wanted.name))
    raise pulumi.RunError(f"{wanted.name}: AWS could not be asked: {text}")


def _by_id(wanted: HostedZone, zone_id: str) -> Found:
    try:
        zone = looked_up(lambda: aws.route53.get_zone(zone_id=zone_id))
    except LookUpError as error:
        if "find resource" not in str(error):
            raise pulumi.RunError(f"{_key(wanted)}: AWS could not be asked: {error}") from None
        known = _listed(_same(wanted.name)) or f"none of the name {wanted.name}"
        raise pulumi.RunError(
            f"{_key(wanted)}: Route53 has no zone of this id; it has {known}"
        ) from None
    if zone.name != wanted.name or zone.private_zone:
        kind = "private" if zone.private_zone else "public"
        raise pulumi.RunError(
            f"{_key(wanted)}: it is the {kind} zone {zone.name}; give the id of a public zone "
            f"{wanted.name}"
        )
    return Found(zone.zone_id, sorted(zone.name_servers))


def _key(wanted: HostedZone) -> str:
    return f"mail-relay:zones: {{name: {wanted.name}, id: {wanted.id}}}"


def _same(name: str) -> list[aws.route53.GetZoneResult]:
    """The public zones of a name."""
    zones = [aws.route53.get_zone(zone_id=i) for i in sorted(aws.route53.get_zones().ids)]
    return [zone for zone in zones if zone.name == name and not zone.private_zone]


def _listed(zones: list[aws.route53.GetZoneResult]) -> str:
    """The zones' ids, with the name servers of each."""
    return "; ".join(f"{z.zone_id} ({', '.join(sorted(z.name_servers))})" for z in zones)


def _several(name: str) -> str:
    same = _same(name)
    return (
        f"{name}: Route53 has {len(same)} public Hosted Zones of this name: {_listed(same)}. Say "
        f"which in mail-relay:zones, as {{name: {name}, id: {same[0].zone_id}}}; the right one is "
        f"that whose servers the registrar names (dig +trace NS {name})"
    )

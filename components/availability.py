"""The availability zone of a stack: an ordinary one that offers every instance type in use.

Gateways may name other zones. The stack's zone is chosen once: a later change in AWS's list of
zones or in their state moves no resource.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from settings import BaseHost


class ZoneError(Exception):
    """No zone can hold the new resources; the text names the instance types and the zones."""


@dataclass(frozen=True)
class AvailabilityZones:
    """The ordinary zones that are available, in order, and the zones that offer each type.

    Local and Wavelength Zones are not among the ordinary ones: an account opts in to them
    (API reference, DescribeAvailabilityZones, `opt-in-status`).
    """

    region: str
    names: Sequence[str]
    offers: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, region: str, types: Sequence[str]) -> "AvailabilityZones":
        """The zones and offerings that AWS lists for these instance types."""
        names = aws.get_availability_zones(
            state="available",
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
        ).names
        found = aws.ec2.get_instance_type_offerings(
            location_type="availability-zone",
            filters=[{"name": "instance-type", "values": sorted(set(types))}],
        )
        pairs = list(zip(found.instance_types, found.locations, strict=True))
        offers = {kind: sorted(zone for t, zone in pairs if t == kind) for kind in types}
        return cls(region, sorted(names), offers)

    def choose(self, wanted: str | None, kinds: Sequence[str], key: str = "network.zone") -> str:
        """The wanted zone, or the first one that offers these types; ZoneError if there is none."""
        if wanted is None:
            for zone in self.names:
                if not self._lacking(zone, kinds):
                    return zone
            types = "; ".join(f"{t} is in {self._where(t)}" for t in kinds)
            raise ZoneError(
                f"no availability zone of {self.region} ({', '.join(self.names)}) offers every "
                f"instance type of the stack: {types}. Choose other types"
            )
        key = f"mail-relay:{key}: {wanted!r}"
        if wanted not in self.names:
            raise ZoneError(
                f"{key}: it is no availability zone of {self.region} that can be used; those are "
                f"{', '.join(self.names)}"
            )
        if lacking := self._lacking(wanted, kinds):
            types = "; ".join(f"{t} is in {self._where(t)}" for t in lacking)
            raise ZoneError(f"{key}: it does not offer {' and '.join(lacking)}: {types}")
        return wanted

    def refuse(self, kind: str, zone: str, key: str) -> None:
        """ZoneError if a zone does not offer an instance type."""
        if zone not in self.offers.get(kind, ()):
            raise ZoneError(
                f"{key} is to be a {kind}, which its availability zone {zone} does not "
                f"offer (it is in {self._where(kind)}). The data volume cannot leave its zone: "
                "choose another type"
            )

    def _lacking(self, zone: str, kinds: Sequence[str]) -> list[str]:
        return [kind for kind in dict.fromkeys(kinds) if zone not in self.offers.get(kind, ())]

    def _where(self, kind: str) -> str:
        return ", ".join(z for z in self.offers.get(kind, ()) if z in self.names) or "none"


def check_zone(key: str, named: str | None, own: str, held: str) -> None:
    """RunError if a gateway may not be where its `zone` puts it.

    `own` is the zone of the stack's own subnet, `held` that of the gateway's data volume.
    """
    zone = named or own
    if held != zone:
        raise pulumi.RunError(
            f"mail-relay:{key}: {zone!r}: its data volume is in {held} and cannot leave it; "
            f"put `zone` back as it was, or make a gateway of another name in {zone} and take this "
            "one away"
        )
    # A zone has one subnet of ours: a load balancer takes no second one, and a gateway that is in
    # the stack's own subnet would move to the other one while it serves.
    if named == own:
        raise pulumi.RunError(
            f"mail-relay:{key}: {zone!r}: this is the stack's own zone, where a gateway without "
            "`zone` is; leave `zone` out"
        )


class Placement:
    """The zones for a stack's new resources, and the hooks that stop a preview without one.

    A program does not know which resources exist already, so an error is raised only when the
    engine is about to create one: `guard` is the hook of the VPC and the subnets, `host_guard` that
    of instances. `hosts` are the stack's hosts by their place in the settings.
    """

    def __init__(
        self, zones: AvailabilityZones, wanted: str | None, hosts: Mapping[str, BaseHost]
    ) -> None:
        self._zones, self._wanted, self._problems = zones, wanted, dict[str, str]()
        self._of = {host.name: host.own_zone for host in hosts.values() if host.own_zone}
        try:
            here = [host.instance_type for host in hosts.values() if not host.own_zone]
            self.zone = zones.choose(wanted, here)
        except ZoneError as error:
            self.zone = wanted or (zones.names[0] if zones.names else f"{zones.region}a")
            self._problems[self.zone] = str(error)
        self._held = self.zone
        for key, host in hosts.items():
            if host.own_zone:
                try:
                    zones.choose(host.own_zone, [host.instance_type], f"{key}.zone ({host.name})")
                except ZoneError as error:
                    self._problems.setdefault(host.own_zone, str(error))
        on = pulumi.ResourceHookOptions(on_dry_run=True)
        self.guard = pulumi.ResourceHook("zone-can-be-used", self._refuse_zone, on)
        self.host_guard = pulumi.ResourceHook("zone-offers-type", self._refuse_type, on)

    def hold(self, zone: str) -> str:
        """Use the zone of the existing subnet; RunError if the settings name another one."""
        if self._wanted not in (None, zone):
            raise pulumi.RunError(
                f"mail-relay:network.zone: {self._wanted!r}: the stack is in {zone}, and its data "
                f"volume cannot leave it; set {zone}, or make another stack and move to it"
            )
        self._held = zone
        return zone

    def _refuse_zone(self, args: pulumi.ResourceHookArgs) -> None:
        # the VPC has no zone, so the stack's own counts
        zone = (args.new_inputs or {}).get("availabilityZone", self.zone)
        if problem := self._problems.get(zone):
            raise ZoneError(problem)

    def _refuse_type(self, args: pulumi.ResourceHookArgs) -> None:
        kind = (args.new_inputs or {})["instanceType"]
        if kind != (args.old_inputs or {}).get("instanceType"):
            self._zones.refuse(kind, self._of.get(args.name, self._held), args.name)

"""Record sets: one resource for each name and type."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.naming import Tags
from mail import names, zonefile
from mail.txt import route53_value
from settings import Delegation

TTL = 300


class RecordExists(Exception):
    """A zone holds a record set that the stack would make."""


class Zones:
    """The hosted zones of the stack and the record sets made in them.

    Zones exist before the stack, but for the one of a delegation.
    """

    def __init__(
        self, names_: Sequence[str], delegation: Delegation | None, *, protect: bool, tags: Tags
    ) -> None:
        if delegation:
            names_ = [delegation.parent, *(name for name in names_ if name != delegation.zone)]
        zones = {name: aws.route53.get_zone(name=name) for name in names_}
        found = {name: zone.zone_id for name, zone in zones.items()}
        self._ids: dict[str, pulumi.Input[str]] = {**found}
        self.servers: dict[str, pulumi.Input[list[str]]] = {
            name: sorted(zone.name_servers) for name, zone in zones.items()
        }
        self._made: list[aws.route53.Record] = []
        self._held: dict[tuple[str, str], dict[str, list[str]]] = {}
        for zone in found.values():
            for held in aws.route53.get_records(zone_id=zone).resource_record_sets:
                values = [record.value for record in held.resource_records]
                self._held.setdefault((zone, held.name.rstrip(".")), {})[held.type] = values
        # AWS would refuse such a record as well, but only in the middle of an update
        self._guard = pulumi.ResourceHook(
            "record-is-new", self._refuse_existing, pulumi.ResourceHookOptions(on_dry_run=True)
        )
        if delegation:
            self._delegate(delegation, protect, tags)

    def _delegate(self, delegation: Delegation, protect: bool, tags: Tags) -> None:
        """Make the zone, and lead to it from the one above."""
        zone = aws.route53.Zone(
            delegation.zone,
            name=delegation.zone,
            comment=f"{pulumi.get_project()} {pulumi.get_stack()}",
            # a challenge that certbot had no time to take away goes with the zone
            force_destroy=True,
            tags=tags.named(delegation.zone),
            opts=pulumi.ResourceOptions(protect=protect),
        )
        servers = zone.name_servers.apply(sorted)
        # the parent's record: what comes after the next line is the zone's own
        absolute = servers.apply(lambda found: [f"{name}." for name in found])
        self.record(delegation.zone, "NS", absolute, pulumi.ResourceOptions(parent=zone))
        self._ids[delegation.zone] = zone.zone_id
        self.servers = {delegation.zone: servers}

    def id(self, name: str) -> pulumi.Input[str]:
        """The id of the zone that holds a name."""
        return self._ids[max((z for z in self._ids if names.is_within(name, z)), key=len)]

    def text(
        self,
        name: str,
        values: Sequence[pulumi.Input[str]],
        opts: pulumi.ResourceOptions,
        ttl: int = TTL,
    ) -> aws.route53.Record:
        """A TXT record set."""
        quoted = [pulumi.Output.from_input(value).apply(route53_value) for value in values]
        return self.record(name, "TXT", quoted, opts, ttl)

    def record(
        self,
        name: str,
        kind: str,
        values: pulumi.Input[Sequence[pulumi.Input[str]]],
        opts: pulumi.ResourceOptions,
        ttl: int = TTL,
    ) -> aws.route53.Record:
        """A record set. One that the zone holds already is an error, and never overwritten."""
        ours = pulumi.ResourceOptions(
            hooks=pulumi.ResourceHookBinding(before_create=[self._guard]),
            # where `pulumi import` puts a record that the stack is to take over
            aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)],
        )
        made = aws.route53.Record(
            f"{name}-{kind}",
            name=name,
            type=kind,
            zone_id=self.id(name),
            ttl=ttl,
            records=values,
            opts=pulumi.ResourceOptions.merge(opts, ours),
        )
        self.tell(made)
        return made

    def tell(self, record: aws.route53.Record) -> None:
        """A record set made elsewhere is in the zone file with the others."""
        self._made.append(record)

    def zone_file(self) -> pulumi.Output[str]:
        """Every record set made so far, as a zone file has them."""
        sets = [pulumi.Output.all(r.name, r.type, r.ttl, r.records) for r in self._made]
        return pulumi.Output.all(*sets).apply(
            lambda all_: "".join(line + "\n" for one in all_ for line in _lines(*one))
        )

    def _refuse_existing(self, args: pulumi.ResourceHookArgs) -> None:
        new = args.new_inputs or {}
        zone, name, kind = new["zoneId"], new["name"], new["type"]
        held = self._held.get((zone, name), {})
        if "CNAME" in held:
            raise RecordExists(
                f"{name} is a CNAME of {' '.join(held['CNAME'])}, and nothing else can be beside "
                "it: choose another name or delete the CNAME"
            )
        if kind in held:
            raise RecordExists(
                f"{name} has a record of type {kind} that the state of this stack does not have: "
                f"{' '.join(held[kind]) or 'an alias'}. After a `pulumi up` that was killed, run "
                "./relay settle. Else delete it, or let the stack take it over "
                "and set it as the next preview shows: pulumi import --protect=false "
                f"--generate-code=false aws:route53/record:Record {args.name} {zone}_{name}_{kind}"
            )


def _lines(name: str, kind: str, ttl: float, values: Sequence[str]) -> list[str]:
    """A record set as lines, from values as Route53 has them."""
    if kind == "TXT":
        quoted = [f'"{value}"' for value in values]
    else:  # Route53 takes names without the final dot
        quoted = [f"{value.rstrip('.')}." if kind == "CNAME" else value for value in values]
    text = "\n".join(zonefile.line(name, kind, int(ttl), value) for value in quoted)
    return [line for record in zonefile.read(text) for line in record.lines()]

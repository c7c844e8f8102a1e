"""Record sets: one resource for each name and type."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws.route53.outputs import GetRecordsResourceRecordSetResult

from components import hosted_zones
from components.naming import Tags
from mail import names, zonefile
from mail.txt import route53_value, zone_file
from settings import Delegation, Settings

TTL = 300


class RecordExists(Exception):
    """A zone holds a record set that the stack would make."""


class Zones:
    """The hosted zones of the stack and the record sets made in them.

    Zones exist before the stack, but for the one of a delegation.
    """

    def __init__(self, settings: Settings, tags: Tags) -> None:
        zones = {zone.name: hosted_zones.find(zone) for zone in settings.existing_zones}
        self._ids: dict[str, pulumi.Input[str]] = {name: z.id for name, z in zones.items()}
        self.servers: dict[str, pulumi.Input[list[str]]] = {
            name: zone.name_servers for name, zone in zones.items()
        }
        self._made: list[aws.route53.Record] = []
        # what leads resolvers to a zone that the stack makes
        self.leads: list[pulumi.Resource] = []
        self._useless: dict[tuple[str, str], str] = {}
        self._held: dict[tuple[str, str], dict[str, list[str]]] = {}
        for zone in zones.values():
            for held in aws.route53.get_records(zone_id=zone.id).resource_record_sets:
                self._held.setdefault((zone.id, held.name.rstrip(".")), {})[held.type] = _held(held)
        # AWS would refuse such a record as well, but only in the middle of an update
        self._guard = pulumi.ResourceHook(
            "record-is-new", self._refuse_existing, pulumi.ResourceHookOptions(on_dry_run=True)
        )
        if settings.delegation:
            self._delegate(settings.delegation, settings.protect, tags)

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
        lead = self.record(delegation.zone, "NS", absolute, pulumi.ResourceOptions(parent=zone))
        self.leads = [lead]
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
        name: pulumi.Input[str],
        kind: str,
        values: pulumi.Input[Sequence[pulumi.Input[str]]],
        opts: pulumi.ResourceOptions,
        ttl: int = TTL,
        *,
        called: str | None = None,
        zone: str | None = None,
    ) -> aws.route53.Record:
        """A record set. One that the zone holds already is an error, and never overwritten.

        A name that is known only later needs what the resource is `called`, and the `zone` that
        has it.
        """
        ours = pulumi.ResourceOptions(
            hooks=pulumi.ResourceHookBinding(before_create=[self._guard]),
            # where `pulumi import` puts a record that the stack is to take over
            aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)],
        )
        made = aws.route53.Record(
            called or f"{name}-{kind}",
            name=name,
            type=kind,
            zone_id=self.id(zone or str(name)),
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

    def issuers(self, name: str) -> tuple[str, list[str]] | None:
        """The CAA record set that counts for a name, and whose it is (RFC 8659, 3)."""
        while "." in name:
            for zone in self._ids.values():
                if isinstance(zone, str) and "CAA" in (at := self._held.get((zone, name), {})):
                    return name, at["CAA"]
            name = names.parent(name)
        return None

    def refuse(self, name: str, kind: str, problem: str) -> None:
        """Let no such record set be made: it would be of no use, for this reason."""
        self._useless[name, kind] = problem

    def _refuse_existing(self, args: pulumi.ResourceHookArgs) -> None:
        new = args.new_inputs or {}
        zone, name, kind = new["zoneId"], new["name"], new["type"]
        if not isinstance(name, str):
            return  # a preview does not know it yet
        held = self._held.get((zone, name), {})
        if kind in held:
            raise RecordExists(
                f"{name} has a record of type {kind} that the state of this stack does not have: "
                f"{' '.join(held[kind])}. After a `pulumi up` that was killed, run "
                "./relay settle. Else delete it, or let the stack take it over "
                "and set it as the next preview shows: pulumi import --protect=false "
                f"--generate-code=false aws:route53/record:Record {args.name} {zone}_{name}_{kind}"
            )
        if "CNAME" in held:
            raise RecordExists(
                f"{name} is a CNAME of {' '.join(held['CNAME'])}, and nothing else can be beside "
                "it: choose another name or delete the CNAME"
            )
        if delegated := self._delegated(zone, name):
            servers = " ".join(self._held[zone, delegated]["NS"])
            raise RecordExists(
                f"{name} would be seen by nobody: {delegated} is delegated to other servers "
                f"({servers}). Add {delegated} to mail-relay:zones if it is a zone of Route53; "
                "else delete its NS record, or choose another name"
            )
        if problem := self._useless.get((name, kind)):
            raise RecordExists(problem)

    def _delegated(self, zone: Any, name: str) -> str | None:
        """The name at or above `name` from which on others answer (RFC 1034, 4.3.2)."""
        apexes = {known for known, identity in self._ids.items() if identity == zone}
        while "." in name and name not in apexes:
            if "NS" in self._held.get((zone, name), {}):
                return name
            name = names.parent(name)
        return None


def _held(record_set: GetRecordsResourceRecordSetResult) -> list[str]:
    """The values of a record set that a zone holds, or where its alias leads."""
    # an alias has no records of its own, and then the provider gives none (None, not [])
    if record_set.resource_records:
        return [record.value for record in record_set.resource_records]
    target = record_set.alias_target
    return [f"an alias of {target.dns_name.rstrip('.')}" if target else "no values"]


def _lines(name: str, kind: str, ttl: float, values: Sequence[str]) -> list[str]:
    """A record set as lines, from values as Route53 has them."""
    if kind == "TXT":
        quoted = [f'"{zone_file(value)}"' for value in values]
    else:  # Route53 takes names without the final dot
        quoted = [f"{value.rstrip('.')}." if kind == "CNAME" else value for value in values]
    text = "\n".join(zonefile.line(name, kind, int(ttl), value) for value in quoted)
    return [line for record in zonefile.read(text) for line in record.lines()]

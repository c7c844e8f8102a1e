"""A hosted zone of Route53: what it holds already, and what the stack publishes in it."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
from pulumi_aws.route53.outputs import GetRecordsResourceRecordSetResult

from mail import names
from mail.txt import route53_value
from mail.zonefile import RecordSet


class RecordExists(Exception):
    """A zone holds a record set that the stack would make."""


class Route53Zone:
    """A public zone by its name, its id and its name servers.

    One whose id is not known before an `up` is made by the stack, and holds nothing else.
    """

    def __init__(
        self,
        name: str,
        zone_id: pulumi.Input[str],
        servers: pulumi.Input[list[str]],
        guard: pulumi.ResourceHook,
    ) -> None:
        self.name, self.id, self.servers, self._guard = name, zone_id, servers, guard
        # the values of each type, by name
        self.held: dict[str, dict[str, list[str]]] = {}
        if isinstance(zone_id, str):
            for held in aws.route53.get_records(zone_id=zone_id).resource_record_sets:
                self.held.setdefault(held.name.rstrip("."), {})[held.type] = _values(held)

    def publish(
        self, wanted: RecordSet[pulumi.Input[str]], opts: pulumi.ResourceOptions
    ) -> aws.route53.Record:
        """Make a record set. One that the zone holds already is an error, and never overwritten."""
        values = list(wanted.values)
        if wanted.kind == "TXT":
            values = [pulumi.Output.from_input(value).apply(route53_value) for value in values]
        called = f"{wanted.name}-{wanted.kind}"
        return self.make(called, wanted.name, wanted.kind, values, wanted.ttl, opts)

    def make(
        self,
        called: str,
        name: pulumi.Input[str],
        kind: str,
        values: pulumi.Input[Sequence[pulumi.Input[str]]],
        ttl: int,
        opts: pulumi.ResourceOptions,
    ) -> aws.route53.Record:
        """As `publish`, of a name or of values that only an `up` knows, as Route53 has them."""
        ours = pulumi.ResourceOptions(
            hooks=pulumi.ResourceHookBinding(before_create=[self._guard]),
            # where `pulumi import` puts a record that the stack is to take over
            aliases=[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)],
        )
        return aws.route53.Record(
            called,
            name=name,
            type=kind,
            zone_id=self.id,
            ttl=ttl,
            records=values,
            opts=pulumi.ResourceOptions.merge(opts, ours),
        )

    def refuse_existing(self, called: str, name: str, kind: str) -> None:
        """RecordExists, if the zone does not take this record set, or nobody would see it there."""
        held = self.held.get(name, {})
        if kind in held:
            raise RecordExists(
                f"{name} has a record of type {kind} that the state of this stack does not have: "
                f"{' '.join(held[kind])}. After a `pulumi up` that was killed, run "
                "./relay settle. Else delete it, or let the stack take it over "
                "and set it as the next preview shows: pulumi import --protect=false "
                f"--generate-code=false aws:route53/record:Record {called} {self.id}_{name}_{kind}"
            )
        if "CNAME" in held:
            raise RecordExists(
                f"{name} is a CNAME of {' '.join(held['CNAME'])}, and nothing else can be beside "
                "it: choose another name or delete the CNAME"
            )
        if delegated := self._delegated(name):
            servers = " ".join(self.held[delegated]["NS"])
            raise RecordExists(
                f"{name} would be seen by nobody: {delegated} is delegated to other servers "
                f"({servers}). Add {delegated} to mail-relay:zones if it is a zone of Route53; "
                "else delete its NS record, or choose another name"
            )

    def _delegated(self, name: str) -> str | None:
        """The name at or above `name` from which on others answer (RFC 1034, 4.3.2)."""
        while "." in name and name != self.name:
            if "NS" in self.held.get(name, {}):
                return name
            name = names.parent(name)
        return None


def _values(record_set: GetRecordsResourceRecordSetResult) -> list[str]:
    """The values of a record set that a zone holds, or where its alias leads."""
    # an alias has no records of its own, and then the provider gives none (None, not [])
    if record_set.resource_records:
        return [record.value for record in record_set.resource_records]
    target = record_set.alias_target
    return [f"an alias of {target.dns_name.rstrip('.')}" if target else "no values"]

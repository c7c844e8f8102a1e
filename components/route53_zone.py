"""A hosted zone of Route53: its existing records, and those that the stack publishes there."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws.route53.outputs import GetRecordsResourceRecordSetResult

from mail import names
from mail.records import meaning
from mail.txt import route53_value
from mail.zonefile import RecordSet


class RecordExists(Exception):
    """A zone already has a record set that the stack would create."""


@dataclass(frozen=True)
class Answer:
    """A record set of several with one name, an answer while its health check does not fail.

    `identifier` is its set identifier (multivalue answers), `check` is the health check's id.
    """

    identifier: str
    check: pulumi.Input[str] | None


@dataclass(frozen=True)
class Alias:
    """The target of an alias record, in Route53's form: an AWS name, and the id of its zone."""

    name: pulumi.Input[str]
    zone: pulumi.Input[str]


class Route53Zone:
    """A public zone by its name, its id and its name servers.

    If the id is an output that only an `up` knows, the stack itself creates the zone, empty.
    """

    def __init__(
        self,
        name: str,
        zone_id: pulumi.Input[str],
        servers: pulumi.Input[list[str]],
        guard: pulumi.ResourceHook,
    ) -> None:
        self.name, self.id, self.servers, self._guard = name, zone_id, servers, guard
        # values by name and type
        self.held: dict[str, dict[str, list[str]]] = {}
        # the identifiers of record sets that are answers, by name and type
        self._answers: dict[tuple[str, str], list[str]] = {}
        if isinstance(zone_id, str):
            for held in aws.route53.get_records(zone_id=zone_id).resource_record_sets:
                name = held.name.rstrip(".")
                self.held.setdefault(name, {}).setdefault(held.type, []).extend(_values(held))
                if held.multi_value_answer:
                    self._answers.setdefault((name, held.type), []).append(held.set_identifier)

    def publish(
        self, wanted: RecordSet[pulumi.Input[str]], opts: pulumi.ResourceOptions
    ) -> aws.route53.Record:
        """Declare a record set. An existing one is an error; it is never overwritten."""
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
        answer: Answer | None = None,
        was: Sequence[str] = (),
    ) -> aws.route53.Record:
        """Like `publish`, for a name or values that only an `up` knows, in Route53's own form.

        `was` are names of resources that it replaces: Route53 makes the change in one step.
        """
        several = answer and {
            "multivalue_answer_routing_policy": True,
            "set_identifier": answer.identifier,
            "health_check_id": answer.check,
        }
        return aws.route53.Record(
            called,
            name=name,
            type=kind,
            zone_id=self.id,
            ttl=ttl,
            records=values,
            **(several or {}),
            opts=pulumi.ResourceOptions.merge(opts, self._guarded(was)),
        )

    def make_alias(
        self,
        called: str,
        name: str,
        target: Alias,
        opts: pulumi.ResourceOptions,
        was: Sequence[str],
    ) -> aws.route53.Record:
        """Declare an A record that is an alias of another name.

        Route53 answers with it while a target there is healthy, or if no answer is. `was` as in
        `make`.
        """
        return aws.route53.Record(
            called,
            name=name,
            type="A",
            zone_id=self.id,
            aliases=[{"name": target.name, "zone_id": target.zone, "evaluate_target_health": True}],
            opts=pulumi.ResourceOptions.merge(opts, self._guarded(was)),
        )

    def _guarded(self, was: Sequence[str]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            hooks=pulumi.ResourceHookBinding(
                before_create=[self._guard], before_update=[self._guard] if was else []
            ),
            # `pulumi import` puts a record that the stack takes over below the root
            aliases=[
                pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE),
                *(pulumi.Alias(name=name) for name in was),
            ],
        )

    def take_over(self, name: str, kind: str, before: str | None, now: str | None) -> None:
        """Note that a record set replaces the one with another set identifier.

        RecordExists if an alias of a load balancer would be beside other answers.
        """
        if before == now:
            return
        others = [one for one in self._answers.get((name, kind), []) if one != before]
        if now is None and others:
            gateways = ", ".join(one.rpartition("/")[2] for one in others)
            raise RecordExists(
                f"{name} leads to {gateways} as well, and Route53 takes no load balancer beside "
                "the answers of gateways. In an `up` of its own, set drain: true for all gateways "
                "but one in mail-relay:gateways; in the next, take that away again and set "
                "submission.loadBalancer: true"
            )
        self._answers[name, kind] = [*others, *([now] if now else [])]

    def refuse_existing(self, called: str, name: str, kind: str, identifier: str | None) -> None:
        """RecordExists if the zone cannot hold this record set, or nobody would see it there.

        Other answers of the stack's own may be there already.
        """
        held = self.held.get(name, {})
        if kind in held:
            answers = self._answers.get((name, kind), [])
            if identifier is None or identifier in answers:
                raise self._unknown(called, name, kind, identifier)
            self._refuse_beside(name, held[kind], answers, identifier)
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

    def _unknown(self, called: str, name: str, kind: str, identifier: str | None) -> RecordExists:
        at = "_".join((str(self.id), name, kind, *([identifier] if identifier else [])))
        held = self.held[name][kind]
        return RecordExists(
            f"{name} has a record of type {kind} that the state of this stack does not have: "
            f"{' '.join(held)}{meaning(kind, held)}. After a `pulumi up` that was killed, run "
            "./relay settle. Else delete it, or let the stack take it over "
            "and set it as the next preview shows: pulumi import --protect=false "
            f"--generate-code=false aws:route53/record:Record {called} {at}"
        )

    @staticmethod
    def _refuse_beside(name: str, held: list[str], answers: list[str], identifier: str) -> None:
        """RecordExists unless the existing record sets are all answers of the same stack."""
        stack, _, _ = identifier.rpartition("/")
        if strangers := [one for one in answers if one.rpartition("/")[0] != stack]:
            raise RecordExists(
                f"{name} leads to gateways of another stack already ({', '.join(strangers)}): "
                "choose another submission.name"
            )
        if not answers:
            raise RecordExists(
                f"{name} has a simple record ({' '.join(held)}), and Route53 takes no answers of "
                "several gateways beside it. If a gateway of this stack has the name, give it "
                "another one in an `up` of its own, and set submission.name in the next; else "
                "delete the record, or choose another submission.name"
            )

    def _delegated(self, name: str) -> str | None:
        """The delegated name at or above `name`, if there is one (RFC 1034, 4.3.2)."""
        while "." in name and name != self.name:
            if "NS" in self.held.get(name, {}):
                return name
            name = names.parent(name)
        return None


def _values(record_set: GetRecordsResourceRecordSetResult) -> list[str]:
    """The values of an existing record set, or the target of an alias."""
    # an alias has no records of its own, and then the provider gives none (None, not [])
    if record_set.resource_records:
        return [record.value for record in record_set.resource_records]
    target = record_set.alias_target
    return [f"an alias of {target.dns_name.rstrip('.')}" if target else "no values"]

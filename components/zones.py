"""All hosted zones of a stack, and all record sets that it publishes in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import forgetting, hosted_zones
from components.route53_zone import Alias, Answer, RecordExists, Route53Zone
from components.tags import Tags
from mail import names
from mail.records import SUBMISSION_TTL, TTL
from mail.zonefile import RecordSet
from settings import Delegation, HostedZone, Settings

# The TTL of an alias to a load balancer (Route 53 Developer Guide, "Choosing between alias and
# non-alias records").
BALANCER_TTL = 60


class Zones:
    """The stack's zones; a name belongs to the nearest zone at or above it.

    All zones exist before the stack, except the one of a delegation. All are in Route53. A zone
    held elsewhere would need a class like Route53Zone with the same `publish`, and no other change.
    """

    def __init__(self, settings: Settings, tags: Tags) -> None:
        # AWS would refuse such a record as well, but only in the middle of an update
        self._guard = pulumi.ResourceHook(
            "record-is-new", self._refuse, pulumi.ResourceHookOptions(on_dry_run=True)
        )
        self._waits = settings.wait.minutes > 0
        self._gateways = [gateway.name for gateway in settings.gateways]
        self._existing = [self._found(zone) for zone in settings.existing_zones]
        self._all = {zone.name: zone for zone in self._existing}
        self._lines: list[pulumi.Output[list[str]]] = []
        self._useless: dict[tuple[str, str], str] = {}
        self._exchanges: list[tuple[RecordSet[pulumi.Input[str]], pulumi.ResourceOptions]] = []
        # the NS record that delegates a zone which the stack creates
        self.leads: list[pulumi.Resource] = []
        self.servers = {zone.name: zone.servers for zone in self._existing}
        if settings.delegation:
            self._delegate(settings.delegation, settings.protect, tags)

    def _found(self, zone: HostedZone) -> Route53Zone:
        found = hosted_zones.find(zone)
        return Route53Zone(zone.name, found.id, found.name_servers, self._guard)

    def _delegate(self, delegation: Delegation, protect: bool, tags: Tags) -> None:
        """Declare the zone, and its NS record in the zone above."""
        zone = aws.route53.Zone(
            delegation.zone,
            name=delegation.zone,
            comment=f"{pulumi.get_project()} {pulumi.get_stack()}",
            # also destroys an ACME challenge that certbot did not remove
            force_destroy=True,
            tags=tags.named(delegation.zone),
            opts=pulumi.ResourceOptions(protect=protect),
        )
        servers = zone.name_servers.apply(sorted)
        absolute = servers.apply(lambda found: [f"{name}." for name in found])
        above, name = self.holding(delegation.zone), delegation.zone
        opts = pulumi.ResourceOptions(parent=zone)
        self.leads = [above.make(f"{name}-NS", name, "NS", absolute, TTL, opts)]
        self._include_in_zone_file(name, "NS", TTL, absolute)
        self._all[name] = Route53Zone(name, zone.zone_id, servers, self._guard)
        self.servers = {name: servers}

    def holding(self, name: str) -> Route53Zone:
        """The zone that holds a name."""
        return self._all[max((z for z in self._all if names.is_within(name, z)), key=len)]

    def ids(self, name: str) -> list[pulumi.Input[str]]:
        """The ids of all zones, first of the one that holds a name."""
        first = self.holding(name)
        return [first.id, *(zone.id for zone in self._all.values() if zone is not first)]

    def publish(
        self, wanted: RecordSet[pulumi.Input[str]], opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        """Publish a record set in its zone; an existing one stops the preview."""
        self._include_in_zone_file(wanted.name, wanted.kind, wanted.ttl, list(wanted.values))
        return self.holding(wanted.name).publish(wanted, opts)

    def publish_once_taken(
        self, wanted: RecordSet[pulumi.Input[str]], opts: pulumi.ResourceOptions
    ) -> None:
        """Publish an MX record set as soon as the gateways in it take mail: see `taken`."""
        self._include_in_zone_file(wanted.name, wanted.kind, wanted.ttl, list(wanted.values))
        self._exchanges.append((wanted, opts))

    def taken(self, serving: Mapping[str, pulumi.Resource]) -> None:
        """Publish each MX record set once the gateways that it names serve, each by its resource.

        A server whose exchangers have no address returns its mail (postconf(5),
        smtp_defer_if_no_mx_address_found), so none may be named before it has one, nor lose it
        while it may be remembered as the only one.
        """
        made, sets = list[pulumi.Resource](), dict[str, Any]()
        for wanted, opts in self._exchanges:
            hosts = sorted(str(value).split()[-1].rstrip(".") for value in wanted.values)
            after = [serving[host] for host in hosts if host in serving]
            waits = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=after))
            made.append(self.holding(wanted.name).publish(wanted, waits))
            sets[wanted.name] = {"ttl": wanted.ttl, "hosts": hosts}
        if made:
            leads = {"sets": sets, "gateways": self._gateways}
            forgetting.declare("exchangers", leads, forgetting.exchangers, made, waits=self._waits)

    def publish_answer(
        self,
        wanted: RecordSet[pulumi.Input[str]],
        gateway: str,
        answer: Answer,
        after: Sequence[pulumi.Resource],
        *,
        first: bool,
    ) -> pulumi.Resource:
        """Publish one value of several as a record set of its own, which Route53 may leave out.

        The first replaces a load balancer's alias, beside which there can be no other.
        """
        name, kind, ttl, values = wanted.name, wanted.kind, wanted.ttl, list(wanted.values)
        self._include_in_zone_file(name, kind, ttl, values)
        opts = pulumi.ResourceOptions(depends_on=after)
        was = (f"{name}-{kind}",) if first else ()
        called = f"{name}-{kind}-{gateway}"
        return self.holding(name).make(called, name, kind, values, ttl, opts, answer, was)

    def publish_balancer(
        self, name: str, target: Alias, gateways: Sequence[str], opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        """Publish the name of a load balancer; in a zone file, which has no aliases, a CNAME.

        The alias replaces the answer with the address of a gateway.
        """
        values = [pulumi.Output.concat(target.name, ".")]
        self._include_in_zone_file(name, "CNAME", BALANCER_TTL, values)
        was = [f"{name}-A-{gateway}" for gateway in gateways]
        return self.holding(name).make_alias(f"{name}-A", name, target, opts, was)

    def forget_other_way(
        self, name: str, led: pulumi.Resource, *, balancer: bool
    ) -> pulumi.Resource:
        """What is complete once resolvers have forgotten that a name led another way than `led`."""
        ttl = BALANCER_TTL if balancer else SUBMISSION_TTL
        leads = {"name": name, "ttl": ttl, "balancer": balancer}
        return forgetting.declare("way", leads, forgetting.way, [led], waits=self._waits)

    def publish_alias(
        self,
        called: str,
        domain: str,
        name: pulumi.Output[str],
        target: pulumi.Output[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Publish a CNAME below `domain`; only an `up` knows its name. `called` is the resource."""
        # Route53 takes names without the final dot
        self._include_in_zone_file(name, "CNAME", TTL, [pulumi.Output.concat(target, ".")])
        self.holding(domain).make(called, name, "CNAME", [target], TTL, opts)

    def _include_in_zone_file(
        self,
        name: pulumi.Input[str],
        kind: str,
        ttl: int,
        values: pulumi.Input[Sequence[pulumi.Input[str]]],
    ) -> None:
        self._lines.append(
            pulumi.Output.all(name, values).apply(
                lambda known: RecordSet(known[0], kind, ttl, tuple(known[1])).lines()
            )
        )

    def zone_file(self) -> pulumi.Output[str]:
        """All record sets published so far, in the form of a zone file."""
        return pulumi.Output.all(*self._lines).apply(
            lambda sets: "".join(f"{line}\n" for lines in sets for line in lines)
        )

    def issuers(self, name: str) -> tuple[str, list[str]] | None:
        """The name whose CAA record set applies to `name`, and its values (RFC 8659, 3)."""
        while "." in name:
            for zone in self._existing:
                if "CAA" in (at := zone.held.get(name, {})):
                    return name, at["CAA"]
            name = names.parent(name)
        return None

    def refuse(self, name: str, kind: str, problem: str) -> None:
        """Stop the creation of a record set, for the reason in `problem`."""
        self._useless[name, kind] = problem

    def _refuse(self, args: pulumi.ResourceHookArgs) -> None:
        new = args.new_inputs or {}
        name, kind = new["name"], new["type"]
        if not isinstance(name, str):
            return  # a preview does not know it yet
        if args.old_inputs:
            identifiers = (inputs.get("setIdentifier") for inputs in (args.old_inputs, new))
            self.holding(name).take_over(name, kind, *identifiers)
            return
        for zone in self._existing:
            if zone.id == new["zoneId"]:
                zone.refuse_existing(args.name, name, kind, new.get("setIdentifier"))
        if problem := self._useless.get((name, kind)):
            raise RecordExists(problem)

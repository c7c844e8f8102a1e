"""The gateways: their standing identities, and their hosts with the tables that they read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from cloudinit.hosts import GatewayHost, Guessing, Smarthost, Strangers
from components import backup, bundles, load_balancer, secrets
from components.account import Account
from components.answers import Answers
from components.availability import check_zone
from components.host import Host, Shared, certificate_statements, reads
from components.identity import Identity
from components.load_balancer import LoadBalancer
from components.naming import tables_key
from components.network import PRIVATE, Network, subnet_cidr
from components.ports import BALANCED_IN, BASE_EGRESS, GATEWAY_IN, IMAPS, SMTP, Service
from components.rebuild import Rebuild
from components.route53_zone import Alias
from components.smarthost import RelayHost
from components.tags import Tags
from components.waits import Reach
from components.zones import Zones
from mail import caa, records, spf
from settings import Settings, published
from settings.hosts import Gateway

TABLES_KEY = tables_key("")


def check_authority(settings: Settings, zones: Zones) -> None:
    """Warn if CAA records forbid a gateway's certificate, and refuse to create its A record."""
    for name in settings.certified:
        _check_authority(name, settings.acme.directory, zones)


def _check_authority(name: str, directory: str | None, zones: Zones) -> None:
    found = zones.issuers(name)
    if found is None or (directory and caa.LETS_ENCRYPT not in directory):
        return
    whose, values = found
    if caa.forbids(values, caa.LETS_ENCRYPT, "dns-01"):
        problem = (
            f"{name} would get no certificate, and take no logins: {whose} has the CAA record "
            f'{" ".join(values)}. Add 0 issue "{caa.LETS_ENCRYPT}" to it, or a CAA record '
            f"of its own for {name}"
        )
        pulumi.log.warn(problem)  # a host that serves still has a certificate for some weeks
        zones.refuse(name, "A", problem)


def identities(
    settings: Settings,
    network: Network,
    zones: Zones,
    smarthost: RelayHost | None,
    judged: pulumi.Resource,
    account: Account,
    tags: Tags,
) -> dict[str, Identity]:
    """Declare the gateways' interfaces, addresses, names and volumes, by the gateway's name.

    They share one security group, and the policy of daily snapshots of their volumes. `judged` is
    updated before an address is left for another (components/removal.py).
    """
    group = network.security_group(
        "gateway",
        ingress=_ingress(settings),
        egress=(smarthost.service if smarthost else SMTP, *BASE_EGRESS),
        ssh_from=settings.ssh.allow_from,
    )
    if settings.backup and account.region:
        backup.Backup(settings.backup.days, account.region, tags)
    starts = backup.starts(settings, account)
    return {
        gateway.name: Identity(
            gateway.name,
            place=network.place(gateway.own_zone),
            stays=_stays(f"{key}.zone ({gateway.name})", gateway.own_zone, network),
            group=group,
            zones=zones,
            data_volume_gib=gateway.data_volume_gib,
            last_snapshot=gateway.drains or settings.backup is not None,
            start=starts.get(gateway.name),
            volume_tags=backup.volume_tag() if settings.backup else None,
            forwards=bool(settings.private_clients),
            spf_terms=settings.host_spf(gateway),
            exchanges=published.host_exchanges(settings, gateway),
            replaced=gateway if gateway.address or gateway.spare_address else None,
            judged=judged,
            protect=settings.protect,
            tags=tags,
        )
        for key, gateway in settings.placed_gateways.items()
    }


def _stays(
    key: str, zone: str | None, network: Network
) -> Callable[[pulumi.Output[str]], pulumi.Output[None]]:
    """The check that a gateway's `zone` is where its data volume is.

    A volume keeps its zone, and AWS attaches it to no instance in another one.
    """

    def check(held: pulumi.Output[str]) -> pulumi.Output[None]:
        found = pulumi.Output.all(key, zone, network.own.zone, held)
        return found.apply(lambda all_: check_zone(*all_))

    return check


def _ingress(settings: Settings) -> tuple[Service, ...]:
    """The services that are open to everybody."""
    services = BALANCED_IN if settings.submission.load_balancer else GATEWAY_IN
    return (*services, IMAPS) if settings.mailboxes else services


def publish_policy(
    settings: Settings, gateways: Sequence[Identity], zones: Zones, judged: pulumi.Resource
) -> None:
    """Publish the SPF record of all gateways.

    `judged` is updated before an address leaves it (components/removal.py).
    """
    held = [address for g in gateways for address in (g.address.public_ip, *g.spares)]
    policy = pulumi.Output.all(*held).apply(spf.gateways)
    include = records.gateways(settings.spf_include, policy)
    zones.publish(include, pulumi.ResourceOptions(parent=gateways[0], depends_on=judged))


def fixed(shared: Shared, gateway: Gateway, smarthost: Smarthost | None) -> GatewayHost:
    """A gateway's fixed settings."""
    s, store = shared.settings, shared.store
    return GatewayHost(
        name=gateway.name,
        shared_name=s.shared_name,
        domain=s.gateway_domain,
        operator=s.operator,
        region=shared.region,
        tables=store.url(TABLES_KEY),
        status=store.url(store.status_key(gateway.name)),
        acme_directory=s.acme.directory,
        reject_by_dmarc=s.inbound.dmarc == "enforce",
        acme_email=s.acme.email or s.operator,
        ssh_public_key=s.ssh.public_key,
        sasl_mechanisms=s.sasl.mechanisms,
        message_size_limit_mib=s.message_size_limit_mib,
        log_days=s.logs.days,
        mailboxes=bool(s.mailboxes),
        network=s.network.cidr,
        strangers=Strangers(**s.limits.strangers.model_dump()),
        guessing=Guessing(**s.limits.guessing.model_dump()),
        private_subnet=subnet_cidr(s.network.cidr, PRIVATE) if s.private_clients else None,
        smarthost=smarthost,
        metrics=shared.metrics,
        ship=shared.ship,
        prometheus=bool(s.monitoring.prometheus),
        block_lists=s.monitoring.block_lists,
        hold=gateway.data_volume.snapshot if gateway.data_volume.hold else None,
    )


@dataclass(frozen=True)
class Turns:
    """Gateways one after another: what leads connections to them, and who waits and looks.

    Connections come by `balancer` or by `answers`. Without `reach` nobody waits for them; without
    `rebuild` nobody looks at the other gateways before one is rebuilt. `name` gets what is complete
    once the submission name leads somewhere, and nobody goes a former way.
    """

    balancer: LoadBalancer | None
    answers: Answers | None
    reach: Reach | None
    rebuild: Rebuild
    name: list[pulumi.Resource] = field(init=False, default_factory=list)

    def reached(self, host: Host, *, drains: bool) -> list[pulumi.Resource]:
        """The resources that are complete once new connections reach a gateway."""
        if self.balancer and not drains:
            return self.balancer.attach(host)
        if self.answers is None or drains:
            return [host.served]
        answer, check = self.answers.publish(host), self.answers.checks.get(host.name)
        if self.reach is None or check is None:
            return [host.served, answer]
        opts = pulumi.ResourceOptions(parent=host, depends_on=[host.served, answer])
        return [self.reach.by_answer(host.name, host.instance, check, opts)]

    def lead(self, s: Settings, zones: Zones, first: Sequence[pulumi.Resource]) -> None:
        """Publish the load balancer's name, after `first`: it then leads to a gateway."""
        if self.balancer:
            led = _publish_balancer(s, self.balancer, zones, first)
        elif self.answers:
            led = self.answers.made[0]
        else:
            return
        balanced = self.balancer is not None
        self.name.extend([led, zones.forget_other_way(s.submission_name, led, balancer=balanced)])


def turns(
    shared: Shared,
    identities: Sequence[Identity],
    network: Network,
    zones: Zones,
    judged: pulumi.Resource,
) -> Turns:
    """Declare what leads to the gateways, and how they are rebuilt one after another.

    `judged` is made before the load balancer loses a zone (components/removal.py).
    """
    s, account = shared.settings, shared.account
    waits = s.wait.minutes > 0 and len(s.gateways) > 1
    reach = Reach(s.wait.minutes, account) if waits else None
    taking = [gateway.name for gateway in s.taking]
    draining = [gateway.name for gateway in s.gateways if gateway.drains]
    balancer = load_balancer.declare(s, network, identities, reach, judged, shared.tags)
    answers = Answers.declare(s, identities, zones, shared.tags)
    way = balancer or answers
    leads = (lambda: way.leads(account)) if way and waits else None
    rebuild = Rebuild(taking, draining, shared.store, account, leads)
    return Turns(balancer, answers, reach, rebuild)


def hosts(
    shared: Shared,
    identities: Mapping[str, Identity],
    *,
    keys: Mapping[str, Mapping[str, pulumi.Output[str]]],
    passwords: Mapping[str, pulumi.Output[str]],
    clients: Sequence[pulumi.Output[str]],
    smarthost: RelayHost | None,
    zones: Zones,
    judged: pulumi.Resource,
    turns: Turns,
) -> list[Host]:
    """Declare the gateways' hosts, each one once new connections reach the gateway before it.

    `judged` is updated before the tables lose a gateway (components/removal.py).
    `keys` are the private keys by domain and selector, oldest first, `passwords` are by login,
    `clients` are the client hosts' public addresses.
    """
    s, store = shared.settings, shared.store
    content = bundles.gateway(
        s,
        keys=keys,
        passwords=passwords,
        srs_secret=secrets.srs_secret(s),
        smarthost=smarthost.table if smarthost else None,
        hosts=clients,
        spares={name: each.spares for name, each in identities.items() if each.spares},
    )
    tables = store.put(TABLES_KEY, content, after=[judged])
    # whether another one serves (agent/updates.py)
    others = [reads(store.arn(store.status_key("*")))] if len(s.gateways) > 1 else []
    made = list[Host]()
    before, first = list[pulumi.Resource](), list[pulumi.Resource]()
    for gateway in s.gateways:
        names = filter(None, (gateway.name, s.shared_name))
        certified = {name: zones.holding(name).id for name in names}
        made.append(
            Host(
                fixed(shared, gateway, smarthost.host if smarthost else None),
                shared,
                identity=identities[gateway.name],
                instance_type=gateway.instance_type,
                tables=tables,
                statements=[*others, *certificate_statements(certified)],
                after=before,
                rebuild=turns.rebuild,
            )
        )
        before = turns.reached(made[-1], drains=gateway.drains)
        first = first or ([] if gateway.drains else before)
    turns.lead(s, zones, first)
    both = zip(made, s.gateways, strict=True)
    zones.taken({host.name: host.served for host, gateway in both if not gateway.drains})
    return made


def _publish_balancer(
    s: Settings, balancer: LoadBalancer, zones: Zones, after: Sequence[pulumi.Resource]
) -> pulumi.Resource:
    """Publish the load balancer's name, once the first gateway gets connections."""
    target = Alias(balancer.balancer.dns_name, balancer.balancer.zone_id)
    opts = pulumi.ResourceOptions(depends_on=after)
    gateways = [gateway.name for gateway in s.gateways]
    return zones.publish_balancer(s.submission_name, target, gateways, opts)

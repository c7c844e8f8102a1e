"""The gateways: their standing identities, and their hosts with the tables that they read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from cloudinit.hosts import GatewayHost, Guessing, Smarthost, Strangers
from components import bundles, load_balancer, secrets
from components.availability import check_zone
from components.host import Host, Shared, certificate_statements
from components.identity import Identity
from components.load_balancer import LoadBalancer
from components.naming import Tags, tables_key
from components.network import (
    BALANCED_IN,
    BASE_EGRESS,
    GATEWAY_IN,
    IMAPS,
    PRIVATE,
    SMTP,
    SUBMISSIONS,
    Network,
    Service,
    subnet_cidr,
)
from components.reach import Reach
from components.rebuild import Rebuild
from components.route53_zone import Alias, Answer
from components.smarthost import RelayHost
from components.zones import Zones
from mail import caa, records, spf
from settings import BaseHost, Settings, published

TABLES_KEY = tables_key("")
# A gateway that is down is no answer after 40 seconds. One failure is enough for a checker, since
# more than four checkers in five must see it (Route53 Developer Guide, "How Route 53 determines
# whether a health check is healthy").
CHECK_SECONDS, CHECK_FAILURES = 30, 1


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
    settings: Settings, *, network: Network, zones: Zones, smarthost: RelayHost | None, tags: Tags
) -> dict[str, Identity]:
    """Declare the gateways' interfaces, addresses, names and volumes, by the gateway's name.

    They share one security group.
    """
    group = network.security_group(
        "gateway",
        ingress=_ingress(settings),
        egress=(smarthost.service if smarthost else SMTP, *BASE_EGRESS),
        ssh_from=settings.ssh.allow_from,
    )
    made = {
        gateway.name: Identity(
            gateway.name,
            place=network.place(gateway.own_zone),
            group=group,
            zones=zones,
            data_volume_gib=gateway.data_volume_gib,
            last_snapshot=gateway.drains,
            forwards=bool(settings.private_clients),
            spf_terms=settings.host_spf(gateway),
            exchanges=published.host_exchanges(settings, gateway),
            protect=settings.protect,
            tags=tags,
        )
        for gateway in settings.gateways
    }
    for key, gateway in settings.placed_gateways.items():
        if volume := made[gateway.name].volume:
            # a volume keeps its zone, and AWS attaches it to no instance in another one
            pulumi.Output.all(
                f"{key}.zone ({gateway.name})",
                gateway.own_zone,
                network.own.zone,
                volume.availability_zone,
            ).apply(lambda x: check_zone(*x))
    return made


def _ingress(settings: Settings) -> tuple[Service, ...]:
    """The services that are open to everybody."""
    services = BALANCED_IN if settings.submission.load_balancer else GATEWAY_IN
    return (*services, IMAPS) if settings.mailboxes else services


def publish_addresses(
    settings: Settings,
    gateways: Sequence[Identity],
    zones: Zones,
    tags: Tags,
    judged: pulumi.Resource,
) -> dict[str, pulumi.Output[str]]:
    """Publish the SPF record of all gateways, and the submission name of those that take mail.

    `judged` is updated before an address leaves SPF (components/removal.py). With a load balancer,
    `hosts` publishes the submission name. Return the health checks' ids by gateway.
    """
    addresses = [gateway.address.public_ip for gateway in gateways]
    policy = pulumi.Output.all(*addresses).apply(spf.gateways)
    include = records.gateways(settings.spf_include, policy)
    zones.publish(include, pulumi.ResourceOptions(parent=gateways[0], depends_on=judged))
    name = settings.shared_name
    if not name or settings.submission.load_balancer:
        return {}
    names = {gateway.name for gateway in settings.taking}
    taking = [gateway for gateway in gateways if gateway.host in names]
    checks = {g.host: _health_check(g, tags).id for g in taking} if len(gateways) > 1 else {}
    stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
    zones.publish_answers(
        records.submission(name, [gateway.address.public_ip for gateway in taking]),
        {g.host: Answer(f"{stack}/{g.host}", checks.get(g.host)) for g in taking},
    )
    return checks


def _health_check(gateway: Identity, tags: Tags) -> aws.route53.HealthCheck:
    """A check of port 465: while it fails, Route53 leaves the gateway out of its answers."""
    return aws.route53.HealthCheck(
        gateway.host,
        type="TCP",
        ip_address=gateway.address.public_ip,
        port=SUBMISSIONS.port,
        request_interval=CHECK_SECONDS,
        failure_threshold=CHECK_FAILURES,
        tags=tags.named(f"{gateway.host} {SUBMISSIONS.port}"),
        opts=pulumi.ResourceOptions(parent=gateway),
    )


def fixed(
    s: Settings,
    gateway: BaseHost,
    *,
    region: str,
    tables: str,
    status: str,
    smarthost: Smarthost | None,
    metrics: str | None,
) -> GatewayHost:
    """A gateway's fixed settings; `tables` and `status` are s3:// URLs."""
    return GatewayHost(
        name=gateway.name,
        shared_name=s.shared_name,
        domain=s.gateway_domain,
        operator=s.operator,
        region=region,
        tables=tables,
        status=status,
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
        metrics=metrics,
    )


@dataclass(frozen=True)
class Turns:
    """Gateways one after another: what leads connections to them, and who waits and looks.

    Connections come by `balancer` or by `checks`, health checks by gateway. Without `reach` nobody
    waits for them; without `rebuild` nobody looks at the other gateways before one is rebuilt.
    """

    balancer: LoadBalancer | None
    checks: Mapping[str, pulumi.Output[str]]
    reach: Reach | None
    rebuild: Rebuild

    def reached(self, host: Host, *, drains: bool) -> list[pulumi.Resource]:
        """The resources that are complete once new connections reach a gateway."""
        if self.balancer and not drains:
            return self.balancer.attach(host)
        check = self.checks.get(host.name)
        if self.reach is None or check is None:
            return [host.served]
        opts = pulumi.ResourceOptions(parent=host, depends_on=[host.served])
        return [self.reach.by_answer(host.name, host.instance, check, opts)]


def turns(
    shared: Shared,
    identities: Sequence[Identity],
    network: Network,
    checks: Mapping[str, pulumi.Output[str]],
    judged: pulumi.Resource,
) -> Turns:
    """Declare the load balancer, if there is one, and how gateways are rebuilt one after another.

    `judged` is made before the load balancer loses a zone (components/removal.py).
    """
    s, account = shared.settings, shared.account
    waits = s.wait.minutes > 0 and len(s.gateways) > 1
    reach = Reach(s.wait.minutes, account) if waits else None
    taking = [gateway.name for gateway in s.taking]
    rebuild = Rebuild(taking, shared.store, account, judges=waits)
    balancer = load_balancer.declare(s, network, identities, reach, judged, shared.tags)
    return Turns(balancer, checks, reach, rebuild)


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
        srs_secret=secrets.srs_secret(pulumi.ResourceOptions(protect=s.protect)),
        smarthost=smarthost.table if smarthost else None,
        hosts=clients,
    )
    tables = store.put(TABLES_KEY, content, after=[judged])
    made = list[Host]()
    before, first = list[pulumi.Resource](), list[pulumi.Resource]()
    for gateway in s.gateways:
        certified = [name for name in (gateway.name, s.shared_name) if name]
        made.append(
            Host(
                fixed(
                    s,
                    gateway,
                    region=shared.region,
                    tables=store.url(TABLES_KEY),
                    status=store.url(store.status_key(gateway.name)),
                    smarthost=smarthost.host if smarthost else None,
                    metrics=shared.metrics,
                ),
                shared,
                identity=identities[gateway.name],
                instance_type=gateway.instance_type,
                tables=tables,
                statements=certificate_statements(
                    {name: zones.holding(name).id for name in certified}
                ),
                after=before,
                rebuild=turns.rebuild,
            )
        )
        before = turns.reached(made[-1], drains=gateway.drains)
        first = first or ([] if gateway.drains else before)
    if turns.balancer:
        _publish_balancer(s, turns.balancer, zones, first)
    return made


def _publish_balancer(
    s: Settings, balancer: LoadBalancer, zones: Zones, after: Sequence[pulumi.Resource]
) -> None:
    """Publish the load balancer's name, once the first gateway gets connections."""
    target = Alias(balancer.balancer.dns_name, balancer.balancer.zone_id)
    opts = pulumi.ResourceOptions(depends_on=after)
    zones.publish_balancer(s.submission_name, target, [g.name for g in s.gateways], opts)

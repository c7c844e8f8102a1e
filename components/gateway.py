"""A gateway: its standing identity, and its host with the tables that it reads."""

from collections.abc import Mapping, Sequence

import pulumi

from cloudinit import GatewayHost, Guessing, Strangers
from components import bundles, secrets
from components.host import Host, Shared, certificate_statements
from components.identity import Identity
from components.naming import Tags, tables_key
from components.network import (
    BASE_EGRESS,
    GATEWAY_IN,
    IMAPS,
    PRIVATE,
    SMTP,
    Network,
    subnet_cidr,
)
from components.smarthost import RelayHost
from components.zones import Zones
from mail import caa, records, spf
from settings import Settings

TABLES_KEY = tables_key("")


def check_authority(settings: Settings, zones: Zones) -> None:
    """Warn if CAA records forbid the gateway's certificate, and stop the making of its A record."""
    name, directory = settings.gateway.name, settings.acme.directory
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
        pulumi.log.warn(problem)  # a host that serves has a certificate for some weeks
        zones.refuse(name, "A", problem)


def identity(
    settings: Settings, *, network: Network, zones: Zones, smarthost: RelayHost | None, tags: Tags
) -> Identity:
    """Declare the gateway's interface, address, names, volume and security group."""
    group = network.security_group(
        "gateway",
        ingress=(*GATEWAY_IN, IMAPS) if settings.mailboxes else GATEWAY_IN,
        egress=(smarthost.service if smarthost else SMTP, *BASE_EGRESS),
        ssh_from=settings.ssh.allow_from,
    )
    return Identity(
        settings.gateway.name,
        network=network,
        group=group,
        zones=zones,
        data_volume_gib=settings.gateway.data_volume_gib,
        forwards=bool(settings.private_clients),
        spf_terms=settings.smarthost_spf,
        protect=settings.protect,
        tags=tags,
    )


def publish_addresses(settings: Settings, gateways: Sequence[Identity], zones: Zones) -> None:
    """Publish the SPF policy with the addresses of all gateways, which the domains include."""
    addresses = pulumi.Output.all(*(gateway.address.public_ip for gateway in gateways))
    include = records.gateways(settings.spf_include, addresses.apply(spf.gateways))
    zones.publish(include, pulumi.ResourceOptions(parent=gateways[0]))


def host(
    shared: Shared,
    identity: Identity,
    *,
    keys: Mapping[str, Mapping[str, pulumi.Output[str]]],
    passwords: Mapping[str, pulumi.Output[str]],
    clients: Sequence[pulumi.Output[str]],
    smarthost: RelayHost | None,
    zone_id: pulumi.Input[str],
) -> Host:
    """Declare the gateway's host.

    `keys` are the private keys by domain and selector, oldest first, `passwords` are by login,
    `clients` are the client hosts' public addresses, `zone_id` is the zone of the gateway's name.
    """
    s, store, name = shared.settings, shared.store, shared.settings.gateway.name
    fixed = GatewayHost(
        name=name,
        domain=s.gateway_domain,
        operator=s.operator,
        region=shared.region,
        tables=store.url(TABLES_KEY),
        status=store.url(store.status_key(name)),
        acme_directory=s.acme.directory,
        reject_by_dmarc=s.inbound.dmarc == "enforce",
        acme_email=s.acme.email or s.operator,
        ssh_public_key=s.ssh.public_key,
        sasl_mechanisms=s.sasl.mechanisms,
        message_size_limit_mib=s.message_size_limit_mib,
        mailboxes=bool(s.mailboxes),
        network=s.network.cidr,
        strangers=Strangers(**s.limits.strangers.model_dump()),
        guessing=Guessing(**s.limits.guessing.model_dump()),
        private_subnet=subnet_cidr(s.network.cidr, PRIVATE) if s.private_clients else None,
        smarthost=smarthost.host if smarthost else None,
    )
    content = bundles.gateway(
        s,
        keys=keys,
        passwords=passwords,
        srs_secret=secrets.srs_secret(pulumi.ResourceOptions(protect=s.protect)),
        smarthost=smarthost.table if smarthost else None,
        hosts=clients,
    )
    return Host(
        fixed,
        shared,
        identity=identity,
        instance_type=s.gateway.instance_type,
        key=TABLES_KEY,
        content=content,
        statements=certificate_statements(name, zone_id),
    )

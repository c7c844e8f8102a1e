"""The whole stack from its settings: its gateways, their clients, its domains."""

from typing import Any

import pulumi
import pulumi_aws as aws

from components import client, gateway, secrets
from components.account import Account
from components.availability import AvailabilityZones, Placement
from components.endpoint import reached_by
from components.host import Shared
from components.lookup import image_id
from components.mail_domain import Domain, advise
from components.network import Network
from components.outputs import outputs
from components.ports import NODE_EXPORTER
from components.removal import Removal
from components.smarthost import relay_host
from components.tables import Tables
from components.tags import Tags
from components.zones import Zones
from settings import Settings


def own_account(region: str) -> Account:
    """The account of the stack's own provider, by its configuration."""
    config = pulumi.Config("aws")
    texts = {key: config.get(key) for key in ("profile", "accessKey", "secretKey", "token")}
    return Account.by({"region": region, **texts, "assumeRoles": config.get_object("assumeRoles")})


def declare(settings: Settings, region: str) -> dict[str, Any]:
    """Declare all resources and return the stack's outputs by name."""
    types = tuple(host.instance_type for host in settings.hosts.values())
    # looked up before any resource is declared, so that a wrong image leaves nothing half made
    images = {name: image_id(name, region) for name in dict.fromkeys(map(settings.image_of, types))}
    tags = Tags(settings.tags)
    zones = Zones(settings, tags)
    gateway.check_authority(settings, zones)
    offered = AvailabilityZones.of(region, types)
    placement = Placement(offered, settings.network.zone, settings.hosts)
    network = Network("network", cidr=settings.network.cidr, placement=placement, tags=tags)
    store = Tables("tables", account=aws.get_caller_identity().account_id, tags=tags)
    account = own_account(region)
    judged = Removal(store, account, settings.discard, settings.wait.minutes > 0).declare(settings)
    smarthost = relay_host(settings, region, zones, tags)
    # standing identities, which stay when hosts are replaced
    entries = gateway.identities(settings, network, zones, smarthost, judged, account, tags)
    public = client.public_identities(settings, network=network, zones=zones, tags=tags)
    behind = client.private_network(
        settings, network=network, gateways=[*entries.values()], public=public, tags=tags
    )
    network.open_all(NODE_EXPORTER, settings.monitoring.prometheus)  # the hosts' groups
    endpoint = reached_by(settings, network, [*entries.values(), *public.values()], behind, tags)
    addresses = {name: each.address.public_ip for name, each in {**entries, **public}.items()}
    advise(settings, addresses)
    gateway.publish_policy(settings, [*entries.values()], zones, judged)
    spares = [spare for entry in entries.values() for spare in entry.spares]
    domains = {
        one.name: Domain(one, settings=settings, zones=zones, addresses=addresses, spares=spares)
        for one in settings.mail_domains
    }
    passwords = secrets.passwords(settings)
    shared = Shared(settings, region, images, store, account, placement.host_guard, tags)
    turns = gateway.turns(shared, [*entries.values()], network, zones, judged)
    gateways = gateway.hosts(
        shared,
        entries,
        keys={name: domain.keys for name, domain in domains.items()},
        passwords=passwords,
        clients=[identity.address.public_ip for identity in public.values()],
        smarthost=smarthost,
        zones=zones,
        judged=judged,
        turns=turns,
    )
    private = client.private_identities(settings, behind, gateways, tags) if behind else {}
    clients = client.hosts(shared, {**public, **private}, passwords, turns.name)
    network.complete(after=turns.name)
    return outputs(
        shared,
        hosts={"gateways": gateways, "clients": clients},
        selectors={name: tuple(domain.keys) for name, domain in domains.items()},
        passwords=passwords,
        network=network,
        endpoint=endpoint,
        zones=zones,
        smarthost=smarthost,
        balancer=turns.balancer,
    )

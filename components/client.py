"""Client hosts: their standing identities, and each host with the tables that it reads."""

import pulumi

from cloudinit import ClientHost
from components import bundles
from components.host import Host, Shared
from components.identity import Identity
from components.naming import Tags, tables_key
from components.network import CLIENT_OUT, Network
from components.private import PrivateIdentity, PrivateNetwork
from components.zones import Zones
from mail import names
from settings import Client, Settings


def public_identities(
    settings: Settings, *, network: Network, zones: Zones, tags: Tags
) -> dict[str, Identity]:
    """Declare identities of clients with public addresses, by name, and their security group."""
    clients = [client for client in settings.clients if not client.private]
    if not clients:
        return {}
    group = network.security_group(
        "client", ingress=(), egress=CLIENT_OUT, ssh_from=settings.ssh.allow_from
    )
    return {
        client.name: Identity(
            client.name,
            network=network,
            group=group,
            zones=zones,
            protect=settings.protect,
            tags=tags,
        )
        for client in clients
    }


def private_identities(
    settings: Settings, *, network: Network, gateway: Identity, tags: Tags
) -> dict[str, PrivateIdentity]:
    """Declare the identities of private clients, by name, and their network behind the gateway."""
    if not settings.private_clients:
        return {}
    private = PrivateNetwork(
        "network-private",
        cidr=settings.network.cidr,
        network=network,
        gateway=gateway,
        ssh=bool(settings.ssh.allow_from),
        tags=tags,
    )
    return {
        client.name: PrivateIdentity(client.name, network=private, tags=tags)
        for client in settings.private_clients
    }


def host(
    shared: Shared,
    client: Client,
    identity: Identity | PrivateIdentity,
    *,
    password: pulumi.Output[str],
) -> Host:
    """Declare a client's host; `password` is that of its login at the gateway."""
    s, store, key = shared.settings, shared.store, tables_key(client.name)
    fixed = ClientHost(
        name=client.name,
        domain=names.parent(client.name),
        gateway=s.gateway.name,
        operator=s.operator,
        region=shared.region,
        tables=store.url(key),
        status=store.url(store.status_key(client.name)),
        ssh_public_key=s.ssh.public_key,
        message_size_limit_mib=s.message_size_limit_mib,
        acme_root=s.acme.root,
    )
    return Host(
        fixed,
        shared,
        identity=identity,
        instance_type=client.instance_type,
        key=key,
        content=bundles.client(s, client, password=password),
        statements=[],
    )

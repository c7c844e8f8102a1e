"""Client hosts: their standing identities, and each host with the tables that it reads."""

from collections.abc import Mapping, Sequence

import pulumi

from cloudinit.hosts import ClientHost
from components import bundles
from components.host import Host, Shared
from components.identity import Identity
from components.naming import tables_key
from components.network import Network
from components.ports import CLIENT_OUT
from components.private import PrivateIdentity, PrivateNetwork
from components.tags import Tags
from components.zones import Zones
from mail import names
from settings import BaseHost, Settings


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
            place=network.own,
            group=group,
            zones=zones,
            protect=settings.protect,
            tags=tags,
        )
        for client in clients
    }


def private_network(
    settings: Settings,
    *,
    network: Network,
    gateways: Sequence[Identity],
    public: Mapping[str, Identity],
    tags: Tags,
) -> PrivateNetwork | None:
    """Declare the network of private clients behind the gateways, if there are such clients."""
    if not settings.private_clients:
        return None
    return PrivateNetwork(
        "network-private",
        network=network,
        nat=gateways[0],
        submission=settings.submission_name,
        balanced=settings.submission.load_balancer,
        clients=next((identity.group for identity in public.values()), None),
        ssh=bool(settings.ssh.allow_from),
        tags=tags,
    )


def private_identities(
    settings: Settings, private: PrivateNetwork, gateways: Sequence[Host], tags: Tags
) -> dict[str, PrivateIdentity]:
    """Declare the identities of private clients, by name, and what leads them to the gateways.

    All of these serve before: nothing leaves one that does not out of the answers.
    """
    taking = {gateway.name for gateway in settings.taking}
    lead = [gateway for gateway in gateways if gateway.name in taking]
    private.lead_to(
        [gateway.identity.interface.private_ip for gateway in lead],
        [gateway.served for gateway in lead],
        gateways[0].served,
    )
    return {
        client.name: PrivateIdentity(client.name, network=private, tags=tags)
        for client in settings.private_clients
    }


def fixed(shared: Shared, client: BaseHost) -> ClientHost:
    """A client's fixed settings."""
    s, store = shared.settings, shared.store
    return ClientHost(
        name=client.name,
        domain=names.parent(client.name),
        gateway=s.submission_name,
        operator=s.operator,
        region=shared.region,
        tables=store.url(tables_key(client.name)),
        status=store.url(store.status_key(client.name)),
        ssh_public_key=s.ssh.public_key,
        message_size_limit_mib=s.message_size_limit_mib,
        log_days=s.logs.days,
        acme_root=s.acme.root,
        metrics=shared.metrics,
        ship=shared.ship,
        prometheus=bool(s.monitoring.prometheus),
    )


def hosts(
    shared: Shared,
    identities: Mapping[str, Identity | PrivateIdentity],
    passwords: Mapping[str, pulumi.Output[str]],
    name: Sequence[pulumi.Resource],
) -> list[Host]:
    """Declare the clients' hosts; `passwords` are by login at the gateway.

    `name` is what leads them to the gateways: who finds no such name may remember that for a
    quarter of an hour.
    """
    s, store = shared.settings, shared.store
    # At most a quarter, rounded up, at a time: each waits until the one `lanes` before it serves.
    lanes = -(-len(s.clients) // 4)
    made = list[Host]()
    for client in s.clients:
        made.append(
            Host(
                fixed(shared, client),
                shared,
                identity=identities[client.name],
                instance_type=client.instance_type,
                tables=store.put(
                    tables_key(client.name),
                    bundles.client(s, client, password=passwords[client.login]),
                ),
                statements=[],
                after=[*name, *([made[-lanes].served] if len(made) >= lanes else [])],
            )
        )
    return made

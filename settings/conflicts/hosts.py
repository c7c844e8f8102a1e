"""Hosts: their names, their types, the network that they are in."""

import ipaddress
from collections.abc import Iterator

from settings.conflicts.common import holder, twice
from settings.model import IMAGES, Settings
from settings.words import architecture

# This host, loopback, link-local, multicast and reserved addresses (RFC 6890, 2.2.2).
NO_VPC = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")


def conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    """Two hosts of one name, a type that does not fit the image, networks that cannot be used."""
    taken = set(ours)
    for key, hosts in s.kinds.items():
        yield from twice(key, [host.name for host in hosts])
        for number, host in enumerate(hosts):
            if key == "clients" and host.name in taken:
                yield (
                    f"mail-relay:{key}[{number}].name: {host.name!r}: it is also "
                    f"{holder(s, host.name)}; give one of the two another name"
                )
        taken |= {host.name for host in hosts}
    yield from _image(s)
    yield from twice("ssh.allowFrom", list(s.ssh.allow_from))
    yield from twice("monitoring.notify", s.monitoring.notify)
    for number, allowed in enumerate(s.ssh.allow_from):
        if ipaddress.IPv4Network(allowed).prefixlen < 8:
            yield (
                f"mail-relay:ssh.allowFrom[{number}]: {allowed!r}: SSH is not opened to the "
                "world; name the network that you come from"
            )
    network = ipaddress.IPv4Network(s.network.cidr)
    if not 16 <= network.prefixlen <= 24:
        yield f"mail-relay:network.cidr: {s.network.cidr!r}: give a network of /16 to /24"
    elif any(network.overlaps(ipaddress.IPv4Network(taken)) for taken in NO_VPC):
        yield (
            f"mail-relay:network.cidr: {s.network.cidr!r}: no VPC can have it; give a network for "
            "private use, such as 10.20.0.0/16"
        )
    elif s.private_clients:
        yield from _private_conflicts(s)


def _private_conflicts(s: Settings) -> Iterator[str]:
    """Private clients need a second subnet, and no domain below the gateway's name."""
    if ipaddress.IPv4Network(s.network.cidr).prefixlen > 23:
        yield (
            f"mail-relay:network.cidr: {s.network.cidr!r}: private clients have a subnet of their "
            "own; give a network of /16 to /23"
        )
    for number, domain in enumerate(s.domains):
        if domain.name.endswith(f".{s.submission_name}"):
            yield (
                f"mail-relay:domains[{number}].name: {domain.name!r}: with private clients the "
                f"hosts see a private zone {s.submission_name}, which hides what is below it; "
                "choose a domain that is not below the gateway's name"
            )


def _image(s: Settings) -> Iterator[str]:
    """An image of another architecture than a host's type, or one given by id instead of name."""
    if s.image and s.image.startswith("ami-"):
        yield (
            f"mail-relay:image: {s.image!r}: give the name of Debian's image, such as "
            f"{IMAGES['arm64']}; its id differs from region to region"
        )
        return
    for key, host in s.hosts.items():
        kind = host.instance_type
        if s.image and f"-{architecture(kind)}-" not in s.image:
            yield (
                f"mail-relay:{key}.instanceType: {kind!r}: it is {architecture(kind)}, the image "
                f"{s.image} is not; choose a type or an image of the same architecture"
            )

"""One gateway or several: their names, their zones, and settings that only one can have."""

import ipaddress
from collections.abc import Iterator

from mail import names
from settings.conflicts.common import holder
from settings.errors import EXAMPLES
from settings.model import Settings
from settings.words import subnet_number

BOTH = (
    "mail-relay:gateways: give either gateway, the short form of one, or gateways, each of which "
    "has its own keys"
)
MISSING = f"mail-relay:gateway: missing; {EXAMPLES['gateway']}"


def names_conflicts(s: Settings) -> Iterator[str]:
    """No gateway, both `gateway` and `gateways`, or names that are in no common domain."""
    if s.gateway and s.listed_gateways:
        yield BOTH
        return
    if not s.gateways:
        yield MISSING
        return
    for key, host in s.placed_gateways.items():
        if "." not in names.parent(host.name):
            yield (
                f"mail-relay:{key}.name: {host.name!r}: give a host name below your domain, "
                f"such as mail.{host.name}"
            )
        elif names.parent(host.name) != s.gateway_domain:
            yield (
                f"mail-relay:{key}.name: {host.name!r}: give a name right below "
                f"{s.gateway_domain}, as the first gateway has: their bounces and their "
                "operator's mail are signed by that one domain"
            )


def conflicts(s: Settings, ours: set[str]) -> Iterator[str]:
    """Settings that several gateways need or cannot have; the place of each in the network."""
    clients = {client.name for client in s.clients}
    if s.shared_name and s.shared_name in ours | clients:
        yield (
            f"mail-relay:submission.name: {s.shared_name!r}: it is also "
            f"{holder(s, s.shared_name)}; give 587 and 465 a name of their own"
        )
    yield from _snapshot_conflicts(s)
    prefix = ipaddress.IPv4Network(s.network.cidr).prefixlen
    for key, gateway in s.placed_gateways.items():
        if not gateway.own_zone or prefix > 24:  # network.cidr has its own error (hosts.py)
            continue
        enough = 24 - subnet_number(gateway.own_zone).bit_length()
        if prefix > enough:
            yield (
                f"mail-relay:{key}.zone: {gateway.own_zone!r}: each zone has a subnet of its own, "
                f"and network.cidr {s.network.cidr} ends before this one's; give a network of /16 "
                f"to /{enough}"
            )
    for key, gateway in s.placed_gateways.items():
        if gateway.spare_address == gateway.address_in_use:
            yield (
                f"mail-relay:{key}.spareAddress: {gateway.spare_address}: it is the address in "
                "use; leave it out, or let `./relay address replace` set both"
            )
    if not s.taking:
        yield (
            f"mail-relay:{next(iter(s.hosts))}.drain: true: no gateway would take mail; leave one "
            "that does not drain"
        )
    for number, name in enumerate(s.discard):
        if name in {gateway.name for gateway in s.gateways}:
            yield (
                f"mail-relay:discard[{number}]: {name!r}: it is one of the gateways; name one that "
                "is taken away with what waits there"
            )
    if len(s.gateways) == 1:
        if s.submission.load_balancer:
            yield (
                "mail-relay:submission.loadBalancer: true: there is one gateway, which takes all "
                "connections by its own address; leave this out, or give several gateways"
            )
        return
    example = f"mail.{s.gateway_domain}"
    if s.submission.name is None:
        yield (
            "mail-relay:submission.name: missing; clients and mail programs reach several gateways "
            f"by one name, such as {example}"
        )
    elif s.shared_name is None:
        yield (
            f"mail-relay:submission.name: {s.submission.name!r}: this name is a gateway's own, "
            f"which its HELO and its PTR need; give one for all of them, such as {example}"
        )
    if s.mailboxes:
        yield (
            "mail-relay:mailboxes: they are on the data volume of one gateway, and any of several "
            "may get their mail: have them in a stack of their own and forward to them"
        )


def _snapshot_conflicts(s: Settings) -> Iterator[str]:
    """A queue that two gateways would send, and mail that is to be held and comes from nowhere."""
    places: dict[str, str] = {}
    for key, gateway in s.placed_gateways.items():
        volume = gateway.data_volume
        if volume.hold and volume.snapshot is None:
            yield (
                f"mail-relay:{key}.dataVolume.hold: true: it holds the queue of a snapshot; give "
                "snapshot too, or leave it out"
            )
        if volume.snapshot in places:
            yield (
                f"mail-relay:{key}.dataVolume.snapshot: {volume.snapshot!r}: "
                f"{places[volume.snapshot]} starts from it too, and both would send its queue; "
                "give each snapshot to one gateway"
            )
        elif volume.snapshot:
            places[volume.snapshot] = key

"""Whether a gateway can change its address, by checks of DNS, block lists and the host itself."""

import ipaddress

from mail.block_lists import BY_ZONE
from mail.records import own_name
from ops.outputs import Host
from ops.status import Written
from ops.target import Target
from ops.verify import addresses, hosts, spf
from ops.verify.probes import Probes, vantage
from ops.verify.world import World
from settings import Gateway


def objections(target: Target, gateway: Gateway, *, releases: bool, asks: bool) -> list[str]:
    """The reasons that mail could be refused after the step.

    `releases`: the former address is given back, else the spare one comes into use. `asks`: the
    gateway asks block lists, and has to have asked them for the spare address.
    """
    wanted = target.outputs()
    host = wanted.host(gateway.name)
    probes = vantage(target, wanted)
    world = World(probes.names, wanted)
    found = [p.text for result in spf.check_shared(world) for p in result.errors]
    for result in addresses.check(world, host):
        found += [p.text for p in result.errors]
    if releases:
        return found
    found += _spare(world, host, gateway)
    if asks:
        found += _listings(probes, host)
    return found


def _spare(world: World, host: Host, gateway: Gateway) -> list[str]:
    """The spare address has its own reverse name, and that leads back to it."""
    address, wanted = host.spare_address, own_name(gateway.name, gateway.spare_address or 0)
    reverse = ipaddress.ip_address(address).reverse_pointer
    names = [name.rstrip(".") for name in world.names.resolve(reverse, "PTR").values]
    if names != [wanted]:
        seen = ", ".join(names) or "nothing"
        return [f"the reverse name of {address} is {seen} as seen from here, not {wanted} yet"]
    if address not in world.names.resolve(wanted, "A").values:
        return [f"{wanted} does not lead to {address} yet, as seen from here"]
    return []


def _listings(probes: Probes, host: Host) -> list[str]:
    try:
        written = probes.status_of(host)
    except hosts.NoAccess as error:
        return [f"it is not known what block lists say of {host.spare_address}: {error}"]
    return listings(host, written)


def listings(host: Host, written: Written) -> list[str]:
    """What block lists say of the spare address, as the gateway asked them."""
    spare, reputation = host.spare_address, written.status.reputation
    if written.is_silent:
        return [f"{host.name} is silent: it is not known what block lists say of {spare}"]
    if reputation is None or spare not in reputation.about:
        return [
            f"{host.name} has not asked block lists for {spare} yet: it does within half an hour "
            "of the `up`"
        ]
    return [
        f"{BY_ZONE[one.zone].name if one.zone in BY_ZONE else one.zone} lists {spare}: --back, an "
        "`up` and this command again get another one"
        for one in reputation.lists
        if spare in one.listed
    ]

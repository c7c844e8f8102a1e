"""Whether a gateway can change its address, by checks of DNS, block lists and the host itself."""

import ipaddress

from agent.host_status import AskedList
from mail.block_lists import BY_ZONE
from mail.records import own_name
from ops.outputs import Host
from ops.status import Written
from ops.target import Target
from ops.terminal import notes
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
    for line in _unasked(host, written):
        notes.print(f"Note: {line}", soft_wrap=True)
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
    lists = [one for one in reputation.lists if _of_addresses(one)]
    if all(one.problem for one in lists):
        said = "; ".join(f"{_name(one)}: {one.problem}" for one in lists)
        return [f"no block list could be asked about {spare}: {said or 'there is none'}"]
    return [
        f"{_name(one)} lists {spare}: --back, an `up` and this command again get another one"
        for one in reputation.lists
        if spare in one.listed
    ]


def _unasked(host: Host, written: Written) -> list[str]:
    """The lists of addresses that could not be asked, with where a person asks."""
    reputation = written.status.reputation
    return [
        f"{_name(one)} could not be asked about {host.spare_address} ({one.problem}): look it up "
        f"at {BY_ZONE[one.zone].page}"
        for one in (reputation.lists if reputation else ())
        if one.problem and _of_addresses(one)
    ]


def _of_addresses(one: AskedList) -> bool:
    return one.zone in BY_ZONE and BY_ZONE[one.zone].kind == "address"


def _name(one: AskedList) -> str:
    return BY_ZONE[one.zone].name if one.zone in BY_ZONE else one.zone

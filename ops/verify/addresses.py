"""A host's address, its reverse name, and the SPF policy of its HELO name."""

import ipaddress

from mail.zonefile import RecordSet
from ops.outputs import Host
from ops.verify.cuts import servers_above
from ops.verify.result import Result
from ops.verify.spf import policies
from ops.verify.world import World, shown

# The id of an Elastic IP by its address, for the shell.
ALLOCATION = (
    "$(aws ec2 describe-addresses --public-ips {address} "
    "--query 'Addresses[0].AllocationId' --output text)"
)


def check(world: World, host: Host) -> list[Result]:
    """The three results; none for a host without a public name."""
    found, policy = (world.expected.record(host.name, kind) for kind in ("A", "TXT"))
    if found is None or policy is None:
        return []
    address = _address(world, host, found)
    return [address, _pointer(world, host, address), _helo(world, host, address, policy)]


def _address(world: World, host: Host, wanted: RecordSet) -> Result:
    result = Result("address", host.name)
    if alias := world.names.resolve(host.name, "CNAME").values:
        # RFC 5321, 2.3.5 and RFC 2181, 10.3: HELO and MX want a name with an address of its own
        zone = world.expected.zone_of(host.name)
        result.error(
            "address-alias",
            f"{host.name} is a CNAME of {alias[0]}",
            f"In the zone {zone}, delete it and set: " + "\n".join(wanted.lines()),
        )
        return result
    if world.compare(result, wanted, "address"):
        result.seen.append(host.address)
    if extra := world.names.resolve(host.name, "AAAA").values:
        result.warn(
            "address-ipv6",
            f"{host.name} AAAA: {', '.join(extra)}; the host has no IPv6, and senders try it first",
            f"In the zone {world.expected.zone_of(host.name)}, delete the AAAA record",
        )
    return result


def _pointer(world: World, host: Host, address: Result) -> Result:
    """Check the PTR: only one, the HELO name, confirmed, as large receivers demand (550 5.7.25)."""
    result = Result("ptr", host.name)
    reverse = ipaddress.ip_address(host.address).reverse_pointer
    remedy = (
        "`pulumi up --refresh` sets it; by hand: aws ec2 modify-address-attribute "
        f"--allocation-id {ALLOCATION.format(address=host.address)} --domain-name {host.name} "
        f"makes {reverse}. IN PTR {host.name}."
    )
    answer = world.names.resolve(reverse, "PTR")
    found = [name.rstrip(".") for name in answer.values]
    known = [] if answer.problem else _at_servers(world, reverse)
    if found == [host.name]:  # as it was lately, perhaps
        found = next((names for names in known if names != found), found)
    if answer.problem:
        result.error("ptr-unresolved", f"{reverse} PTR: {answer.problem}", remedy)
    elif found != [host.name] and known and all(names == [host.name] for names in known):
        result.warn(
            "ptr-cached",
            f"{reverse} PTR: the zone's servers are right, the resolver {world.names.resolver} "
            f"still says {shown(answer.values)}",
            "It forgets that by itself, after what the TTL was before.",
        )
    elif not found:
        result.error("ptr-missing", f"{host.address} has no reverse name", remedy)
    elif len(found) > 1:
        result.error("ptr-several", f"{host.address} has {len(found)}: {', '.join(found)}", remedy)
    elif found != [host.name]:
        text = f"{host.address} leads to {found[0]}, HELO is {host.name}"
        result.error("ptr-differs", text, remedy)
    elif address.errors:
        result.skipped = "whether it leads back: the address comes first"
    elif host.address not in (back := world.names.resolve(host.name, "A").values):
        result.error(
            "ptr-unconfirmed",
            f"{host.address} leads to {host.name}, and that to {', '.join(back) or 'nothing'}",
            "Wait until resolvers have forgotten the old address; the zone has the new one",
        )
    else:
        result.seen.append(f"{host.address} leads to {host.name} and back")
    return result


def _at_servers(world: World, reverse: str) -> list[list[str]]:
    """What each server of the reverse zone says that answers."""
    said = [
        world.names.ask(server, reverse, "PTR") for server in servers_above(world.names, reverse)
    ]
    return [[name.rstrip(".") for name in answer.values] for answer in said if not answer.problem]


def _helo(world: World, host: Host, address: Result, wanted: RecordSet) -> Result:
    """Check SPF of the HELO identity, which counts for bounces too (RFC 7208, 2.3 and 2.4)."""
    result = Result("helo", host.name)
    if not world.compare(result, wanted, "helo-spf", policies):
        return result
    if not address.seen:
        result.skipped = "its evaluation: the address comes first"
        return result
    evaluation = world.evaluate(host.address, "", host.name)
    if evaluation.result == "pass":
        result.seen.append(f"pass for {host.address}")
    else:
        text = f"{host.address} gets {evaluation.result} as {host.name} {evaluation.problem}"
        result.error("helo-spf-result", text.rstrip(), *wanted.lines())
    return result

"""DNS data: Route53's zones, Amazon's own names, and all other names of the lab."""

import ipaddress
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.region import backends, balancers
from lab.region.memory import Memory
from mail.txt import zone_file

AMAZON_TTL = 60
MOST = 8  # records of multivalue answers in one answer
SOA = "ns.lab. hostmaster.lab. 1 7200 900 1209600 {minimum}"


def put_zone(memory: Memory, zone: str, records: list[list[Any]]) -> None:
    """Set a zone that somebody else on the lab's internet hosts; PTR records come by address."""
    memory.names.zones[_absolute(zone)] = [
        (_reverse(name) if kind == "PTR" else _absolute(name), kind, int(ttl), value)
        for name, kind, ttl, value in records
    ]


def _absolute(name: str) -> str:
    return name.lower().rstrip(".") + "."


def _reverse(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer + "."


def public_zones() -> dict[str, Any]:
    """The public zones of Route53 by name."""
    return {z.name: z for z in backends.route53().zones.values() if not z.private_zone}


def private_zones() -> list[tuple[Any, list[str]]]:
    """Route53's private zones, and the networks of the VPCs that see them.

    A VPC sees none unless its enableDnsSupport and enableDnsHostnames are on.
    """
    found = []
    for zone in backends.route53().zones.values():
        if zone.private_zone:
            vpcs = [backends.ec2().vpcs.get(vpc["vpc_id"]) for vpc in zone.vpcs]
            networks = [
                vpc.cidr_block
                for vpc in vpcs
                if vpc and _on(vpc.enable_dns_support) and _on(vpc.enable_dns_hostnames)
            ]
            found.append((zone, networks))
    return found


def _on(value: Any) -> bool:
    return str(value).lower() == "true"


def public_addresses(memory: Memory, name: str) -> list[str]:
    """The A records of a name."""
    found = lookup(memory, _absolute(name))
    return [value for kind, _, value in found.records if kind == "A"]


@dataclass
class Found:
    """The records at a name: (type, TTL in seconds, value) each.

    `exists` is also true for a name without records that has names below it (RFC 8020: NOERROR).
    `minimum` is the time that a negative answer may be cached, in seconds (RFC 2308).
    """

    zone: str
    records: list[tuple[str, int, str]]
    exists: bool
    minimum: int = 900


def lookup(memory: Memory, name: str) -> Found:
    """The records at an absolute name in lower case."""
    zones = [*public_zones(), *memory.names.zones]
    parent = _serving(memory, name, zones)
    if name in memory.names.withheld:
        return Found(parent or ".", [], False, 1)
    if parent is None:
        return _infrastructure(memory, name)
    entries = _entries(memory, parent)
    at = [(kind, ttl, value) for n, kind, ttl, value in entries if n == name]
    if not at:
        labels = name.split(".")
        star = {n for n, *_ in entries if n.startswith("*.")}
        for index in range(1, len(labels) - 1):
            candidate = ".".join(["*", *labels[index:]])
            if candidate in star:
                at = [(k, t, v) for n, k, t, v in entries if n == candidate]
                break
            if any(n == ".".join(labels[index:]) for n, *_ in entries):
                break  # RFC 4592: a wildcard above the closest encloser does not apply
    exists = bool(at) or any(n.endswith("." + name) for n, *_ in entries)
    return Found(parent, at, exists)


def _serving(memory: Memory, name: str, zones: Sequence[str]) -> str | None:
    """The zone that answers for a name: from the top down, following NS records."""
    above = sorted((z for z in zones if name == z or name.endswith("." + z)), key=len)
    found = above[0] if above else None
    for zone in above[1:]:
        if any(n == zone and kind == "NS" for n, kind, *_ in _entries(memory, str(found))):
            found = zone
    return found


def _entries(memory: Memory, zone: str) -> list[tuple[str, str, int, str]]:
    hosted = public_zones().get(zone)
    if hosted is None:
        soa = (zone, "SOA", 300, SOA.format(minimum=300))
        return [soa, (zone, "NS", 300, "ns.lab."), *memory.names.zones[zone]]
    return records(memory, hosted, at_most=MOST)


def records(
    memory: Memory, hosted: Any, at_most: int | None = None
) -> list[tuple[str, str, int, str]]:
    """The records of a zone of Route53 that it answers with: (name, type, TTL, value) each.

    Of the multivalue answers of a name and type these are the healthy ones, or all if none is
    healthy; of more than `at_most` it is a random choice.
    """
    zone = hosted.name
    servers = [f"{s.rstrip('.')}." for s in hosted.delegation_set.name_servers]
    soa = f"{servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
    entries = [(zone, "SOA", 900, soa), *((zone, "NS", 172800, s) for s in servers)]
    for record in _answering(memory, hosted.rrsets, at_most):
        if record.type in ("SOA", "NS") and record.name == zone:
            continue
        name = record.name.replace("\\052", "*")
        if record.alias_target:
            found = _balancer(memory, record.alias_target["DNSName"]) or []
            entries += [(name, record.type, AMAZON_TTL, address) for address in found]
            continue
        values = [zone_file(value) for value in record.records]
        entries += [(name, record.type, int(record.ttl or 0), value) for value in values]
    return entries


def _answering(memory: Memory, sets: Sequence[Any], at_most: int | None) -> list[Any]:
    groups: dict[tuple[str, str], list[Any]] = {}
    for record in sets:
        if record.multi_value_answer:
            groups.setdefault((record.name, record.type), []).append(record)
    found = [record for record in sets if not record.multi_value_answer]
    for group in groups.values():
        healthy = [
            record
            for record in group
            if record.health_check_id is None or memory.health.healthy(record.health_check_id)
        ]
        chosen = healthy or group
        if at_most is not None and len(chosen) > at_most:
            chosen = random.sample(chosen, at_most)
        found += chosen
    return found


def _balancer(memory: Memory, name: str) -> list[str] | None:
    """The addresses of a load balancer by its own name; None if no load balancer has this name."""
    plain = name.rstrip(".").lower().removeprefix("dualstack.")
    return balancers.answers(memory.balancers, memory.cut_zones, plain)


def _infrastructure(memory: Memory, name: str) -> Found:
    """Names outside all zones: name servers, services, Amazon's host names, reverse names."""
    own, service = memory.names.own_address, memory.names.service_address
    plain = name.rstrip(".")
    if name == ".":
        return Found(".", [("NS", 3600, "ns.lab."), ("SOA", 3600, SOA.format(minimum=60))], True)
    if name == "ns.lab." or ".awsdns-" in name or name.startswith("ns-"):
        return Found(".", [("A", 3600, own)], True)
    if plain.endswith(".compute-1.amazonaws.com") and plain.startswith("ec2-"):
        return Found(".", [("A", AMAZON_TTL, _dashed(plain, "ec2-"))], True)
    if plain.endswith(".ec2.internal") and plain.startswith("ip-"):
        return Found(".", [("A", AMAZON_TTL, _dashed(plain, "ip-"))], True)
    if (addresses := _balancer(memory, plain)) is not None:
        return Found(".", [("A", AMAZON_TTL, address) for address in addresses], True)
    if service and (plain in memory.names.services or plain.endswith("amazonaws.com")):
        return Found(".", [("A", AMAZON_TTL, service)], True)
    if name.endswith(".in-addr.arpa."):
        return _pointer(memory, name)
    return Found(".", [], False, 60)


def _dashed(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).partition(".")[0].replace("-", ".")


def _pointer(memory: Memory, name: str) -> Found:
    address = ".".join(reversed(name.removesuffix(".in-addr.arpa.").split(".")))
    for elastic in backends.ec2().addresses:
        if elastic.public_ip == address:
            own = f"ec2-{address.replace('.', '-')}.compute-1.amazonaws.com"
            target = memory.pointers.get(elastic.allocation_id, own)
            return Found("in-addr.arpa.", [("PTR", 300, f"{target}.")], True)
    for records in memory.names.zones.values():
        at = [(k, t, v) for n, k, t, v in records if n == name]
        if at:
            return Found("in-addr.arpa.", at, True)
    if address.startswith("10."):
        return Found(
            "in-addr.arpa.", [("PTR", 60, f"ip-{address.replace('.', '-')}.ec2.internal.")], True
        )
    return Found("in-addr.arpa.", [], False, 60)

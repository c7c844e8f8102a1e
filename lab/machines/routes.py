"""Routes whose target is a network interface, such as a NAT instance's.

Packets that leave the VPC from such a subnet go to that interface's machine. Policy rules do this
before the router checks for its own addresses, among which are those of the lab's services.
"""

import ipaddress
from collections.abc import Iterable
from pathlib import Path

from common.shell import attempt, run
from lab.lab import Lab
from lab.machines.network import link_of
from lab.machines.state import Instance

PRIORITY, LOCAL_PRIORITY = "10", "100"
LINK_LOCAL = "169.254.0.0/16"


def prepare(lab: Lab) -> None:
    """Give our policy rules priority over the router's local addresses."""
    run("ip", "-n", lab.namespace, "rule", "add", "priority", LOCAL_PRIORITY, "lookup", "local")
    run("ip", "-n", lab.namespace, "rule", "del", "priority", "0")


def apply(lab: Lab, instances: Iterable[Instance], file: Path) -> None:
    """Apply these instances' routes, if they changed; `file` has the applied ones."""
    known = list(instances)
    interfaces = {i.private_address: link_of(lab, i).interface for i in known}
    wanted = {
        f"{link_of(lab, i).interface} {i.vpc_cidr} {i.via} {interfaces[i.via]}"
        for i in known
        if i.via in interfaces
    }
    held = set(file.read_text().splitlines()) if file.exists() else set()
    if wanted == held:
        return
    for line in held - wanted:
        interface, _, via, _ = line.split()
        attempt("ip", "-n", lab.namespace, "rule", "del", *_rule(interface, via))
    for line in wanted - held:
        interface, vpc, via, device = line.split()
        for route in (
            # within the VPC, and to AWS's link-local addresses, routing is that of all subnets
            ["throw", vpc],
            ["throw", LINK_LOCAL],
            ["default", "via", via, "dev", device, "onlink"],
        ):
            run("ip", "-n", lab.namespace, "route", "replace", *route, "table", _table(via))
        run("ip", "-n", lab.namespace, "rule", "add", *_rule(interface, via))
    file.write_text("".join(f"{line}\n" for line in sorted(wanted)))


def _rule(interface: str, via: str) -> list[str]:
    return ["priority", PRIORITY, "iif", interface, "lookup", _table(via)]


def _table(via: str) -> str:
    """The number of a routing table, from the address of the interface, which is unique."""
    return str(int(ipaddress.ip_address(via)))

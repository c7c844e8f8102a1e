"""Route tables that lead to a network interface, as to a NAT instance's.

What a machine of such a subnet sends out of its VPC is handed to that interface's machine, before
the router looks whether an address is one of its own: the lab's services are.
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
    """Let rules of ours come before the router's own addresses."""
    run("ip", "-n", lab.namespace, "rule", "add", "priority", LOCAL_PRIORITY, "lookup", "local")
    run("ip", "-n", lab.namespace, "rule", "del", "priority", "0")


def apply(lab: Lab, instances: Iterable[Instance], file: Path) -> None:
    """Put these instances' routes in force, if they are not yet; `file` has those that are."""
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
            ["throw", vpc],  # within the VPC, and to what AWS has in each, as everybody
            ["throw", LINK_LOCAL],
            ["default", "via", via, "dev", device, "onlink"],
        ):
            run("ip", "-n", lab.namespace, "route", "replace", *route, "table", _table(via))
        run("ip", "-n", lab.namespace, "rule", "add", *_rule(interface, via))
    file.write_text("".join(f"{line}\n" for line in sorted(wanted)))


def _rule(interface: str, via: str) -> list[str]:
    return ["priority", PRIORITY, "iif", interface, "lookup", _table(via)]


def _table(via: str) -> str:
    """A table's number: no two interfaces have one address."""
    return str(int(ipaddress.ip_address(via)))

"""The lab's network: one router namespace, a veth pair for each machine, nftables rules.

Every machine has its own link to the router, and the router answers ARP for its neighbours (proxy
ARP), so all traffic passes the security groups, also within a subnet. An Elastic IP is a pair of
NAT rules, as in AWS's internet gateway.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.shell import attempt, run
from lab.lab import Lab
from lab.machines import balancers
from lab.machines.state import Amazons, Instance, Node, Rule

METADATA = "169.254.169.254"
RESOLVER = "169.254.169.253"
# Documentation ranges (RFC 5737): the lab's services, and all other computers on its internet.
DNS = "192.0.2.53"
SERVICES = "192.0.2.80"
INBOX = "198.51.100.10"
PROBE = "198.51.100.20"
SMARTHOST = "198.51.100.30"
CHECKERS = "198.51.100.40"
AMAZON = "198.51.100.50"
OTHERS = {
    "inbox": INBOX,
    "probe": PROBE,
    "smarthost": SMARTHOST,
    "checkers": CHECKERS,
    "amazon": AMAZON,
}
OTHERS_CIDR = "198.51.100.0/24"
# Elastic IPs, and the networks of VPCs (RFC 1918): AWS drops what it has no interface for.
SILENT = ("203.0.113.0/24", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


@dataclass(frozen=True)
class Link:
    """A machine's connection: its namespace, the router's interface, and its address."""

    namespace: str
    interface: str
    address: str
    cidr: str
    mac: str | None = None

    @property
    def router(self) -> str:
        """The router's address in the subnet: its first, as in a VPC."""
        return str(ipaddress.ip_network(self.cidr)[1])


def link_of(lab: Lab, instance: Instance) -> Link:
    """The link of an instance."""
    short = instance.id.removeprefix("i-")[:8]
    return Link(
        f"{lab.namespace}-{short}",
        f"m-{short}",
        instance.private_address,
        instance.subnet_cidr,
        instance.mac,
    )


def other(lab: Lab, name: str) -> Link:
    """The connection of a computer outside AWS, such as the inbox or the probe."""
    return Link(f"{lab.namespace}-{name}", name, OTHERS[name], OTHERS_CIDR)


def make_router(lab: Lab) -> None:
    """Make the router's namespace with the services' addresses; it has no route out."""
    ns = lab.namespace
    run("ip", "netns", "add", ns)
    run("ip", "-n", ns, "link", "set", "lo", "up")
    for address in (METADATA, RESOLVER, DNS, SERVICES):
        run("ip", "-n", ns, "address", "add", f"{address}/32", "dev", "lo")
    for nobody in SILENT:
        run("ip", "-n", ns, "route", "add", "blackhole", nobody)
    run(*lab.inside("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0"))


def connect(lab: Lab, link: Link, *, tap: bool = False) -> None:
    """Make the link again: veth pair or tap, route, proxy ARP. Instances get addresses by DHCP.

    The veth pair leads into a namespace of the machine's own, the tap to the QEMU that opens it.
    """
    disconnect(lab, link)
    ns = lab.namespace
    if tap:
        run("ip", "-n", ns, "tuntap", "add", link.interface, "mode", "tap")
    else:
        _veth(lab, link)
    prefix = link.cidr.partition("/")[2]
    address = f"{link.router}/{prefix}"
    run("ip", "-n", ns, "address", "add", address, "dev", link.interface, "noprefixroute")
    # no reverse path filter: answers may leave by another link than the kernel's best route
    settings = f"net.ipv4.conf.{link.interface}"
    run(*lab.inside("sysctl", "-qw", f"{settings}.proxy_arp=1", f"{settings}.rp_filter=0"))
    # a NAT instance forwards packets that come from the router's own addresses
    run(*lab.inside("sysctl", "-qw", f"{settings}.accept_local=1"))
    run("ip", "-n", ns, "neigh", "flush", "dev", link.interface)
    run("ip", "-n", ns, "link", "set", link.interface, "up")
    run("ip", "-n", ns, "route", "replace", f"{link.address}/32", "dev", link.interface)


def _veth(lab: Lab, link: Link) -> None:
    run("ip", "netns", "add", link.namespace)
    peer = ["peer", "name", "eth0", "netns", link.namespace]
    if link.mac:
        peer += ["address", link.mac]
    run("ip", "-n", lab.namespace, "link", "add", link.interface, "type", "veth", *peer)
    run("ip", "-n", link.namespace, "link", "set", "lo", "up")
    run("ip", "-n", link.namespace, "link", "set", "eth0", "up")


def configure(link: Link) -> None:
    """Configure the static address of a machine outside AWS."""
    ns = link.namespace
    prefix = link.cidr.partition("/")[2]
    run("ip", "-n", ns, "link", "set", "eth0", "up")
    run("ip", "-n", ns, "address", "replace", f"{link.address}/{prefix}", "dev", "eth0")
    run("ip", "-n", ns, "route", "replace", "default", "via", link.router)


def add_addresses(lab: Lab, link: Link, addresses: Iterable[str]) -> None:
    """Give a machine outside AWS more addresses, which need not be in its network."""
    for address in addresses:
        run("ip", "-n", link.namespace, "address", "add", f"{address}/32", "dev", "eth0")
        run("ip", "-n", lab.namespace, "route", "add", f"{address}/32", "dev", link.interface)


def disconnect(lab: Lab, link: Link) -> None:
    """Remove the link, if it exists."""
    attempt("ip", "-n", lab.namespace, "link", "delete", link.interface)
    attempt("ip", "netns", "delete", link.namespace)


def dhcp_server(lab: Lab, link: Link) -> list[str]:
    """The command of a DHCP server for one machine's link, by which instances get addresses."""
    net = ipaddress.ip_network(link.cidr)
    return lab.inside(
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--port=0",
        "--bind-interfaces",
        "--except-interface=lo",
        f"--interface={link.interface}",
        f"--dhcp-range={net.network_address},static,{net.netmask},1h",
        f"--dhcp-host={link.mac},{link.address}",
        f"--dhcp-option=option:router,{link.router}",
        f"--dhcp-option=option:dns-server,{RESOLVER}",
        "--dhcp-option=option:domain-name,ec2.internal",
        "--dhcp-leasefile=/dev/null",
        "--leasefile-ro",
        "--log-facility=-",
    )


def amazons_link(lab: Lab, node: Amazons) -> Link:
    """The link of a load balancer's node, or of an Instance Connect Endpoint."""
    namespace, interface = balancers.namespace(lab, node), balancers.interface(node)
    return Link(namespace, interface, node.address, node.subnet_cidr)


def apply_rules(
    lab: Lab,
    instances: Iterable[Instance],
    file: Path,
    *,
    port_25_blocked: bool,
    nodes: Sequence[Node] = (),
    endpoints: Sequence[Amazons] = (),
) -> None:
    """Load the ruleset as a whole, unless it is loaded already."""
    machines = [(link_of(lab, i).interface, i) for i in instances]
    text = ruleset(machines, port_25_blocked, nodes, endpoints)
    if file.exists() and file.read_text() == text:
        return
    run(*lab.inside("nft", "-f", "-"), stdin=text)
    file.write_text(text)


def ruleset(
    machines: list[tuple[str, Instance]],
    port_25_blocked: bool,
    nodes: Sequence[Node] = (),
    endpoints: Sequence[Amazons] = (),
) -> str:
    """The nftables ruleset: security groups out and in, and the NAT of Elastic IPs.

    Port 25 out is blocked as by AWS: to every public address, whatever security groups allow.
    """
    lines = ["flush ruleset", "table inet lab {"]
    for interface, instance in machines:
        lines += _chain(f"out-{interface}", "daddr", instance.egress)
        lines += _chain(f"in-{interface}", "saddr", instance.ingress, nodes)
    for node in (*nodes, *endpoints):
        lines += _chain(f"out-{balancers.interface(node)}", "daddr", node.egress)
        lines += _chain(f"in-{balancers.interface(node)}", "saddr", node.ingress)
    lines += balancers.chains(nodes)
    lines += [*_forward(machines, port_25_blocked, nodes, endpoints)]
    lines += [*_input(machines), "}"]
    return "\n".join([*lines, *_elastic(machines, nodes)]) + "\n"


def _forward(
    machines: list[tuple[str, Instance]],
    port_25_blocked: bool,
    nodes: Sequence[Node],
    endpoints: Sequence[Amazons],
) -> list[str]:
    """Rules for forwarded traffic: between machines, and to and from the internet."""
    lines = ["  chain forward {", "    type filter hook forward priority 0; policy accept;"]
    for interface, instance in machines:
        lines += _checks(interface, instance)
    lines += balancers.forward(nodes, [(name, i.private_address) for name, i in machines])
    for link, endpoint in _links(endpoints):
        wrong = f"ip saddr != {endpoint.address} " if endpoint.powered else ""
        lines.append(f'    iifname "{link}" {wrong}drop')
    lines.append("    ct state established,related accept")
    interfaces = {instance.private_address: interface for interface, instance in machines}
    for interface, instance in machines:
        if not instance.internet:
            beyond = f'iifname "{interface}" ip daddr != {instance.vpc_cidr}'
            hop = interfaces.get(instance.via or "")
            lines.append(f'    {beyond} oifname != "{hop}" drop' if hop else f"    {beyond} drop")
        if port_25_blocked:
            public = f"ct original ip daddr != {instance.vpc_cidr}"
            lines.append(f'    iifname "{interface}" {public} tcp dport 25 drop')
        lines.append(f'    iifname "{interface}" jump out-{interface}')
    lines += balancers.new(nodes)
    for link, _ in _links(endpoints):
        lines += [f'    iifname "{link}" jump out-{link}', f'    oifname "{link}" jump in-{link}']
    lines += [f'    oifname "{interface}" jump in-{interface}' for interface, _ in machines]
    return [*lines, "  }"]


def _links(endpoints: Iterable[Amazons]) -> list[tuple[str, Amazons]]:
    return [(balancers.interface(endpoint), endpoint) for endpoint in endpoints]


def _input(machines: list[tuple[str, Instance]]) -> list[str]:
    """Rules for traffic to the router: link-local (unfiltered), and services of the internet."""
    lines = [
        "  chain input {",
        "    type filter hook input priority 0; policy accept;",
        "    ct state established,related accept",
        "    ip daddr 169.254.0.0/16 accept",
        "    udp dport 67 accept",
    ]
    for interface, instance in machines:
        if instance.internet:
            # the internet gateway translates an interface's own address only
            foreign = f'iifname "{interface}" ip saddr != {instance.private_address}'
            lines += [f"    {foreign} drop", f'    iifname "{interface}" jump out-{interface}']
        else:
            lines.append(f'    iifname "{interface}" drop')
    return [*lines, "  }"]


def _elastic(machines: list[tuple[str, Instance]], nodes: Sequence[Node]) -> list[str]:
    """NAT rules between Elastic IPs and private addresses, and those of load balancers."""
    elastic = [(i.public_address, i) for _, i in machines if i.public_address and i.internet]
    return [
        "table ip elastic {",
        "  chain prerouting {",
        "    type nat hook prerouting priority -100;",
        *(f'    iifname "{interface}" accept' for interface, i in machines if not i.internet),
        *(f"    ip daddr {public} dnat to {i.private_address}" for public, i in elastic),
        *balancers.spread(nodes),
        "  }",
        "  chain postrouting {",
        "    type nat hook postrouting priority 100;",
        # `ct original` is the destination before `dnat`: traffic to a neighbour's Elastic IP gets
        # the sender's public address as its source, traffic to its private address does not.
        *(
            f"    ip saddr {i.private_address} ct original ip daddr != {i.vpc_cidr} snat to {own}"
            for own, i in elastic
        ),
        "  }",
        "}",
    ]


def _checks(interface: str, instance: Instance) -> list[str]:
    """The source/destination check; without it a foreign source still cannot leave the VPC.

    An instance without power is silent, as on EC2.
    """
    address = instance.private_address
    foreign = f'    iifname "{interface}" ip saddr != {address}'
    if not instance.powered:
        # its namespace still has a kernel, which would close and refuse connections
        return [f'    iifname "{interface}" drop', f'    oifname "{interface}" drop']
    if instance.forwards:
        return [f"{foreign} ip daddr != {instance.vpc_cidr} drop"]
    return [f"{foreign} drop", f'    oifname "{interface}" ip daddr != {address} drop']


def _chain(name: str, field: str, rules: Sequence[Rule], nodes: Sequence[Node] = ()) -> list[str]:
    lines = [f"  chain {name} {{"]
    matches = [(f"ip {field} {rule.cidr}", rule) for rule in rules]
    # a rule for a load balancer also allows its clients, who keep their own addresses
    matches += [
        (f"ct original ip daddr {node.public}", rule)
        for rule, node in balancers.through(nodes, rules)
    ]
    for match, rule in matches:
        if rule.protocol in ("tcp", "udp"):
            match += f" {rule.protocol} dport {rule.from_}-{rule.to}"
        elif rule.protocol in ("icmp", "1"):
            match += " ip protocol icmp"
        lines.append(f"    {match} return")
    return [*lines, "    drop", "  }"]

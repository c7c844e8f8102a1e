"""Load balancers' nodes: their links, and the nftables rules that spread connections.

A connection keeps its client's address and its ports; only its destination becomes a target's. The
kernel's connection tracking keeps it with its target, and translates the answers.
"""

from collections.abc import Iterable, Sequence

from lab.lab import Lab
from lab.machines.state import Amazons, Node, Rule

# Elastic Load Balancing, "Network Load Balancers", "Connection idle timeout": then the next packet
# is answered by a reset.
IDLE_SECONDS = 350


def namespace(lab: Lab, node: Amazons) -> str:
    """The network namespace of a node or an endpoint (lab/region/balancers.py knows it too)."""
    return f"{lab.namespace}-{_short(node)}"


def interface(node: Amazons) -> str:
    """The router's interface to a node or an endpoint, from which it connects to hosts."""
    return f"n-{_short(node)}"


def _short(node: Amazons) -> str:
    return node.id.removeprefix("eni-")[:8]


def through(nodes: Iterable[Node], rules: Iterable[Rule]) -> list[tuple[Rule, Node]]:
    """The rules that allow a node; they apply to the connections that pass through it as well."""
    known = {f"{node.address}/32": node for node in nodes}
    return [(rule, known[rule.cidr]) for rule in rules if rule.cidr in known]


def chains(nodes: Sequence[Node]) -> list[str]:
    """Rules for packets to a node, before their destination changes, and its idle timeout."""
    if not nodes:
        return []
    lines = [
        "  ct timeout balanced {",
        "    protocol tcp;",
        "    l3proto ip;",
        f"    policy = {{ established: {IDLE_SECONDS} }};",
        "  }",
        "  chain balanced {",
        "    type filter hook prerouting priority -150; policy accept;",
    ]
    for node in nodes:
        to = f"ip daddr {node.public}"
        if not node.powered:
            lines.append(f"    {to} drop")
            continue
        served = ", ".join(str(one.port) for one in node.listeners if one.targets)
        unserved = f"tcp dport != {{ {served} }} drop" if served else "drop"
        lines += [
            # a packet of a connection that the node has forgotten
            f"    {to} ct state new tcp flags & (syn|rst) == 0 reject with tcp reset",
            f"    {to} ct state new {unserved}",
            f"    {to} ct state new jump in-{interface(node)}",
            f'    {to} ct timeout set "balanced"',
        ]
    return [*lines, "  }"]


def forward(nodes: Iterable[Node], machines: Iterable[tuple[str, str]]) -> list[str]:
    """Rules before those for established connections: the ones that a node ends, or never makes.

    `machines` are (interface, private address) of each.
    """
    lines = list[str]()
    for node in nodes:
        link, to = interface(node), f"ct original ip daddr {node.public}"
        if not node.powered:
            lines += [f'    iifname "{link}" drop', f'    oifname "{link}" drop', f"    {to} drop"]
            continue
        lines.append(f'    iifname "{link}" ip saddr != {node.address} drop')
        for one in node.listeners:
            kept = f"ct reply ip saddr != {{ {', '.join(one.kept)} }} " if one.kept else ""
            ends = f"{to} ct original proto-dst {one.port} {kept}"
            lines.append(f"    meta l4proto tcp {ends}reject with tcp reset")
        for machine, address in machines:
            # no target reaches itself ("Troubleshoot your Network Load Balancer": "Requests from a
            # target to its load balancer time out")
            itself = f"{to} ct direction original ct reply ip saddr {address}"
            lines.append(f'    iifname "{machine}" {itself} drop')
    return lines


def new(nodes: Iterable[Node]) -> list[str]:
    """Rules for new connections: a node's own checks, and those that it sends to targets."""
    lines = list[str]()
    for node in nodes:
        link = interface(node)
        lines += [
            f'    iifname "{link}" jump out-{link}',
            f"    ct original ip daddr {node.public} jump out-{link}",
            f'    oifname "{link}" drop',
        ]
    return lines


def spread(nodes: Iterable[Node]) -> list[str]:
    """Rules for each new connection's target, by its client's address and port."""
    lines = list[str]()
    for node in nodes:
        for one in node.listeners:
            if one.targets:
                chosen = ", ".join(f"{n} : {address}" for n, address in enumerate(one.targets))
                way = f"jhash ip saddr . tcp sport mod {len(one.targets)} map {{ {chosen} }}"
                lines.append(f"    ip daddr {node.public} tcp dport {one.port} dnat to {way}")
    return lines

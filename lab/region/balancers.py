"""Network Load Balancers: their nodes, which check targets by real connections, and the results.

Elastic Load Balancing, "Network Load Balancers", "Health checks for Network Load Balancer target
groups". A node is in one zone; each checks all targets (cross-zone load balancing is on) by itself.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.access import NotRunning, entered
from lab.region import backends

LOOK_SECONDS = 0.5  # until a new target is checked
# Route53 checks each node; one in a zone without power is no answer after about so long.
UNNOTICED_SECONDS = 30.0
DELAY = "deregistration_delay.timeout_seconds"


@dataclass(frozen=True)
class Node:
    """One zone's part of a load balancer: its network interface (moto's) and its public address."""

    interface: Any
    public: str

    @property
    def id(self) -> str:
        """The interface's id."""
        return self.interface.id

    @property
    def zone(self) -> str:
        """The node's availability zone."""
        return self.interface.subnet.availability_zone


@dataclass
class View:
    """One node's checks of one target; `healthy` is None during the initial checks."""

    healthy: bool | None = None
    in_a_row: int = 0
    last: bool | None = None

    def note(self, serves: bool, healthy_after: int, unhealthy_after: int) -> None:
        """Count the result of one more check."""
        self.in_a_row = self.in_a_row + 1 if self.last == serves else 1
        self.last = serves
        if self.in_a_row >= (healthy_after if serves else unhealthy_after):
            self.healthy = serves


Key = tuple[str, str, str]  # a node, a target group's ARN, an instance


@dataclass
class Balancers:
    """The nodes' views of targets. Without `checked` (no machines) all targets are healthy.

    `draining` has the end of each deregistered target's delay by the monotonic clock, by target
    group and instance.
    """

    checked: bool = False
    views: dict[Key, View] = field(default_factory=dict)
    draining: dict[tuple[str, str], float] = field(default_factory=dict)

    def verdict(self, node: Node, group: Any, instance: str) -> bool | None:
        """Whether a node finds a target healthy; None if it does not know yet."""
        if not self.checked:
            return True
        view = self.views.get((node.id, group.arn, instance))
        return view.healthy if view else None

    def receiving(self, node: Node, group: Any) -> list[str]:
        """The instances for a node's new connections: the healthy ones, or all with a verdict."""
        running = [i for i in group.targets if private_address(i)]
        healthy = [i for i in running if self.verdict(node, group, i)]
        judged = [i for i in running if self.verdict(node, group, i) is not None]
        return healthy or judged

    def kept(self, node: Node, group: Any) -> list[str]:
        """Instances whose connections go on: of `receiving`, or deregistered, for their delay."""
        now = time.monotonic()
        leaving = [i for (arn, i), end in self.draining.items() if arn == group.arn and end > now]
        return [*self.receiving(node, group), *(i for i in leaving if private_address(i))]

    def health(self, balancers: list[Any], group: Any, instance: str) -> tuple[str, str, str]:
        """A target's state, reason and description, as DescribeTargetHealth has them."""
        if instance not in group.targets:
            if self.draining.get((group.arn, instance), 0) > time.monotonic():
                said = "Target deregistration is in progress"
                return "draining", "Target.DeregistrationInProgress", said
            said = "Target is not registered to the target group"
            return "unused", "Target.NotRegistered", said
        nodes = [node for balancer in balancers for node in nodes_of(balancer)]
        if not nodes:
            said = "Target group is not configured to receive traffic from the load balancer"
            return "unused", "Target.NotInUse", said
        if not private_address(instance):
            return "unused", "Target.InvalidState", "Target is in the stopped state"
        found = {self.verdict(node, group, instance) for node in nodes}
        if False in found:
            return "unhealthy", "Target.FailedHealthChecks", "Health checks failed"
        if None in found:
            said = "Initial health checks in progress"
            return "initial", "Elb.InitialHealthChecking", said
        return "healthy", "", ""


def nodes_of(balancer: Any) -> list[Node]:
    """A load balancer's nodes."""
    return list(getattr(balancer, "nodes", {}).values())


def all_nodes() -> list[Node]:
    """The nodes of every load balancer."""
    return [n for balancer in backends.elbv2().load_balancers.values() for n in nodes_of(balancer)]


def groups_of(balancer: Any) -> dict[int, Any]:
    """The target group of each listener of a load balancer, by port."""
    return {
        int(listener.port): backends.elbv2().target_groups[arn]
        for listener in balancer.listeners.values()
        for action in listener.default_actions
        for arn in [action.data["TargetGroupArn"]]
        if arn in backends.elbv2().target_groups
    }


def using(group: Any) -> list[Any]:
    """The load balancers with a listener for a target group."""
    return [
        balancer
        for balancer in backends.elbv2().load_balancers.values()
        if group.arn in {used.arn for used in groups_of(balancer).values()}
    ]


def private_address(instance: str) -> str:
    """The private address of an instance that runs, "" for any other."""
    for found in backends.instances():
        if found.id == instance and found._state.name == "running":
            interface = backends.primary_interface(found)
            return interface.private_ip_address if interface else ""
    return ""


def answers(memory_balancers: Balancers, cut: dict[str, datetime], name: str) -> list[str] | None:
    """The addresses in DNS of a load balancer's own name; None if none has this name.

    They are those of nodes with power that find a healthy target in each group, or of all nodes.
    """
    for balancer in list(backends.elbv2().load_balancers.values()):
        if balancer.dns_name.lower() != name:
            continue
        nodes, groups = nodes_of(balancer), groups_of(balancer).values()
        healthy = [
            node.public
            for node in nodes
            if not _noticed(cut.get(node.zone))
            and all(any(memory_balancers.verdict(node, g, i) for i in g.targets) for g in groups)
        ]
        return healthy or [node.public for node in nodes]
    return None


def _noticed(cut: datetime | None) -> bool:
    return cut is not None and (datetime.now(UTC) - cut).total_seconds() > UNNOTICED_SECONDS


def _wanted() -> Iterator[tuple[Key, Any]]:
    for balancer in list(backends.elbv2().load_balancers.values()):
        for group in groups_of(balancer).values():
            for node in nodes_of(balancer):
                for instance in list(group.targets):
                    yield (node.id, group.arn, instance), group


async def _serves(namespace: str, address: str, port: int, seconds: float) -> bool:
    """Whether a connection from a node's namespace is accepted."""
    if not address:
        return False
    try:
        with entered(namespace):
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except NotRunning:  # the reconciler has not made the namespace yet
        return False
    with connection:
        connection.setblocking(False)
        connecting = asyncio.get_running_loop().sock_connect(connection, (address, port))
        try:
            await asyncio.wait_for(connecting, seconds)
        except (TimeoutError, OSError):
            return False
    return True


async def _watch(held: Balancers, namespace: str, key: Key, group: Any) -> None:
    """Run one node's checks of one target, one in each interval."""
    view = held.views.setdefault(key, View())
    while True:
        began = time.monotonic()
        port = int(
            group.port if group.health_check_port == "traffic-port" else group.health_check_port
        )
        seconds = float(group.health_check_timeout_seconds)
        serves = await _serves(namespace, private_address(key[2]), port, seconds)
        view.note(serves, int(group.healthy_threshold_count), int(group.unhealthy_threshold_count))
        spent = time.monotonic() - began
        await asyncio.sleep(max(0.0, float(group.health_check_interval_seconds) - spent))


def namespace_of(prefix: str, node: str) -> str:
    """The network namespace of a node, by the lab's namespace and the node's interface id."""
    return f"{prefix}-{node.removeprefix('eni-')[:8]}"


async def follow(held: Balancers, prefix: str) -> None:
    """Check the targets of all target groups in use, until cancelled."""
    tasks: dict[Key, asyncio.Task[None]] = {}
    while True:
        wanted = dict(_wanted())
        for key in set(tasks) - set(wanted):
            tasks.pop(key).cancel()
            held.views.pop(key, None)
        for key, group in wanted.items():
            if key not in tasks:
                watching = _watch(held, namespace_of(prefix, key[0]), key, group)
                tasks[key] = asyncio.create_task(watching)
        await asyncio.sleep(LOOK_SECONDS)


def serve(held: Balancers, prefix: str) -> None:
    """Run the nodes' checks in a thread of their own; `prefix` is the lab's namespace."""
    held.checked = True
    threading.Thread(target=lambda: asyncio.run(follow(held, prefix)), daemon=True).start()

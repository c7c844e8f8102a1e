"""Reconciles machines, links, disks and rules with the region's state."""

import logging
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.shell import run
from lab.lab import Lab
from lab.machines import network, routes, virtual
from lab.machines.image import virtual_image
from lab.machines.machine import EXIT_REBOOT, Machine
from lab.machines.snapshots import Snapshots
from lab.machines.state import Amazons, AttachedVolume, Instance, Node, RegionState
from lab.machines.virtual import VirtualMachine

log = logging.getLogger(__name__)
GIB = 1024**3


@dataclass
class Host:
    """An instance's machine with its present state and the change in progress."""

    instance: Instance
    machine: Machine
    dhcp: subprocess.Popen[bytes]
    boots: int
    closing: threading.Thread | None = None


@dataclass
class Reconciler:
    """Owns the instances' machines; calls `stopped(id)` when one has powered itself off.

    And `copied(id)` when a snapshot has its content.
    """

    lab: Lab
    image: Path
    trust: str
    stopped: Callable[[str], None]
    copied: Callable[[str], None]
    hosts: dict[str, Host] = field(default_factory=dict)
    loops: dict[str, str] = field(default_factory=dict)
    port_25_blocked: bool = False
    nodes: tuple[Node, ...] = ()
    endpoints: tuple[Amazons, ...] = ()

    def follow(self, state: RegionState) -> None:
        """One pass; a change waits for a later one while its address or disk is in use."""
        self.port_25_blocked = state.port_25_blocked
        self._connect_amazons((*self.nodes, *self.endpoints), (*state.nodes, *state.endpoints))
        self.nodes, self.endpoints = state.nodes, state.endpoints
        content = Snapshots(self.lab.directory, self.copied)
        content.follow(state.snapshots, [host.machine for host in self.hosts.values()])
        content.fill(state.volumes)
        content.forget(state.snapshots)
        instances = {i.id: i for i in state.instances}
        wanted = {i.id: i for i in state.instances if i.state in ("pending", "running")}
        for identity, host in list(self.hosts.items()):
            self._look_after(identity, host, instances.get(identity))
        self._remove_terminated({i.id for i in state.instances if i.state != "terminated"})
        addresses = {host.instance.private_address for host in self.hosts.values()}
        for identity, instance in wanted.items():
            if identity not in self.hosts and instance.private_address not in addresses:
                self._start(instance)
        for host in self.hosts.values():
            if host.closing is None:
                self._disks(host, host.instance.volumes)
                host.machine.note_leader()
        self._forget_volumes({volume.id for volume in state.volumes})
        known = self._apply_rules()
        routes.apply(self.lab, known, self.lab.directory / "routes")

    def _connect_amazons(self, held: Sequence[Amazons], wanted: Sequence[Amazons]) -> None:
        """Connect load balancers' nodes and endpoints, which reach hosts over these links."""
        gone = {node.id: node for node in held}
        for node in wanted:
            if gone.pop(node.id, None) is None:
                network.connect(self.lab, network.amazons_link(self.lab, node))
                network.configure(network.amazons_link(self.lab, node))
        for node in gone.values():
            network.disconnect(self.lab, network.amazons_link(self.lab, node))

    def close(self) -> None:
        """Power all machines off in parallel, and keep the disks."""
        threads = [host.closing or self._close(host) for host in self.hosts.values()]
        for thread in threads:
            thread.join()

    def _look_after(self, identity: str, host: Host, instance: Instance | None) -> None:
        if host.closing is not None:
            if not host.closing.is_alive():
                del self.hosts[identity]
            return
        if instance is None or instance.state not in ("pending", "running"):
            log.info("%s is to end: %s", identity, instance.state if instance else "gone")
            self._close(host)
            return
        host.instance = instance
        if not instance.powered:
            self._cut(host)
            return
        process = host.machine.process
        ended = process.poll() if process is not None else None
        if process is None:
            log.info("%s has power again", identity)
            self._boot(host)
        elif ended is not None and ended != EXIT_REBOOT and instance.boots == host.boots:
            log.info("%s powered itself off (%s)", identity, ended)
            self.stopped(identity)
        elif ended is not None:
            self._boot(host)
        elif instance.boots != host.boots:
            log.info("%s is to reboot", identity)
            host.machine.power_off()
            self._boot(host)

    def _cut(self, host: Host) -> None:
        """A power cut: the machine ends at once; its disks stay, and nothing starts it."""
        if host.machine.process is not None:
            log.info("%s has no power", host.instance.id)
            # first: the kernel of killed processes closes their connections, which peers would see
            self._apply_rules()
            host.machine.kill()

    def _remove_terminated(self, existing: set[str]) -> None:
        """Remove the root disks of terminated instances; stopped ones keep theirs."""
        for directory in (self.lab.directory / "machines").glob("i-*"):
            if directory.name not in existing and directory.name not in self.hosts:
                Machine.remove_directory(directory)

    def _start(self, instance: Instance) -> None:
        log.info("%s starts at %s", instance.id, instance.private_address)
        machine = self._machine(instance)
        network.connect(self.lab, machine.link, tap=isinstance(machine, VirtualMachine))
        if not machine.directory.exists():
            machine.create(self.trust)
        # The rules must hold before the first packet.
        self._apply_rules(instance)
        with (self.lab.directory / "dhcp.log").open("ab") as output:
            dhcp = subprocess.Popen(
                network.dhcp_server(self.lab, machine.link), stdout=output, stderr=output
            )
        host = Host(instance, machine, dhcp, instance.boots)
        self.hosts[instance.id] = host
        self._disks(host, instance.volumes)
        if instance.powered:
            self._boot(host)

    def _machine(self, instance: Instance) -> Machine:
        link = network.link_of(self.lab, instance)
        directory = self.lab.directory / "machines" / instance.id
        if instance.name in virtual.hosts(self.lab):
            image = virtual_image(log.info)
            return VirtualMachine(instance.id, directory, image, link, lab=self.lab)
        return Machine(instance.id, directory, self.image, link)

    def _apply_rules(self, *new: Instance) -> list[Instance]:
        """Apply the rules of all instances, and return those that do not end.

        An instance that ends keeps its rules until it is off, and its address, unless that is
        another one's by now.
        """
        known = [*(h.instance for h in self.hosts.values() if h.closing is None), *new]
        taken = {instance.public_address for instance in known}
        ending = [h.instance for h in self.hosts.values() if h.closing is not None]
        without = {"public_address": None, "internet": False}
        ending = [i.model_copy(update=without) if i.public_address in taken else i for i in ending]
        file = self.lab.directory / "rules.nft"
        network.apply_rules(
            self.lab,
            [*known, *ending],
            file,
            port_25_blocked=self.port_25_blocked,
            nodes=self.nodes,
            endpoints=self.endpoints,
        )
        return known

    def _boot(self, host: Host) -> None:
        host.boots = host.instance.boots
        host.machine.boot()

    def _close(self, host: Host) -> threading.Thread:
        def close() -> None:
            host.machine.power_off()
            host.dhcp.terminate()
            host.dhcp.wait()
            network.disconnect(self.lab, host.machine.link)

        host.closing = threading.Thread(target=close)
        host.closing.start()
        return host.closing

    def _disks(self, host: Host, volumes: tuple[AttachedVolume, ...]) -> None:
        wanted = {volume.id: volume for volume in volumes}
        for identity in set(host.machine.disks) - set(wanted):
            host.machine.detach(identity)
        for identity, volume in wanted.items():
            if identity in host.machine.disks:
                self._grow(volume)
            elif not self._is_attached(identity):
                host.machine.attach(identity, self._loop(volume))

    def _is_attached(self, volume: str) -> bool:
        return any(volume in host.machine.disks for host in self.hosts.values())

    def _loop(self, volume: AttachedVolume) -> str:
        """The loop device over the volume's sparse file."""
        if volume.id not in self.loops:
            file = self.lab.directory / "volumes" / volume.id
            file.parent.mkdir(exist_ok=True)
            with file.open("ab") as disk:
                disk.truncate(volume.size_gib * GIB)
            self.loops[volume.id] = run("losetup", "--find", "--show", str(file)).strip()
        return self.loops[volume.id]

    def _grow(self, volume: AttachedVolume) -> None:
        """Grow a volume's file at once, also in the machine that it is attached to."""
        file = self.lab.directory / "volumes" / volume.id
        if file.stat().st_size < volume.size_gib * GIB:
            with file.open("ab") as disk:
                disk.truncate(volume.size_gib * GIB)
            run("losetup", "--set-capacity", self.loops[volume.id])

    def _forget_volumes(self, existing: set[str]) -> None:
        for identity in set(self.loops) - existing:
            if not self._is_attached(identity):
                run("losetup", "--detach", self.loops[identity])
                del self.loops[identity]
        for file in (self.lab.directory / "volumes").glob("vol-*"):
            if file.name not in existing | set(self.loops):
                file.unlink()

"""The content of EBS snapshots: copies of the volumes' files."""

import logging
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.shell import run
from lab.machines.machine import Machine
from lab.machines.state import Snapshot, Volume

log = logging.getLogger(__name__)
GIB = 1024**3


@dataclass
class Snapshots:
    """Copies volumes into snapshots and back; calls `copied(id)` when a snapshot is complete."""

    directory: Path
    copied: Callable[[str], None]

    def file(self, identity: str) -> Path:
        """A snapshot's content."""
        return self.directory / "snapshots" / identity

    def follow(self, wanted: Iterable[Snapshot], machines: Iterable[Machine]) -> None:
        """Copy new snapshots."""
        hosts = list(machines)
        for snapshot in wanted:
            if not self.file(snapshot.id).exists():
                log.info("%s is made of %s", snapshot.id, snapshot.volume)
                with _still(snapshot.volume, hosts):
                    source = self.directory / "volumes" / snapshot.volume
                    _copy(source, self.file(snapshot.id), snapshot.size_gib)
                self.copied(snapshot.id)

    def fill(self, volumes: Iterable[Volume]) -> None:
        """Give new volumes the content of their snapshots."""
        for volume in volumes:
            target = self.directory / "volumes" / volume.id
            if volume.snapshot and not target.exists():
                _copy(self.file(volume.snapshot), target, volume.size_gib)

    def forget(self, wanted: Iterable[Snapshot]) -> None:
        """Delete what is left of snapshots that are gone."""
        kept = {snapshot.id for snapshot in wanted}
        for file in (self.directory / "snapshots").glob("snap-*"):
            if file.name not in kept:
                file.unlink()


def _copy(source: Path, target: Path, size_gib: int) -> None:
    """Copy a sparse file, whole or not at all; a volume that was never attached is blank."""
    target.parent.mkdir(exist_ok=True)
    beside = target.with_name(f"new-{target.name}")
    if source.exists():
        run("cp", "--sparse=always", "--reflink=auto", str(source), str(beside))
    with beside.open("ab") as disk:
        disk.truncate(size_gib * GIB)
    beside.replace(target)


@contextmanager
def _still(volume: str, machines: list[Machine]) -> Iterator[None]:
    """Hold a machine's writes to a mounted volume, since a copy here is not of one moment.

    EBS makes its copy of one moment without that, and so without what the machine has not yet
    written to the disk.
    """
    for machine in machines:
        disk = machine.disks.get(volume)
        if disk is None or machine.leader is None:
            continue
        inside = ["nsenter", "-t", str(machine.leader), "-m"]
        look = [*inside, "findmnt", "-rno", "TARGET", "-S", f"/dev/{disk.name}"]
        found = subprocess.run(look, capture_output=True, text=True, check=False).stdout
        if not found:  # nothing is mounted
            continue
        mounted = found.splitlines()[0]
        run(*inside, "fsfreeze", "--freeze", mounted)
        try:
            yield
        finally:
            run(*inside, "fsfreeze", "--unfreeze", mounted)
        return
    yield

"""A machine: an overlay over a root file system, booted with its own systemd by systemd-nspawn."""

import contextlib
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from common.shell import attempt, run
from lab.machines.network import Link
from lab.wait import within

# Seconds until a host that does not power off is killed: systemd's limit for a service's stop.
POWER_OFF_SECONDS = 90
EXIT_REBOOT = 133
# A directory below a machine's root with the serial number of each disk, by the kernel's name.
SERIALS = "usr/local/lib/lab/disks"
# `look-like-ec2` mounts the directory of disks here, before it lays it over /sys/block.
BLOCK = "/run/sys/block"


@dataclass(frozen=True)
class Disk:
    """A volume's block device, with the name and serial number of Nitro's NVMe disks."""

    loop: str
    number: int

    @property
    def name(self) -> str:
        """The kernel's name of the disk; the root device is nvme0n1."""
        return f"nvme{self.number}n1"


@dataclass
class Machine:
    """One machine and the process that runs it; `directory` holds all that it owns on disk."""

    name: str
    directory: Path
    image: Path
    link: Link
    process: subprocess.Popen[bytes] | None = None
    disks: dict[str, Disk] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """The mounted root file system."""
        return self.directory / "root"

    def create(self, trust: str) -> None:
        """Make a new root file system over the image, with the lab's authorities (PEM)."""
        for part in ("upper", "work", "root"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        lower, upper, work = self.image, self.directory / "upper", self.directory / "work"
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        run("mount", "-t", "overlay", "overlay", "-o", options, str(self.root))
        authorities = self.root / "usr/local/share/ca-certificates/lab.crt"
        authorities.parent.mkdir(parents=True, exist_ok=True)
        for number, pem in enumerate(_split(trust)):
            authorities.with_name(f"lab-{number}.crt").write_text(pem)
        with (self.root / "etc/ssl/certs/ca-certificates.crt").open("a") as bundle:
            bundle.write(trust)

    def boot(self, *binds: str) -> None:
        """Start the machine; `binds` are nspawn's --bind arguments."""
        environment = {
            "PATH": os.environ["PATH"],
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
            "SYSTEMD_NSPAWN_LOCK": "0",
        }
        command = [
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            f"--directory={self.root}",
            f"--machine={self.name}",
            "--boot",
            f"--network-namespace-path=/run/netns/{self.link.namespace}",
            "--capability=CAP_NET_ADMIN",
            "--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
            "--resolv-conf=off",
            "--timezone=off",
            # as on EC2 the console's log has everything written to /dev/console
            "--console=read-only",
            *(f"--bind={bind}" for bind in binds),
            *(f"--bind={disk.loop}:/dev/{disk.name}" for disk in self.disks.values()),
        ]
        run("ip", "-n", self.link.namespace, "link", "set", "eth0", "up")
        console = (self.directory / "console.log").open("ab")
        # Each machine's systemd manages the cgroup that it is started in: it gets one of its own.
        # A shell joins them and then becomes nspawn, since a hook between fork and exec may hang.
        join = "".join(f'mkdir -p "{c}"; echo $$ > "{c}/cgroup.procs"; ' for c in self._cgroups())
        self.process = subprocess.Popen(
            ["sh", "-c", f'{join}exec "$@"', "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env=environment,
            start_new_session=True,
        )
        console.close()

    def _cgroups(self) -> list[Path]:
        base = Path("/sys/fs/cgroup")
        trees = [base / tree for tree in ("systemd", "unified") if (base / tree).is_dir()]
        return [tree / f"{self.link.namespace}" for tree in trees or [base]]

    @property
    def leader(self) -> int | None:
        """The process id of the machine's init, in this computer's namespace."""
        if self.process is None or self.process.poll() is not None:
            return None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with contextlib.suppress(FileNotFoundError):
            pids = children.read_text().split()
            return int(pids[0]) if pids else None
        return None

    def note_leader(self) -> None:
        """Write the leader's process id for lab/access.py, atomically."""
        file, text = self.directory / "leader", str(self.leader or "")
        if not file.exists() or file.read_text() != text:
            beside = file.with_name("leader.new")
            beside.write_text(text)
            beside.replace(file)

    def attach(self, volume: str, loop: str) -> None:
        """Attach a volume to the running machine, and at its later boots.

        As on Nitro the volume's id without its dash is the serial number; /dev has no link for it.
        At a boot `look-like-ec2` makes the disks of the directory of serial numbers visible.
        """
        free = set(range(1, len(self.disks) + 2)) - {disk.number for disk in self.disks.values()}
        disk = self.disks[volume] = Disk(loop, min(free))
        serial = volume.replace("-", "")
        file = self.root / SERIALS / disk.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{serial}\n")
        if self.leader is not None:
            device = Path(loop).stat().st_rdev
            numbers = str(os.major(device)), str(os.minor(device))
            inside = ["nsenter", "-t", str(self.leader), "-m"]
            run(*inside, "mknod", "-m", "600", f"/dev/{disk.name}", "b", *numbers)
            # what /sys/block will be, or is; before it is mounted the boot has yet to read the file
            folder = f"{BLOCK}/{disk.name}/device"
            show = f"mkdir -p {folder} && echo {serial} >{folder}/serial"
            run(*inside, "sh", "-c", f"! mountpoint -q {BLOCK} || {{ {show}; }}")

    def detach(self, volume: str) -> None:
        """Detach the volume."""
        disk = self.disks.pop(volume)
        (self.root / SERIALS / disk.name).unlink(missing_ok=True)
        if self.leader is not None:
            gone = [f"/dev/{disk.name}", f"/sys/block/{disk.name}"]
            attempt("nsenter", "-t", str(self.leader), "-m", "rm", "-rf", *gone)

    def power_off(self) -> None:
        """Shut down in order; a machine that takes too long is killed, as AWS forces a stop."""
        if (process := self.process) is None:
            return

        def ended() -> bool:
            if (leader := self.leader) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(leader, signal.SIGRTMIN + 4)  # systemd: power off
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            return process.poll() is not None

        within(POWER_OFF_SECONDS, ended)
        self.kill()

    def kill(self) -> None:
        """Kill the machine, as a power loss does."""
        if self.process is not None and self.process.poll() is None:
            if (leader := self.leader) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(leader, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        self.process = None

        for cgroup in self._cgroups():
            for path, _, _ in os.walk(cgroup, topdown=False):
                with contextlib.suppress(OSError):
                    Path(path).rmdir()

    @staticmethod
    def remove_directory(directory: Path) -> None:
        """Unmount and delete everything that a machine had on disk."""
        attempt("umount", "--recursive", "--lazy", str(directory / "root"))
        shutil.rmtree(directory)


def _split(pem: str) -> list[str]:
    end = "-----END CERTIFICATE-----\n"
    return [part + end for part in pem.split(end) if part.strip()]

"""A machine with a kernel of its own: Debian's cloud kernel in QEMU, its disks NVMe as on Nitro.

It has a tap to the lab's router instead of a veth pair; the rest of the network is the same.
cloud-init recognizes EC2 by the firmware's data (DMI: "Detecting instances" in the EC2 User Guide).
Commands reach the machine by SSH from the router (lab/machines/into.py), with a key that
systemd takes from the firmware (systemd.system-credentials(7), `ssh.authorized_keys.root`).
"""

import base64
import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from common.shell import run
from lab.lab import Lab
from lab.machines.machine import POWER_OFF_SECONDS, Disk, Machine
from lab.machines.qmp import Qmp, QmpError
from lab.wait import within

# The start of the root partition in Debian's image, and its id in image/virtual/etc/fstab.
PARTUUID = "5a3b6f4e-1c8d-4f0a-9b57-2f1d0c6e8a91"
FIRST_SECTOR, SECTOR = 262_144, 512
ROOT_GIB, FILE_SYSTEM_GIB = 8, 3  # the file system grows into its partition at the first boot
MEMORY_MIB = 1024  # a t4g.micro's
PROGRAM = "qemu-system-x86_64"
KVM = ["-accel", "kvm", "-cpu", "host"]
# five-level page tables slow emulation down, and Nitro's smaller machines do not have them
TCG = ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max,-la57"]
PROBE_SECONDS = 5


def accelerator(kernel: Path) -> list[str]:
    """QEMU's arguments: KVM if it can run this kernel, else emulation.

    A nested KVM may open and then hang, or run the firmware and not the kernel. So the kernel is
    tried, and must write to its console within seconds.
    """
    with tempfile.NamedTemporaryFile() as said:
        command = [PROGRAM, *KVM, "-m", "256", "-display", "none", "-nodefaults", "-no-reboot"]
        command += ["-kernel", str(kernel), "-append", "console=ttyS0 earlyprintk=ttyS0"]
        probe = subprocess.Popen(
            [*command, "-serial", f"file:{said.name}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

        def works() -> bool:
            return b"Linux version" in Path(said.name).read_bytes()

        within(PROBE_SECONDS, lambda: works() or probe.poll() is not None)
        kvm = works()
        probe.kill()  # without waiting for its end: a probe that hangs in the kernel never ends
    return KVM if kvm else TCG


def hosts(lab: Lab) -> set[str]:
    """The names of the hosts of a lab that run as virtual machines."""
    file = lab.directory / "real-kernel"
    return set(file.read_text().split()) if file.exists() else set()


def choose(lab: Lab, names: Iterable[str]) -> None:
    """Run these hosts as virtual machines from their next instance on."""
    (lab.directory / "real-kernel").write_text("".join(f"{name}\n" for name in names))


@dataclass
class VirtualMachine(Machine):
    """A virtual machine with the interface of `Machine`; its network is the one of `lab`."""

    lab: Lab | None = None

    @property
    def root_disk(self) -> Path:
        """The root volume, which outlives a stop."""
        return self.directory / "disk"

    def create(self, trust: str) -> None:
        """Make a root volume from the image and the lab's certificate authorities (PEM)."""
        super().create(trust)
        with self.root_disk.open("wb") as disk:
            disk.truncate(ROOT_GIB * 1024**3)
        table = f"label: gpt\nstart={FIRST_SECTOR}, type=linux, uuid={PARTUUID}\n"
        run("sfdisk", "--quiet", str(self.root_disk), stdin=table)
        offset = f"offset={FIRST_SECTOR * SECTOR}"
        size = f"{FILE_SYSTEM_GIB}G"
        fill = ["-d", str(self.root), "-E", offset, str(self.root_disk), size]
        run("mkfs.ext4", "-q", "-F", *fill)
        run("umount", str(self.root))
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.directory / "key"))

    def boot(self, *binds: str) -> None:
        """Start QEMU in the lab's namespace, where the tap is."""
        assert self.lab is not None and not binds
        boot = self.image / "boot"
        kernel = next(boot.glob("vmlinuz-*"))
        command = [
            *(PROGRAM, "-machine", "pc", *accelerator(kernel), "-smp", "2", "-m", str(MEMORY_MIB)),
            *("-display", "none", "-nodefaults"),
            *("-kernel", str(kernel)),
            *("-initrd", str(next(boot.glob("initrd.img-*")))),
            *("-append", f"root=PARTUUID={PARTUUID} ro console=tty0 console=ttyS0"),
            *self.firmware(),
            *("-chardev", f"file,id=console,append=on,path={self.directory}/console.log"),
            *("-serial", "chardev:console"),
            *("-qmp", f"unix:{self._qmp},server=on,wait=off"),
            *("-device", "virtio-rng-pci"),
            *("-netdev", f"tap,id=net,ifname={self.link.interface},script=no,downscript=no"),
            # the first network interface of a Nitro machine is ens5
            *("-device", f"virtio-net-pci,netdev=net,mac={self.link.mac},addr=05"),
            *("-blockdev", json.dumps(_backend("root", self.root_disk))),
            *("-device", "nvme,drive=root,serial=vol0"),
        ]
        for volume, disk in self.disks.items():
            command += ["-blockdev", json.dumps(_backend(volume, Path(disk.loop)))]
            command += ["-device", json.dumps(_front(volume))]
        self._qmp.unlink(missing_ok=True)
        with (self.directory / "qemu.log").open("ab") as output:
            self.process = subprocess.Popen(
                self.lab.inside(*command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        into = {"address": self.link.address, "through": self.lab.inside()}
        (self.directory / "into.json").write_text(json.dumps(into))

    def firmware(self) -> list[str]:
        """QEMU's arguments for SMBIOS as EC2's firmware has it, and for the key for commands."""
        digits = ("ec2" + self.name.removeprefix("i-")).ljust(32, "0")[:32]
        lengths = (8, 12, 16, 20, 32)
        uuid = "-".join(digits[a:b] for a, b in zip((0, *lengths), lengths, strict=False))
        key = base64.b64encode((self.directory / "key.pub").read_bytes()).decode()
        credential = f"io.systemd.credential.binary:ssh.authorized_keys.root={key}"
        system = f"manufacturer=Amazon EC2,product=t3.micro,serial={uuid},uuid={uuid}"
        return [
            *("-smbios", "type=0,vendor=Amazon EC2,version=1.0"),
            *("-smbios", f"type=1,{system}"),
            *("-smbios", f"type=11,value={credential}"),
        ]

    @property
    def leader(self) -> int | None:
        """The process id of QEMU."""
        alive = self.process is not None and self.process.poll() is None
        return self.process.pid if alive and self.process else None

    def attach(self, volume: str, loop: str) -> None:
        """Attach a volume; its serial number is its id without the dash."""
        self.disks[volume] = Disk(loop, 0)  # the kernel numbers it
        if self.leader is not None:
            with Qmp(self._qmp) as qemu:
                qemu.ask("blockdev-add", **_backend(volume, Path(loop)))
                qemu.ask("device_add", **_front(volume))

    def detach(self, volume: str) -> None:
        """Detach a volume."""
        del self.disks[volume]
        if self.leader is not None:
            with Qmp(self._qmp) as qemu:
                qemu.ask("device_del", id=_device(volume))
                qemu.wait_for("DEVICE_DELETED", device=_device(volume))
                qemu.ask("blockdev-del", **{"node-name": _node(volume)})

    def power_off(self) -> None:
        """Press the power button, as AWS does; a machine that takes too long is killed."""
        if self.process is not None and self.leader is not None:
            with contextlib.suppress(OSError, QmpError), Qmp(self._qmp) as qemu:
                qemu.ask("system_powerdown")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(POWER_OFF_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Kill the machine, as a power loss does."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None

    @property
    def _qmp(self) -> Path:
        return self.directory / "qmp"


def _node(volume: str) -> str:
    return volume.replace("-", "")


def _device(volume: str) -> str:
    return f"disk-{_node(volume)}"


def _backend(volume: str, file: Path) -> dict[str, object]:
    driver = "host_device" if file.is_block_device() else "file"
    return {
        "driver": "raw",
        "node-name": _node(volume),
        "discard": "unmap",
        "file": {"driver": driver, "filename": str(file), "discard": "unmap"},
    }


def _front(volume: str) -> dict[str, object]:
    # QEMU's NVMe disks all have one model name, and no vendor data like EBS volumes
    return {
        "driver": "nvme",
        "id": _device(volume),
        "drive": _node(volume),
        "serial": _node(volume),
    }

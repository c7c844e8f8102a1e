"""The root file systems of the lab: Debian's EC2 image for the hosts, and the inbox's.

The hosts' root has the packages of `ec2-packages.txt`, in the versions that the mirror has today,
and no others: a host's set-up installs what it needs. `host/` has the configuration of Debian's
recipe for the image; `container/` is for machines without a kernel of their own, `virtual/` for
machines with one.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from common.errors import RelayError

CACHE = Path(os.environ.get("MAIL_RELAY_CACHE", Path.home() / ".cache" / "mail-relay"))
FILES = Path(__file__).parent
SUITE = "trixie"

# Kernel and boot loader: a container shares this computer's kernel, QEMU loads a virtual machine's.
NOT_IN_A_CONTAINER = ("linux-image-", "grub", "shim-")
INBOX_PACKAGES = (
    "ca-certificates,curl,dbus,iproute2,iputils-ping,less,netbase,nftables,openssh-server,procps,"
    "systemd-resolved,systemd-sysv,systemd-timesyncd,tzdata,"
    # the inbox's, and the mail programs of a computer outside AWS (lab/internet/laptop.py)
    "libsasl2-modules,msmtp,opendkim,opendmarc,postfix,publicsuffix,python3-authheaders,"
    "python3-dkim,python3-dnspython,python3-spf,rsyslog,s-nail,sasl2-bin"
)


@dataclass(frozen=True)
class Image:
    """Describes a root file system: its packages, then the folders copied over it.

    `answers` are debconf selections, set before any package is installed.
    """

    kind: str
    packages: tuple[str, ...]
    overlays: tuple[str, ...]
    answers: str = ""


class ImageError(RelayError):
    """A root file system could not be made; the text names the log."""


def ec2_packages(architecture: str) -> tuple[str, ...]:
    """The names of the EC2 image's packages for `amd64` or `arm64`, kernel and boot loader too."""
    lines = (FILES / "ec2-packages.txt").read_text().splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return tuple(row[0] for row in rows if row[1] in ("both", architecture))


def host_packages(architecture: str) -> tuple[str, ...]:
    """The packages of a host that runs as a container."""
    listed = ec2_packages(architecture)
    return tuple(name for name in listed if not name.startswith(NOT_IN_A_CONTAINER))


def architecture() -> str:
    """Debian's name for this computer's architecture."""
    return {"aarch64": "arm64"}.get(os.uname().machine, "amd64")


def host_image(progress: Callable[[str], None]) -> Path:
    """The hosts' root file system, made at the first call (about a minute, 700 MB)."""
    return _make(Image("host", host_packages(architecture()), ("host", "container")), progress)


def virtual_image(progress: Callable[[str], None]) -> Path:
    """The root file system of hosts with a kernel of their own: the containers', with a kernel."""
    kernel = f"linux-image-cloud-{architecture()}"
    packages = (*host_packages(architecture()), kernel)
    return _make(Image("virtual", packages, ("host", "virtual")), progress)


def inbox_image(progress: Callable[[str], None]) -> Path:
    """The receiving provider's root file system."""
    # the inbox's own files replace whatever configuration the package would write
    answers = "postfix postfix/main_mailer_type select No configuration"
    packages = tuple(INBOX_PACKAGES.split(","))
    return _make(Image("inbox", packages, ("inbox",), answers), progress)


def _make(image: Image, progress: Callable[[str], None]) -> Path:
    kind, packages = image.kind, ",".join(image.packages)
    overlays = [FILES / overlay for overlay in image.overlays]
    digest = hashlib.sha256(packages.encode())
    for file in _files(overlays):
        digest.update(str(file.relative_to(FILES)).encode() + b"\0" + file.read_bytes())
    root = CACHE / f"{kind}-{SUITE}-{digest.hexdigest()[:12]}"
    if root.exists():
        return root
    CACHE.mkdir(parents=True, exist_ok=True)
    progress(f"making the {kind} root file system (about a minute, once)")
    partial = root.with_name(f"{root.name}.partial-{os.getpid()}")
    log = CACHE / f"{kind}-{SUITE}.log"
    command = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={packages}",
        f"--essential-hook=echo '{image.answers}' | chroot \"$1\" debconf-set-selections",
        *(hook for overlay in overlays for hook in _hooks(overlay)),
        SUITE,
        str(partial),
    ]
    with log.open("wb") as output:
        result = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False
        )
    if result.returncode != 0:
        shutil.rmtree(partial, ignore_errors=True)
        raise ImageError(f"mmdebstrap failed with {result.returncode}; its output is in {log}")
    try:
        partial.rename(root)
    except OSError:  # another process has made the same image meanwhile
        shutil.rmtree(partial)
    return root


def _files(overlays: Iterable[Path]) -> list[Path]:
    return sorted(file for folder in overlays for file in folder.rglob("*") if file.is_file())


def _hooks(overlay: Path) -> tuple[str, ...]:
    return (
        f"--customize-hook=cp -a --no-preserve=ownership {overlay}/. $1/",
        '--customize-hook=chroot "$1" sh -e /setup.sh',
        '--customize-hook=rm "$1/setup.sh"',
    )

"""The root file systems of the lab: what Debian's cloud image holds, and the inbox's own.

The image of the hosts has the packages of the Debian 13 AMI that matter here, and no mail software:
that is cloud-init's to install. docs/lab.md lists what the AMI has besides.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

CACHE = Path(os.environ.get("MAIL_RELAY_CACHE", Path.home() / ".cache" / "mail-relay"))
FILES = Path(__file__).parent / "image"
SUITE = "trixie"

BASE = (
    "apparmor,ca-certificates,curl,dbus,iproute2,iputils-ping,less,netbase,nftables,"
    "openssh-server,procps,systemd-resolved,systemd-sysv,systemd-timesyncd,tzdata"
)
HOST_PACKAGES = BASE + ",cloud-init,dhcpcd-base,e2fsprogs,sudo,unattended-upgrades"
# The inbox's, and the mail programs of a computer outside AWS (lab/internet/laptop.py).
INBOX_PACKAGES = (
    BASE + ",libsasl2-modules,msmtp,opendkim,opendmarc,postfix,publicsuffix,python3-authheaders,"
    "python3-dkim,python3-dnspython,python3-spf,rsyslog,s-nail,sasl2-bin"
)


class ImageError(Exception):
    """A root file system could not be made; says what to look at."""


def host_image(progress: Callable[[str], None]) -> Path:
    """The hosts' root file system, made at the first call (about 45 s, 500 MB)."""
    return _image("host", HOST_PACKAGES, progress)


def inbox_image(progress: Callable[[str], None]) -> Path:
    """The receiving provider's root file system."""
    return _image("inbox", INBOX_PACKAGES, progress)


def _image(kind: str, packages: str, progress: Callable[[str], None]) -> Path:
    overlay = FILES / kind
    digest = hashlib.sha256(packages.encode())
    for file in sorted(p for p in overlay.rglob("*") if p.is_file()):
        digest.update(str(file.relative_to(overlay)).encode() + b"\0" + file.read_bytes())
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
        f"--include={packages.replace('', '')}",
        # Postfix asks at installation; the inbox's own files replace whatever it would write.
        '--essential-hook=echo "postfix postfix/main_mailer_type select No configuration"'
        ' | chroot "$1" debconf-set-selections',
        f"--customize-hook=cp -a --no-preserve=ownership {overlay}/. $1/",
        '--customize-hook=chroot "$1" sh -e /setup.sh',
        '--customize-hook=rm "$1/setup.sh"',
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
    except OSError:  # another process made it meanwhile: theirs is as good
        shutil.rmtree(partial)
    return root

"""The system tools that the lab needs; `python -m lab.tools [--yes]` installs them.

With `--tests`, those of the tests as well, with `--real-kernel` those of virtual machines. Each is
a package of Debian; nothing is installed without `--yes` or a yes.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

WHY = {
    "mmdebstrap": ("mmdebstrap", "makes the machines' root file system"),
    "systemd-nspawn": ("systemd-container", "runs the machines"),
    "ip": ("iproute2", "makes the lab's network"),
    "nft": ("nftables", "holds security groups and Elastic IPs"),
    "dnsmasq": ("dnsmasq-base", "gives addresses by DHCP"),
    "unbound": ("unbound", "is the lab's resolver"),
    "nginx": ("nginx-light", "answers under the true names of AWS and others, caches packages"),
    "pebble": ("pebble", "is the certificate authority"),
}
# For `make test`; modules by their files.
TESTS = {
    "/usr/share/perl5/Mail/Address.pm": ("libmailtools-perl", "reads From fields"),
    "/usr/share/perl5/Email/Address.pm": ("libemail-address-perl", "reads From fields"),
    "chromium": ("chromium", "shows the page of a report"),
    "chromedriver": ("chromium-driver", "lets a test look at it"),
}
# For hosts with a kernel of their own (`relay lab up --real-kernel`, `make test-vm`).
REAL_KERNEL = {
    "qemu-system-x86_64": ("qemu-system-x86", "runs a host with a kernel of its own"),
    "sfdisk": ("fdisk", "parts such a host's disk"),
    "mkfs.ext4": ("e2fsprogs", "makes its file system"),
    "ssh": ("openssh-client", "runs commands on it"),
}
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def missing(*, tests: bool = False, real_kernel: bool = False) -> dict[str, str]:
    """Missing Debian packages, and the purpose of each."""
    wanted = WHY | (TESTS if tests else {}) | (REAL_KERNEL if real_kernel else {})
    return {package: why for tool, (package, why) in wanted.items() if not _is_there(tool)}


def _is_there(tool: str) -> bool:
    """Whether a program, or a file by its absolute path, is installed."""
    return Path(tool).exists() or shutil.which(tool, path=PATH) is not None


def _agreed() -> bool:
    """Whether the user says yes; without an answer, `--yes` is named."""
    try:
        return input("Install them? [y/N] ").lower() == "y"
    except EOFError:
        print("nobody is there to answer: --yes does it without asking", file=sys.stderr)
        return False


def main() -> int:
    """Install missing packages; exit status 1 if that is refused or impossible."""
    given = sys.argv[1:]
    packages = missing(tests="--tests" in given, real_kernel="--real-kernel" in given)
    if not packages:
        return 0
    print("The lab needs these packages of Debian:", file=sys.stderr)
    for package, why in packages.items():
        print(f"  {package}: {why}", file=sys.stderr)
    if "--yes" not in given and not _agreed():
        return 1
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print("Install them as root: apt-get install " + " ".join(packages), file=sys.stderr)
        return 1
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Packages must not start services, which would take ports of this computer.
    policy = Path("/usr/sbin/policy-rc.d")
    quiet = not policy.exists()
    if quiet:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        for command in (
            ["apt-get", "-q", "update"],
            ["apt-get", "-q", "-y", "install", "--no-install-recommends", *packages],
        ):
            if subprocess.run(command, env=environment, check=False).returncode != 0:
                return 1
    finally:
        if quiet:
            policy.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())

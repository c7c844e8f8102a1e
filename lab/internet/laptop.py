"""A computer outside AWS: a fresh Debian system at the address of the lab's probe.

It has Postfix, msmtp, s-nail, ssh and a user's SSH key, whose public half is `ssh.publicKey` of the
lab's stacks.
"""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from lab.lab import Lab
from lab.machines import throwaway
from lab.machines.image import inbox_image
from lab.machines.network import RESOLVER

SECONDS = 120
TRUST = "/etc/ssl/certs/ca-certificates.crt"
KEY = "/root/.ssh/id_ed25519"


def run(lab: Lab, script: str, files: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a shell script as root in a new system, with files at their paths; nothing is kept."""
    with tempfile.TemporaryDirectory(dir=lab.directory) as folder:
        binds = []
        laid = {**files, "/script": script}
        for number, (path, content) in enumerate(laid.items()):
            source = Path(folder) / str(number)
            source.write_text(content)
            source.chmod(0o600 if path in files else 0o644)
            binds.append(f"--bind-ro={source}:{path}")
        return subprocess.run(
            [*_system(lab, *binds), "sh", "-e", "/script"],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )


def shell(lab: Lab) -> list[str]:
    """The command line prefix that runs a command in a new system, at this terminal."""
    return _system(lab)


def private_key(lab: Lab) -> Path:
    """The file of the user's SSH key, which is made at the first call."""
    file = lab.directory / "laptop-key"
    if not file.exists():
        key = ed25519.Ed25519PrivateKey.generate()
        file.touch(mode=0o600)
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
        )
    return file


def public_key(lab: Lab) -> str:
    """The public half of the user's SSH key."""
    key = serialization.load_ssh_private_key(private_key(lab).read_bytes(), None)
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return f"{public.decode()} you@laptop"


def internet(lab: Lab) -> list[str]:
    """The options of a system that uses the lab's resolver and trusts its authority."""
    resolver = lab.directory / "laptop-resolv.conf"
    resolver.write_text(f"nameserver {RESOLVER}\n")
    trusted = lab.directory / "machines/inbox/root" / TRUST.lstrip("/")
    return [f"--bind-ro={trusted}:{TRUST}", f"--bind-ro={resolver}:/etc/resolv.conf"]


def _system(lab: Lab, *options: str) -> list[str]:
    return throwaway.system(
        inbox_image(lambda _: None),
        f"{lab.namespace}-laptop",
        f"{lab.namespace}-probe",
        *internet(lab),
        f"--bind-ro={private_key(lab)}:{KEY}",
        *options,
    )

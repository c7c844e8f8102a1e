"""A computer outside AWS: commands on a fresh Debian system at the address of the lab's probe."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lab.lab import Lab
from lab.machines.image import inbox_image
from lab.machines.network import RESOLVER

SECONDS = 120
TRUST = "/etc/ssl/certs/ca-certificates.crt"


def run(lab: Lab, script: str, files: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a shell script as root with files at their paths; nothing of it stays.

    The system is the provider's image without its configuration: it has Postfix, msmtp and s-nail.
    """
    trusted = lab.directory / "machines/inbox/root" / TRUST.lstrip("/")
    with tempfile.TemporaryDirectory(dir=lab.directory) as folder:
        binds = [f"--bind-ro={trusted}:{TRUST}"]
        laid = {**files, "/etc/resolv.conf": f"nameserver {RESOLVER}\n", "/script": script}
        for number, (path, content) in enumerate(laid.items()):
            source = Path(folder) / str(number)
            source.write_text(content)
            source.chmod(0o600 if path in files else 0o644)
            binds.append(f"--bind-ro={source}:{path}")
        return subprocess.run(
            [
                "systemd-nspawn",
                "--quiet",
                "--register=no",
                "--keep-unit",
                f"--directory={inbox_image(lambda _: None)}",
                "--volatile=overlay",
                f"--network-namespace-path=/run/netns/{lab.namespace}-probe",
                "--resolv-conf=off",
                "--timezone=off",
                "--console=pipe",
                *binds,
                "sh",
                "-e",
                "/script",
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )

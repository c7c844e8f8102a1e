"""`into.py DIRECTORY COMMAND...`: a command on a virtual machine, as its root, by SSH.

It does for a virtual machine what `nsenter` does for a container, and is run by its path. All
commands share one connection, because opening one takes seconds on an emulated processor.
"""

import json
import os
import shlex
import sys
from pathlib import Path

OPTIONS = (
    # each machine has a new host key, and the network is the lab's own
    "StrictHostKeyChecking=no",
    "UserKnownHostsFile=/dev/null",
    "LogLevel=ERROR",
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=15",
    "ControlMaster=auto",
    "ControlPersist=60",
)


def main() -> None:
    """Replace this process by ssh."""
    directory, command = Path(sys.argv[1]), sys.argv[2:]
    into = json.loads((directory / "into.json").read_text())
    ssh = ["ssh", *(f"-o{option}" for option in OPTIONS)]
    ssh += [f"-oControlPath={directory}/ssh", "-i", str(directory / "key")]
    ssh += ["-t"] if sys.stdin.isatty() else []
    argv = [*into["through"], *ssh, f"root@{into['address']}", shlex.join(command)]
    os.execvp(argv[0], argv)  # noqa: S606 (no shell in between)


if __name__ == "__main__":
    main()

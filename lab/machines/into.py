"""`into.py DIRECTORY COMMAND...`: a command on a virtual machine, as its root, by SSH.

It is for such a machine what `nsenter` is for a container, and is run by its path. One connection
serves all commands: to open one is seconds of work where the processor is emulated.
"""

import json
import os
import shlex
import sys
from pathlib import Path

OPTIONS = (
    # each machine is new, and its network is the lab's own
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
    """Become ssh."""
    directory, command = Path(sys.argv[1]), sys.argv[2:]
    into = json.loads((directory / "into.json").read_text())
    ssh = ["ssh", *(f"-o{option}" for option in OPTIONS)]
    ssh += [f"-oControlPath={directory}/ssh", "-i", str(directory / "key")]
    ssh += ["-t"] if sys.stdin.isatty() else []
    argv = [*into["through"], *ssh, f"root@{into['address']}", shlex.join(command)]
    os.execvp(argv[0], argv)  # noqa: S606 (no shell in between)


if __name__ == "__main__":
    main()

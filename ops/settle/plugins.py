"""Plug-ins that outlive a killed `pulumi`, and finish the operations that it had started.

Pulumi's own plug-ins check on it only every few minutes (sdk/go/common/util/rpcutil, Healthcheck).
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ops import engine
from ops.terminal import notes

WAIT_SECONDS = 10.0
_NAMES = (b"pulumi-resource-", b"lab.provider")


def end_orphans(project: Path = engine.PROJECT) -> None:
    """Wait for orphaned plug-ins, then terminate them: later creations would not be found.

    Only those of this project, and only if there is /proc.
    """
    if not _left(project, WAIT_SECONDS):
        return
    for pid in _orphans(project):
        notes.print(f"a plug-in of the `pulumi` that was killed still works (pid {pid}): ended")
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    _left(project, WAIT_SECONDS)


def _left(project: Path, seconds: float) -> bool:
    """Whether orphans are still there after so many seconds."""
    deadline = time.monotonic() + seconds
    while found := list(_orphans(project)):
        if time.monotonic() > deadline:
            return bool(found)
        time.sleep(0.1)
    return False


def _orphans(project: Path) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            command = (folder / "cmdline").read_bytes()
            if not any(name in command for name in _NAMES):
                continue
            # after the name, which may have spaces: state, parent
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            adopted = parent == "1" or Path("/proc", parent, "comm").read_text() == "systemd\n"
            if adopted and (folder / "cwd").readlink() == project:
                yield int(folder.name)

"""The lock of a stack whose `pulumi` was killed."""

import os
import re
import socket
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.errors import StackError
from ops.settle import state
from ops.target import Target
from ops.terminal import notes

_LOCK = re.compile(r"created by \S+@(\S+) \(pid (\d+)\) at (\S+)")
# Pulumi Cloud's message for a lock, which does not name its holder.
_BUSY = "Another update is currently in progress"
# The age of a stale lock: `up` waits for two hours at most for each of several gateways.
_STALE = timedelta(hours=24)
# Of given resources only; the stack's outputs have not changed.
_REFRESH = ("refresh", "--yes", "--skip-preview", "--suppress-outputs")


def refresh(target: Target, urns: Iterable[str]) -> None:
    """Read resources of the state anew; Pulumi's own words are shown only if it fails."""
    targets = [f"--target={urn}" for urn in urns]
    target.operate(*_REFRESH, *targets, shown=lambda _: "")


def unlock(target: Target, deployment: state.Deployment) -> bool:
    """Take away the lock of a `pulumi` that was killed; True if there was one.

    StackError if the lock may be held.
    """
    # a refresh of nothing else: only a command that changes the stack takes its lock
    whole = [r["urn"] for r in state.resources(deployment) if r["type"] == "pulumi:pulumi:Stack"]
    try:
        refresh(target, whole)
    except StackError as error:
        locks = _LOCK.findall(str(error))
        held = [lock for lock in locks if not _stale(*lock)]
        if held or _BUSY in str(error):
            host, pid, since = held[0] if held else ("", "", "")
            whose = f" since {since} by pid {pid} of {host}" if held else ""
            raise StackError(
                f"the stack {target.stack} is locked{whose}, by a `pulumi` that may still work: "
                "wait for it. If you know that it does not: "
                f"{target.typed('cancel')}"
            ) from None
        if not locks:
            raise
        notes.print("the last `pulumi` here was killed: its lock is taken away")
        target.pulumi("cancel", "--yes")
        return True
    return False


def _stale(host: str, pid: str, made: str) -> bool:
    if host != socket.gethostname():
        return datetime.now(UTC) - datetime.fromisoformat(made) > _STALE
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    command = Path(f"/proc/{pid}/cmdline")  # if there is /proc: the pid may be reused by now
    return command.exists() and b"pulumi" not in command.read_bytes()

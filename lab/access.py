"""Ways into a lab: a command on a machine, a connection from one of its namespaces."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import RelayError
from common.shell import ToolError
from lab.lab import Lab

INTO = Path(__file__).parent / "machines" / "into.py"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class NotRunning(RelayError):
    """The lab, or one of its machines, is not up."""


def inside(lab: Lab, machine: str) -> list[str]:
    """The command line prefix that runs a command on a machine, as root."""
    file = lab.directory / "machines" / machine / "leader"
    leader = file.read_text() if file.exists() else ""
    if not leader:
        raise NotRunning(f"the machine {machine} of the lab {lab.name} is not running")
    directory = file.parent
    if (directory / "into.json").exists():
        into = [sys.executable, str(INTO), str(directory)]
    else:
        into = ["nsenter", "-t", leader, "-m", "-u", "-i", "-n", "-p", "--wdns=/", "--"]
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return [*into, "env", "-i", path, "HOME=/root", "LC_ALL=C.UTF-8", f"TERM={_terminal()}"]


def run(
    lab: Lab,
    machine: str,
    *command: str,
    stdin: str = "",
    seconds: float | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a command on a machine, as root, with standard output and error as text.

    ToolError if it fails and `check` is set; subprocess.TimeoutExpired if it takes too long.
    """
    result = subprocess.run(
        [*inside(lab, machine), *command],
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds,
    )
    if check and result.returncode != 0:
        said = (result.stderr or result.stdout).strip()
        raise ToolError(
            f"`{' '.join(command)}` on {machine} failed with {result.returncode}: {said}"
        )
    return result


def _terminal() -> str:
    return os.environ.get("TERM", "dumb")


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def entered(namespace: str) -> Iterator[None]:
    """Enter a network namespace with this thread; sockets opened in it stay there afterwards."""
    path = Path("/run/netns") / namespace
    if not path.exists():
        raise NotRunning(f"there is no network namespace {namespace}: is the lab up?")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(path, os.O_RDONLY)
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(home)
        os.close(there)

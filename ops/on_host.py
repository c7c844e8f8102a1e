"""What a command on a host gave, whatever way led to it."""

import subprocess
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ops.errors import StackError
from ops.outputs import Host

T = TypeVar("T")


class NoAnswer(StackError):
    """There is no way to a host, or a command there took too long; the text says which."""


def ask_each(hosts: Iterable[Host], ask: Callable[[Host], T]) -> tuple[dict[str, T], list[str]]:
    """What each host gives, by its name, and why those give nothing that cannot be asked."""
    given: dict[str, T] = {}
    silent = []
    for host in hosts:
        try:
            given[host.name] = ask(host)
        except StackError as error:
            silent.append(str(error))
    return given, silent


def ended(
    host: Host, argv: Sequence[str], text: str, seconds: float | None
) -> subprocess.CompletedProcess[str]:
    """Run the command line that leads to a command on a host; NoAnswer if it takes longer."""
    try:
        return subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"{host.name}: no answer after {seconds:.0f} s") from None


def output(host: Host, result: subprocess.CompletedProcess[str], fine: tuple[int, ...]) -> str:
    """What it wrote; StackError unless it ended as is fine."""
    if result.returncode not in fine:
        raise StackError(f"{host.name}: {(result.stderr or result.stdout).strip()}")
    return result.stdout

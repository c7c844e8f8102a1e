"""The results of commands on hosts, by ssh or in a lab."""

import subprocess
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from ops.errors import StackError
from ops.outputs import Host
from ops.terminal import slow

T = TypeVar("T")


class Named(Protocol):
    """What is asked by its name, such as a host."""

    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


class NoAnswer(StackError):
    """A host cannot be reached, or a command there took too long; the text says which."""


def ask_each(hosts: Iterable[N], ask: Callable[[N], T]) -> tuple[dict[str, T], list[str]]:
    """The answers of hosts by name, and the StackErrors of those that do not answer."""
    given: dict[str, T] = {}
    silent = []
    for host in hosts:
        try:
            with slow(f"waiting for {host.name}"):
                given[host.name] = ask(host)
        except StackError as error:
            silent.append(str(error))
    return given, silent


def ended(
    host: Host, argv: Sequence[str], text: str, seconds: float | None
) -> subprocess.CompletedProcess[str]:
    """Run the local command line of a command on a host; NoAnswer if it takes longer."""
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
    """The command's standard output; StackError unless its exit status is in `fine`."""
    if result.returncode not in fine:
        raise StackError(f"{host.name}: {(result.stderr or result.stdout).strip()}")
    return result.stdout

"""Where the world is looked at from: here, or the internet of a lab."""

import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lab.access import NotRunning, entered, inside
from lab.lab import Lab
from lab.machines.network import RESOLVER
from lab.send import Internet
from ops.target import Target
from ops.verify.expected import Expected, Host
from ops.verify.hosts import Ask, NoAccess
from ops.verify.names import Dns, Names
from ops.verify.talk import Connect

CONNECT_SECONDS = 10
HOST_SECONDS = 60
NO_SSH = (
    "it needs a shell on the host, and SSH is closed: set mail-relay:ssh.allowFrom to your "
    "network, or look there by hand as docs/verify.md says"
)


@dataclass(frozen=True)
class Place:
    """How names, ports and hosts are reached."""

    names: Names
    connect: Connect
    trust: ssl.SSLContext
    ask_host: Ask


@contextmanager
def place(target: Target, expected: Expected) -> Iterator[Place]:
    """For a lab, a computer on its internet: sockets of this thread are there meanwhile."""
    if target.lab:
        with entered(f"{target.lab.namespace}-probe"):
            trust = Internet(target.lab).context()
            yield Place(Dns(RESOLVER), _connect, trust, _lab_shell(target.lab))
    else:
        yield Place(Dns(), _connect, ssl.create_default_context(), _ssh(expected))


def _connect(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), CONNECT_SECONDS)


def _lab_shell(lab: Lab) -> Ask:
    def ask(host: Host, program: str, arguments: Sequence[str]) -> str:
        try:
            return _python(inside(lab, host.instance_id), program, arguments)
        except NotRunning as error:
            raise NoAccess(str(error)) from None

    return ask


def _ssh(expected: Expected) -> Ask:
    def ask(host: Host, program: str, arguments: Sequence[str]) -> str:
        if not expected.ssh.allow_from:
            raise NoAccess(NO_SSH)
        options = [
            "BatchMode=yes",
            f"ConnectTimeout={CONNECT_SECONDS}",
            f"HostKeyAlias={host.name}",
        ]
        command = ["ssh", *(part for option in options for part in ("-o", option))]
        login = f"{expected.ssh.user}@{host.address}"
        return _python([*command, login, "sudo"], program, arguments)

    return ask


def _python(command: Sequence[str], program: str, arguments: Sequence[str]) -> str:
    """Run a program, given on standard input, at the end of a command that reaches a host."""
    try:
        result = subprocess.run(
            [*command, "python3", "-", *arguments],
            input=program,
            capture_output=True,
            text=True,
            check=False,
            timeout=HOST_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAccess(str(error)) from None
    if result.returncode != 0:
        raise NoAccess(f"{command[0]}: {result.stderr.strip()[-300:]}")
    return result.stdout

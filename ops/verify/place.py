"""Where the world is looked at from: here, or the internet of a lab."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lab.access import NotRunning, entered
from lab.machines.network import RESOLVER
from lab.send import Internet
from ops import hosts
from ops.lab_stack import StackError
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
    root = expected.acme_root
    if target.lab:
        with entered(f"{target.lab.namespace}-probe"):
            trust = Internet(target.lab, root).context()
            yield Place(Dns(RESOLVER), _connect, trust, _shell(target, expected))
    else:
        trust = ssl.create_default_context(cadata=root)
        yield Place(Dns(), _connect, trust, _shell(target, expected))


def _connect(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), CONNECT_SECONDS)


def _shell(target: Target, expected: Expected) -> Ask:
    def ask(host: Host, program: str, arguments: Sequence[str]) -> str:
        if not target.lab and not expected.ssh.allow_from:
            raise NoAccess(NO_SSH)
        where = host.model_dump(by_alias=True)
        command = ("python3", "-", *arguments)
        try:
            return hosts.run(target, where, *command, text=program, seconds=HOST_SECONDS)
        except (StackError, NotRunning, OSError) as error:
            raise NoAccess(str(error)) from None

    return ask

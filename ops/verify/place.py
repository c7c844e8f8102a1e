"""Where the world is looked at from: here, or the internet of a lab."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError

from components.naming import tables_key
from lab.access import NotRunning, entered
from lab.machines.network import RESOLVER
from lab.send import Internet
from ops import account, hosts
from ops.errors import StackError
from ops.outputs import Host, Outputs
from ops.status import NoStatus, Written, read, tables_now
from ops.target import Target
from ops.verify.hosts import Ask, NoAccess
from ops.verify.names import Dns, Names
from ops.verify.talk import Connect

CONNECT_SECONDS = 10
HOST_SECONDS = 60
# What it last found of port 25 may be an hour old.
ANEW = "rm -f /run/mail-relay/egress.json && systemctl restart mail-relay-status.service"
NOW = ("sh", "-c", ANEW)


@dataclass(frozen=True)
class Place:
    """How names, ports and hosts are reached."""

    names: Names
    connect: Connect
    trust: ssl.SSLContext
    status_of: Ask


@contextmanager
def place(target: Target, expected: Outputs) -> Iterator[Place]:
    """For a lab, a computer on its internet: sockets of this thread are there meanwhile."""
    root = expected.acme_root
    if target.lab:
        with entered(f"{target.lab.namespace}-probe"):
            trust = Internet(target.lab, root).context()
            yield Place(Dns(RESOLVER), _connect, trust, _status(target, expected))
    else:
        trust = ssl.create_default_context(cadata=root)
        yield Place(Dns(), _connect, trust, _status(target, expected))


def _connect(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), CONNECT_SECONDS)


def _status(target: Target, expected: Outputs) -> Ask:
    def ask(host: Host) -> Written:
        try:
            if target.lab or expected.ssh.allow_from:
                # a host that can be reached says how it is now; it writes every minute in any case
                with contextlib.suppress(StackError, NotRunning):
                    hosts.run(target, host, *NOW, seconds=HOST_SECONDS)
            with account.clients(target) as client:
                written = read(client, host)
                key = tables_key("" if host in expected.gateways else host.name)
                return replace(written, tables=tables_now(client, host.status, key))
        except (NoStatus, BotoCoreError, NotRunning, OSError) as error:
            raise NoAccess(str(error)) from None

    return ask

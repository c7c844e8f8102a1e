"""The internet as a computer outside the stack sees it."""

import socket
import ssl
from dataclasses import dataclass

from ops.verify.names import Names
from ops.verify.talk import Connect

# Linux retransmits a SYN after 1, 3 and 7 s; a slowed address may get through with the last.
CONNECT_SECONDS = 8


@dataclass(frozen=True)
class Internet:
    """The internet seen by a computer outside the stack: DNS, connections, and trusted roots."""

    names: Names
    connect: Connect
    trust: ssl.SSLContext


def connect(address: str, port: int) -> socket.socket:
    """A connection from this computer, or from the network namespace that this thread is in."""
    return socket.create_connection((address, port), CONNECT_SECONDS)

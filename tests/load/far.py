"""The far side: a mail server that takes everything at once, counts it, and judges it later."""

import email
import email.policy
import socketserver
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import dkim
import dns.resolver

from lab.access import entered
from lab.internet.stranger import put_zone
from lab.lab import Lab
from lab.machines.network import PROBE, RESOLVER

PUT_OFF = b"q"


@dataclass(frozen=True)
class Copy:
    """One copy of a message: when it came (seconds since 1970), from which address, and what."""

    at: float
    client: str
    content: bytes


class Far(socketserver.ThreadingTCPServer):
    """SMTP on the probe's address; each message has a recipient of its own, `ID@DOMAIN`."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, lab: Lab, domain: str) -> None:
        self.lab, self.domain = lab, domain
        self.defers = False  # tell all recipients that begin with PUT_OFF to come again
        self.copies: dict[str, list[Copy]] = defaultdict(list)
        self.lock = threading.Lock()
        with entered(f"{lab.namespace}-probe"):
            super().__init__((PROBE, 25), _Session)

    def take(self, recipients: list[str], client: str, content: bytes) -> None:
        """Keep one copy for each recipient."""
        copy = Copy(time.time(), client, content)
        with self.lock:
            for recipient in recipients:
                self.copies[recipient.partition("@")[0]].append(copy)

    def arrived(self) -> dict[str, list[Copy]]:
        """The copies of each message so far."""
        with self.lock:
            return {identity: list(copies) for identity, copies in self.copies.items()}

    def failing(self, addresses: set[str]) -> dict[str, str]:
        """The messages with a copy that does not pass DMARC, and why (RFC 7489, 3.1).

        It has to come from one of the addresses, which SPF lists, with a signature that verifies,
        of the domain of its author.
        """
        lookup = cache(self._txt)
        found: dict[str, str] = {}
        for identity, copies in self.arrived().items():
            for copy in copies:
                if problem := _problem(copy, addresses, lookup):
                    found[identity] = problem
        return found

    def _txt(self, name: bytes) -> bytes | None:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [RESOLVER]
        with entered(self.lab.namespace):
            try:
                (record,) = resolver.resolve(name.decode(), "TXT")
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                return None
        return b"".join(record.strings)


def _problem(copy: Copy, addresses: set[str], lookup: Any) -> str:
    if copy.client not in addresses:
        return f"came from {copy.client}"
    headers = email.message_from_bytes(copy.content, policy=email.policy.default)
    author = headers["From"].addresses[0].domain
    signer = dkim.DKIM(copy.content)
    try:
        good = signer.verify(dnsfunc=lambda name, timeout=5: lookup(name))
    except dkim.DKIMException as error:
        return f"its signature: {error}"
    if not good:
        return "has no signature that verifies" if signer.domain else "is not signed"
    signed = (signer.domain or b"").decode()
    return "" if signed == author else f"is signed by {signed}, and its author is of {author}"


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Far)
        recipients: list[str] = []
        self._say("220 far ESMTP")
        for line in self.rfile:
            command = line.strip().upper()
            if command.startswith(b"QUIT"):
                self._say("221 bye")
                return
            if command.startswith((b"MAIL", b"RSET")):
                recipients = []
            if command.startswith(b"RCPT"):
                recipient = line.partition(b"<")[2].partition(b">")[0]
                if self.server.defers and recipient.startswith(PUT_OFF):
                    self._say("450 4.2.1 come again")
                    continue
                recipients.append(recipient.decode().lower())
            if command != b"DATA":
                self._say("250 8BITMIME" if command.startswith(b"EHLO") else "250 ok")
                continue
            self._say("354 go on")
            content = self._content()
            if content is None:  # the connection was lost: nobody was told that it is kept
                return
            self.server.take(recipients, self.client_address[0], content)
            self._say("250 kept")

    def _content(self) -> bytes | None:
        """A message without the dots that transparency adds (RFC 5321, 4.5.2); None if cut off."""
        content = bytearray()
        for line in self.rfile:
            if line == b".\r\n":
                return bytes(content)
            content += line.removeprefix(b".")
        return None

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def far_side(lab: Lab) -> Iterator[Far]:
    """A domain with a server that listens until the block ends."""
    domain = f"far-{uuid.uuid4().hex[:8]}.example"
    put_zone(lab, domain, [[domain, "A", 300, PROBE]])
    server = Far(lab, domain)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        put_zone(lab, domain, [])

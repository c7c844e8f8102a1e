"""A correspondent's mail server that takes everything at once and keeps what it got."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lab.access import entered
from lab.lab import Lab
from lab.machines.network import PROBE


class Sink(socketserver.ThreadingTCPServer):
    """SMTP on the probe's address; `messages` by recipient, CRLF as they came."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, lab: Lab) -> None:
        with entered(f"{lab.namespace}-probe"):
            super().__init__((PROBE, 25), _Session)
        self.messages: dict[str, bytes] = {}


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Sink)
        recipients: list[str] = []
        self._say("220 sink")
        for line in self.rfile:
            command = line.strip().upper()
            if command.startswith(b"QUIT"):
                self._say("221 bye")
                return
            if command.startswith(b"RCPT"):
                recipients.append(line.partition(b"<")[2].partition(b">")[0].decode().lower())
            if command != b"DATA":
                self._say("250 8BITMIME" if command.startswith(b"EHLO") else "250 ok")
                continue
            self._say("354 go on")
            content = b""
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                content += line.removeprefix(b".")
            self.server.messages |= dict.fromkeys(recipients, content)
            recipients = []
            self._say("250 kept")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def sink(lab: Lab) -> Iterator[Sink]:
    """A sink that listens until the block ends."""
    server = Sink(lab)
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent(lab: Lab) -> Iterator[None]:
    """An exchanger on the probe's address that can be connected to, and says nothing."""
    with entered(f"{lab.namespace}-probe"):
        server = socket.create_server((PROBE, 25), backlog=64)
    with server:
        yield

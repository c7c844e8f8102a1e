"""SMTP as an attacker speaks it: octets as they are, with every reply as one line of text."""

import base64
import contextlib
import socket
import ssl
import struct
from typing import Self

SECONDS = 30.0
CLOSED = "closed"


class Talk:
    """A connection that has read no greeting yet; `closed` once the other side has ended it."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._socket, self._context, self._name = plain, context, name
        self._read = b""
        self.closed = False
        self.refusals = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection without a word."""
        self.closed = True
        with contextlib.suppress(OSError):
            self._socket.close()

    def reset(self) -> None:
        """End the connection as a line that is cut does (RST), without TLS's goodbye."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def secure(self) -> None:
        """TLS from here on; the certificate is verified."""
        self._socket = self._context.wrap_socket(self._socket, server_hostname=self._name)

    @property
    def tls(self) -> str:
        """The version of TLS, or ""."""
        return getattr(self._socket, "version", lambda: "")() or ""

    def send(self, octets: bytes) -> None:
        """Send octets as they are; a connection that is gone is seen by the next reply."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self._socket.sendall(octets)

    def reply(self, seconds: float = SECONDS) -> str:
        """The next reply, its lines joined by "/"; "closed" if there is none, "" if it is late."""
        self._socket.settimeout(seconds)
        lines: list[str] = []
        while not lines or lines[-1][3:4] == "-":
            while b"\n" not in self._read:
                try:
                    more = self._socket.recv(65536)
                except TimeoutError:
                    return ""
                except (ConnectionResetError, ssl.SSLError):
                    more = b""
                if not more:
                    self.close()
                    return "/".join(lines) or CLOSED
                self._read += more
            line, _, self._read = self._read.partition(b"\n")
            lines.append(line.decode(errors="replace").rstrip("\r"))
        said = "/".join(lines)
        if said[:1] in "45":
            self.refusals += 1
        return said

    def say(self, line: str | bytes) -> str:
        """One command, and its reply."""
        octets = line if isinstance(line, bytes) else line.encode()
        self.send(octets + b"\r\n")
        return self.reply()

    def starttls(self, helo: str) -> None:
        """STARTTLS and a new EHLO; ConnectionError if it is not to be had."""
        if not (said := self.say("STARTTLS")).startswith("220"):
            raise ConnectionError(said)
        self.secure()
        self.say(f"EHLO {helo}")

    def authenticate(self, login: str, password: str, authorize: str = "") -> str:
        """AUTH PLAIN in one line (RFC 4616); its reply."""
        token = base64.b64encode(f"{authorize}\0{login}\0{password}".encode()).decode()
        return self.say(f"AUTH PLAIN {token}")


def is_refusal(said: str) -> bool:
    """Whether a reply ends an attempt."""
    return said[:1] not in ("2", "3")

"""Read a mailbox on a gateway by IMAP, as its owner's mail program does."""

import email
import imaplib
import socket
from email.message import EmailMessage
from email.policy import default
from typing import Any

from lab.access import entered
from lab.internet.smtp import SMTP_SECONDS, Internet
from lab.lab import Lab
from lab.wait import until

PORT = 993
ARRIVAL_SECONDS = 60


class Imap(imaplib.IMAP4_SSL):
    """A session from the lab's internet with a gateway at an address.

    Its certificate is verified for `host`.
    """

    def __init__(self, lab: Lab, host: str, address: str, login: str, password: str) -> None:
        self._lab, self._address = lab, address
        context = Internet(lab).context()
        super().__init__(host, PORT, ssl_context=context, timeout=SMTP_SECONDS)
        self.login(login, password)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        with entered(f"{self._lab.namespace}-probe"):
            plain = socket.create_connection((self._address, PORT), timeout)
        return self.ssl_context.wrap_socket(plain, server_hostname=self.host)

    def numbers(self, folder: str = "INBOX", *criteria: str) -> list[str]:
        """Select a folder again and return the numbers of its messages."""
        said, (answer, *_) = self.select(folder)
        if said != "OK":
            raise self.error(f"{folder}: {answer!r}")
        _, (found, *_) = self.search(None, *(criteria or ("ALL",)))
        return found.decode().split()

    def wait_for(self, subject: str, seconds: float = ARRIVAL_SECONDS) -> EmailMessage:
        """The message of this subject in INBOX; TimeoutError if it does not come."""
        found = until(
            f"{subject!r} is in the mailbox",
            lambda: self.numbers("INBOX", "SUBJECT", f'"{subject}"'),
            seconds,
        )
        _, parts = self.fetch(found[0], "(BODY.PEEK[])")
        content: Any = parts[0]
        return email.message_from_bytes(content[1], policy=default)  # type: ignore[return-value]

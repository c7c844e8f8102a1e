"""The test message: its sender, recipient and content."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate

from mail import idn, names


def recipient_problem(address: str) -> str | None:
    """The reason that mail cannot be sent to an address, or None."""
    local, _, domain = address.rpartition("@")
    if not domain.isascii() and (form := idn.ascii_form(domain)):
        return f"write it in its ASCII form: {local}@{form}"
    # an address elsewhere may have capitals
    return names.address_problem(address.lower())


def may_send_as(send_as: Sequence[str], address: str) -> bool:
    """Whether an address is one of `send_as`, or in one of its domains (`@domain`)."""
    return address in send_as or f"@{address.rpartition('@')[2]}" in send_as


def first_sender(login: str, send_as: Sequence[str]) -> str:
    """The first address that a login may send as; if only domains, its own or a postmaster."""
    first = next((item for item in send_as if not item.startswith("@")), "")
    if first or not send_as:
        return first or login
    return login if may_send_as(send_as, login) else f"postmaster{send_as[0]}"


@dataclass(frozen=True)
class Outgoing:
    """A message to send; `token` is a word that is unique to it, and that replies repeat."""

    login: str
    sender: str
    recipient: str
    server: str
    operator: str
    token: str

    @property
    def subject(self) -> str:
        """The message's subject."""
        return f"Test message {self.token}"

    @property
    def message_id(self) -> str:
        """The Message-ID without its brackets."""
        return f"relay-test-{self.token}@{self.sender.rpartition('@')[2]}"

    def compose(self) -> EmailMessage:
        """The message. It is not marked as automatic: a person sends it, and reflectors answer."""
        message = EmailMessage()
        message["From"], message["To"] = self.sender, self.recipient
        message["Subject"], message["Date"] = self.subject, formatdate()
        message["Message-ID"] = f"<{self.message_id}>"
        message.set_content(
            "This is a test message. There is nothing to do, and it can be deleted.\n\n"
            f"An operator of the mail server {self.server} has sent it, to see whether mail\n"
            "arrives here and how it is judged.\n\n"
            f"Questions are answered by {self.operator}.\n"
        )
        return message


def new_token() -> str:
    """A word that nobody can guess, so whoever repeats it has received the message."""
    return uuid.uuid4().hex[:16]

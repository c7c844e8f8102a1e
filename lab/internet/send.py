"""Compose and send mail as people and programs in a lab do, and find it in the inbox."""

import time
import uuid
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from lab import access
from lab.internet.inbox import DOMAIN as INBOX_DOMAIN
from lab.internet.inbox import Inbox
from lab.internet.inbox.message import Message
from lab.lab import Lab

RECIPIENT = f"me@{INBOX_DOMAIN}"


def compose(sender: str, recipient: str, subject: str, body: str = "Hello.\n") -> EmailMessage:
    """A message as a mail program writes it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">"))
    message.set_content(body)
    return message


@dataclass(frozen=True)
class Sent:
    """A sent message: the way it was sent, and the subject by which it is found in the inbox."""

    via: str
    sender: str
    recipient: str
    subject: str
    started: float
    tls: str = ""


def unique(text: str) -> str:
    """A unique subject."""
    return f"{text} {uuid.uuid4().hex[:12]}"


def by_shell(lab: Lab, machine: str, sender: str, subject: str) -> Sent:
    """`mail -s ... -r ...` on a client host's shell."""
    started = time.time()
    command = ["mail", "-s", subject, "-r", sender, RECIPIENT]
    access.run(lab, machine, *command, stdin="Hello from the shell.\n")
    return Sent("client's shell", sender, RECIPIENT, subject, started)


def arrived(lab: Lab, sent: Sent, seconds: float) -> Message:
    """The message in the inbox; TimeoutError if it does not come."""
    return Inbox(lab).wait_for(lambda m: m.subject == sent.subject, seconds=seconds)[0]

"""Sends mail in a lab as its users do, and reads the verdicts on it."""

import re
import time
import uuid
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from lab import access
from lab.internet.inbox import DOMAIN as INBOX_DOMAIN
from lab.internet.inbox import Inbox
from lab.internet.inbox.message import Message
from lab.internet.smtp import Internet
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
    """A message that was sent: how, and the subject by which it is found in the inbox."""

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


def by_login(
    internet: Internet, gateway: dict[str, str], port: int, login: str, password: str, subject: str
) -> Sent:
    """A mail program on the internet, with a login."""
    started = time.time()
    with internet.connect(gateway["name"], gateway["address"], port) as session:
        session.login(login, password)
        session.send_message(compose(login, RECIPIENT, subject))
        # the TLS context has verified the name in the certificate
        tls = f"{session.sock.version()} verified"  # type: ignore[union-attr]
    return Sent(f"login on {port}", login, RECIPIENT, subject, started, tls)


def three(internet: Internet, outputs: dict[str, Any]) -> list[Sent]:
    """Send by the first client's shell, and by the first login on 587 and on 465."""
    sent, lab = [], internet.lab
    for client in outputs["clients"][:1]:
        domain = client["name"].partition(".")[2]
        subject = unique("from the client's shell")
        sent.append(by_shell(lab, client["instanceId"], f"app@{domain}", subject))
    for login in outputs["logins"][:1]:
        for port in (587, 465):
            password = outputs["passwords"][login]
            subject = unique(f"by port {port}")
            sent.append(by_login(internet, outputs["gateway"], port, login, password, subject))
    return sent


def arrived(lab: Lab, sent: Sent, seconds: float) -> Message:
    """The message in the inbox; TimeoutError if it does not come."""
    return Inbox(lab).wait_for(lambda m: m.subject == sent.subject, seconds=seconds)[0]


def hops(lab: Lab, sent: Sent, message: Message, outputs: dict[str, Any]) -> list[str]:
    """TLS of each hop: its version, and how the sending side verified the receiving side.

    The gateway hides the sessions of its users (smtpd_hide_client_session), so the first hop is
    read from the sender: its session, or the client host's log. Later hops are in Received headers,
    and the gateway's log says how it verified the receiver's certificate.
    """
    first = sent.tls or _log_level(lab, outputs["clients"][0], outputs["gateway"]["name"])
    level = _log_level(lab, outputs["gateway"], message.receivers[-1])
    return [first, *message.hops[:-1], level or message.hops[-1]]


def _log_level(lab: Lab, host: dict[str, str], peer: str) -> str:
    """The last TLS session of a host with a peer, by its log, such as "TLSv1.3 verified"."""
    log = access.run(lab, host["instanceId"], "cat", "/var/log/mail.log").stdout
    pattern = (
        rf"(\w+) TLS connection (?:established|reused) to {re.escape(peer)}\[.*?: (TLS[v.\d]+)"
    )
    found = re.findall(pattern, log)
    return f"{found[-1][1]} {found[-1][0].lower()}" if found else ""


def report(lab: Lab, sent: Sent, message: Message, outputs: dict[str, Any]) -> dict[str, Any]:
    """One line of `lab send`."""
    verdict = message.verdict
    return {
        "from": sent.sender,
        "to": sent.recipient,
        "via": sent.via,
        "spf": verdict.spf,
        "dkim": verdict.dkim,
        "dmarc": verdict.dmarc,
        "tls": hops(lab, sent, message, outputs),
        "seconds": round(message.arrived - sent.started, 1),
    }

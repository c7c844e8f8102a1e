"""Sending mail in a lab as its users do, and reading what became of it."""

import re
import smtplib
import ssl
import subprocess
import time
import uuid
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from lab.access import entered, inside
from lab.internet.inbox import DOMAIN as INBOX_DOMAIN
from lab.internet.inbox import Inbox
from lab.internet.inbox.message import Message
from lab.lab import Lab

PROBE_HELO = "laptop.isp.example"
SMTP_SECONDS = 60
RECIPIENT = f"me@{INBOX_DOMAIN}"


@dataclass(frozen=True)
class Internet:
    """A computer on the lab's internet: what a stranger, or a user with a login, can do.

    With a `root` (PEM), TLS trusts this one instead of all that the lab's machines trust.
    """

    lab: Lab
    root: str | None = None

    def context(self) -> ssl.SSLContext:
        """TLS that checks names."""
        bundle = self.lab.directory / "machines/inbox/root/etc/ssl/certs/ca-certificates.crt"
        return ssl.create_default_context(cadata=self.root or bundle.read_text())

    def connect(self, host: str, address: str, port: int, *, tls: bool = True) -> smtplib.SMTP:
        """A session with a gateway: 465 is TLS from the start, on others STARTTLS unless told not.

        The certificate is verified for `host`; `address` is what DNS gives for it.
        """
        with entered(f"{self.lab.namespace}-probe"):
            session = _Smtp(address, port, self.context(), host, implicit=port == 465)
        session.ehlo()
        if tls and port != 465:
            session.starttls(context=session.context)
            session.ehlo()
        return session


class _Smtp(smtplib.SMTP):
    """smtplib, connecting to an address while verifying a name."""

    def __init__(
        self, address: str, port: int, context: ssl.SSLContext, name: str, *, implicit: bool
    ) -> None:
        self.context, self._name, self._implicit = context, name, implicit
        super().__init__(local_hostname=PROBE_HELO, timeout=SMTP_SECONDS)
        self._host = name  # starttls verifies this
        code, text = self.connect(address, port)
        self._host = name
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        plain = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        if self._implicit:
            return self.context.wrap_socket(plain, server_hostname=self._name)
        return plain


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
    """One message that was handed in: how, and by what it is found again."""

    via: str
    sender: str
    recipient: str
    subject: str
    started: float
    tls: str = ""


def unique(text: str) -> str:
    """A subject that no other message has."""
    return f"{text} {uuid.uuid4().hex[:12]}"


def by_shell(lab: Lab, machine: str, sender: str, subject: str) -> Sent:
    """`mail -s ... -r ...` on a client host's shell."""
    started = time.time()
    command = [*inside(lab, machine), "mail", "-s", subject, "-r", sender, RECIPIENT]
    subprocess.run(command, input="Hello from the shell.\n", text=True, check=True)
    return Sent("client's shell", sender, RECIPIENT, subject, started)


def by_login(
    internet: Internet, gateway: dict[str, str], port: int, login: str, password: str, subject: str
) -> Sent:
    """A mail program on the internet, with a login."""
    started = time.time()
    with internet.connect(gateway["name"], gateway["address"], port) as session:
        session.login(login, password)
        session.send_message(compose(login, RECIPIENT, subject))
        # the context would have refused a certificate of another name
        tls = f"{session.sock.version()} verified"  # type: ignore[union-attr]
    return Sent(f"login on {port}", login, RECIPIENT, subject, started, tls)


def three(internet: Internet, outputs: dict[str, Any]) -> list[Sent]:
    """The three ways in: the first client's shell, and the first login on 587 and on 465."""
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
    """TLS of each hop: the version, and how far the sending side checked the receiving one.

    The gateway hides how its users came (smtpd_hide_client_session), so the first hop is told by
    the sender: its session, or the client host's log. Further ones are in Received headers, and
    the gateway's log says what it thought of the certificate.
    """
    first = sent.tls or _log_level(lab, outputs["clients"][0], outputs["gateway"]["name"])
    level = _log_level(lab, outputs["gateway"], message.receivers[-1])
    return [first, *message.hops[:-1], level or message.hops[-1]]


def _log_level(lab: Lab, host: dict[str, str], peer: str) -> str:
    """The last TLS session that a host had with a peer, such as "TLSv1.3 verified"."""
    command = [*inside(lab, host["instanceId"]), "cat", "/var/log/mail.log"]
    log = subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")
    pattern = (
        rf"(\w+) TLS connection (?:established|reused) to {re.escape(peer)}\[.*?: (TLS[v.\d]+)"
    )
    found = re.findall(pattern, log.stdout)
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

"""SNS's deliveries: mail to the exchanger of an address, and requests to https endpoints.

Amazon SNS Developer Guide, "Message delivery retries" and "HTTP/HTTPS headers". SNS's mail leaves
by Amazon SES's hosts and is signed twice; keys and signatures of https requests are left out.
"""

import contextlib
import http.client
import logging
import secrets
import smtplib
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr, formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dkim as dkimpy
import dns.exception
import dns.resolver
from werkzeug.http import http_date

from lab.access import entered
from lab.region.memory import Memory
from lab.region.names import put_zone
from lab.region.sns.notices import NOTIFICATION, Delivery
from mail import dkim, txt

log = logging.getLogger("sns")
AUTHOR, DOMAIN, SENDER_DOMAIN = "no-reply@sns.amazonaws.com", "sns.amazonaws.com", "amazonses.com"
# One of the hosts that Amazon SES sends from in us-east-1.
SES_HOST, SES_ADDRESS = "a8-33.smtp-out.amazonses.com", "54.240.8.33"
SELECTOR = "lab"
TOO_MANY = 429
SECONDS = 15.0  # within which an endpoint must answer
# Seconds before each further attempt, without SNS's random part.
BACKOFF = tuple(round(10 * 60 ** (number / 9)) for number in range(10))
MAIL_DELAYS = (10, 10, *BACKOFF, *[600] * 38)
HTTPS_DELAYS = (20, 20, 20)
HEADERS = {
    "Content-Type": "text/plain; charset=UTF-8",
    "User-Agent": "Amazon Simple Notification Service Agent",
}


class Refused(Exception):
    """The endpoint's own final word; it is not asked again."""


@dataclass
class Courier:
    """Sends from a network namespace, with names by a resolver, and trusts the roots in a file.

    Without these it sends from this computer. `key` signs the mail (DKIM).
    """

    memory: Memory
    namespace: str | None = None
    resolver: str | None = None
    trust: Path | None = None
    address: str = SES_ADDRESS
    smtp_port: int = 25
    key: str = field(default_factory=dkim.generate)

    def publish_names(self) -> None:
        """Put the names of Amazon's sending host, and its keys, into the lab's DNS."""
        record = " ".join(f'"{piece}"' for piece in txt.pieces(dkim.record(self.key)))
        key = [dkim.name(SELECTOR, DOMAIN), "TXT", 300, record]
        put_zone(self.memory, DOMAIN, [key])
        own = [
            [SENDER_DOMAIN, "TXT", 300, f'"v=spf1 ip4:{SES_ADDRESS} -all"'],
            [dkim.name(SELECTOR, SENDER_DOMAIN), "TXT", 300, record],
            [SES_HOST, "A", 300, SES_ADDRESS],
            [SES_ADDRESS, "PTR", 300, f"{SES_HOST}."],
        ]
        put_zone(self.memory, SENDER_DOMAIN, own)

    def run(self) -> None:
        """Deliver whatever waits, each message in a thread of its own."""
        while True:
            waiting = self.memory.notices.waiting.get()
            threading.Thread(target=self.deliver, args=(waiting,), daemon=True).start()

    def deliver(self, delivery: Delivery, delays: Sequence[float] | None = None) -> bool:
        """Try until it works, or until SNS would give up; whether it has worked."""
        mail = delivery.protocol == "email"
        waits = delays if delays is not None else (MAIL_DELAYS if mail else HTTPS_DELAYS)
        for wait in (0, *waits):
            time.sleep(wait)
            try:
                with entered(self.namespace) if self.namespace else contextlib.nullcontext():
                    self._mail(delivery) if mail else self._post(delivery)
            except Refused as error:
                log.warning("%s: %s", delivery.endpoint, error)
                return False
            except Exception as error:  # whatever it was, SNS tries again
                log.warning("%s: %r", delivery.endpoint, error)
            else:
                return True
        return False

    def addresses(self, name: str) -> list[str]:
        """The addresses of a name; the error of the resolver if there are none."""
        return [record.to_text() for record in self._resolve(name, "A")]

    def exchangers(self, domain: str) -> list[str]:
        """The hosts that take a domain's mail, the preferred first (RFC 5321, 5.1)."""
        try:
            found = sorted(self._resolve(domain, "MX"), key=lambda record: record.preference)
        except dns.resolver.NoAnswer:
            return [domain]
        return [record.exchange.to_text(omit_final_dot=True) for record in found]

    def _resolve(self, name: str, kind: str) -> Any:
        resolver = dns.resolver.Resolver(configure=self.resolver is None)
        if self.resolver is not None:
            resolver.nameservers = [self.resolver]
        return resolver.resolve(name, kind)

    def message(self, delivery: Delivery) -> bytes:
        """The mail, signed for its author's domain and for SES's."""
        message = EmailMessage(policy=SMTP)
        message["From"] = formataddr((delivery.sender, AUTHOR))
        message["To"], message["Subject"] = delivery.endpoint, delivery.subject
        message["Date"] = formatdate()
        message["Message-ID"] = (
            f"<{secrets.token_hex(8)}-{uuid.uuid4()}-000000@email.amazonses.com>"
        )
        message["X-AMZN-SNS-TOPIC-ARN"] = delivery.topic
        message.set_content(delivery.body)
        content = message.as_bytes()
        for domain in (DOMAIN, SENDER_DOMAIN):
            signed = dkimpy.sign(content, SELECTOR.encode(), domain.encode(), self.key.encode())
            content = signed + content
        return content

    def _mail(self, delivery: Delivery) -> None:
        """Hand the mail to one of the exchangers, over TLS if it has it, as SES does."""
        content = self.message(delivery)
        sender = f"{secrets.token_hex(8)}-{uuid.uuid4()}-000000@{SENDER_DOMAIN}"
        problem: Exception = OSError("no exchanger has an address")
        for host in self.exchangers(delivery.endpoint.rpartition("@")[2]):
            try:
                self._hand_in(host, sender, delivery.endpoint, content)
            except smtplib.SMTPRecipientsRefused as error:
                ((code, text),) = error.recipients.values()
                if code >= 500:
                    raise Refused(f"{code} {text!r}") from None
                problem = error
            except smtplib.SMTPResponseException as error:
                if error.smtp_code >= 500:
                    raise Refused(f"{error.smtp_code} {error.smtp_error!r}") from None
                problem = error
            except (OSError, smtplib.SMTPException, dns.exception.DNSException) as error:
                problem = error
            else:
                return
        raise problem

    def _hand_in(self, host: str, sender: str, recipient: str, content: bytes) -> None:
        session = self._session(host)
        try:
            session.sendmail(sender, [recipient], content)
        finally:  # how the session ends does not matter for the message
            with contextlib.suppress(OSError):
                session.quit()

    def _session(self, host: str) -> smtplib.SMTP:
        """A session with an exchanger; certificates of exchangers are not verified (RFC 7435)."""
        source = (self.address, 0) if self.namespace else None
        address = self.addresses(host)[0]
        session = smtplib.SMTP(
            address, self.smtp_port, SES_HOST, SECONDS * 4, source_address=source
        )
        session.ehlo()
        if session.has_extn("starttls"):
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            session.starttls(context=context)
            session.ehlo()
        return session

    def _post(self, delivery: Delivery) -> None:
        """One POST to a host with a valid certificate; only 5xx and 429 are tried again."""
        url = urlsplit(delivery.endpoint)
        host, port = str(url.hostname), url.port or 443
        context = ssl.create_default_context(cafile=str(self.trust) if self.trust else None)
        connection = _Connection(host, port, timeout=SECONDS, context=context)
        connection.address = self.addresses(host)[0]
        headers = {
            **HEADERS,
            "Date": http_date(),
            "x-amz-sns-message-type": delivery.kind,
            "x-amz-sns-topic-arn": delivery.topic,
        }
        if delivery.kind == NOTIFICATION:
            headers["x-amz-sns-subscription-arn"] = delivery.subscription
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        with contextlib.closing(connection):
            connection.request("POST", path, delivery.body.encode(), headers)
            answer = connection.getresponse()
        if answer.status >= 500 or answer.status == TOO_MANY:
            raise OSError(f"the endpoint answers {answer.status}")
        if not 200 <= answer.status < 300:
            raise Refused(f"the endpoint answers {answer.status}")


class _Connection(http.client.HTTPSConnection):
    """HTTPS to an address, with the certificate of the host's name."""

    address = ""

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)  # type: ignore[attr-defined]


def serve(courier: Courier) -> None:
    """Deliver in a thread of its own."""
    courier.publish_names()
    threading.Thread(target=courier.run, daemon=True).start()

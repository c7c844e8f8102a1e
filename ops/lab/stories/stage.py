"""The parts of a story: acts, and the stage that they use."""

import smtplib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP

import dns.resolver

from lab import access
from lab.access import entered
from lab.internet import send
from lab.internet.inbox import Inbox
from lab.internet.inbox.message import Message
from lab.internet.smtp import Internet
from lab.internet.stranger import Stranger
from lab.lab import Lab
from lab.machines.network import RESOLVER
from ops.lab.failures import FAILURES, words
from ops.outputs import Host, Outputs

FILTERED_SECONDS = 1.0
SHOWN = 600  # characters of a program's output


class Unexpected(Exception):
    """An act's result differs from its sentence; the text is what was observed."""


@dataclass(frozen=True)
class Stage:
    """A running set-up with its outputs, secret ones too, and a stranger who writes to it."""

    lab: Lab
    outputs: Outputs
    stranger: Stranger

    @property
    def gateway(self) -> Host:
        """The set-up's gateway."""
        return self.outputs.gateways[0]

    @property
    def inbox(self) -> Inbox:
        """The receiving provider's inbox."""
        return Inbox(self.lab)

    def connect(
        self, port: int, login: str | None = None, at: Host | None = None, name: str = ""
    ) -> smtplib.SMTP:
        """An SMTP session with a gateway from the internet, TLS verified; logged in with `login`.

        `name` is the name to verify, unless it is the gateway's own.
        """
        gateway = at or self.gateway
        session = Internet(self.lab).connect(name or gateway.name, gateway.address, port)
        if login:
            session.login(login, self.password(login))
        return session

    def password(self, login: str) -> str:
        """A login's password; Unexpected if the stack has no such login."""
        if login not in self.outputs.passwords:
            raise Unexpected(f"the stack has no login {login}")
        return self.outputs.passwords[login]

    def submit(
        self, message: EmailMessage, login: str, port: int = 587, sender: str | None = None
    ) -> str:
        """Submit a message with a login; return the port, the TLS version and the login as text."""
        with self.connect(port, login) as session:
            session.send_message(message, from_addr=sender)
            return f"port {port}, {session.sock.version()}, AUTH as {login}"  # type: ignore[union-attr]

    def write(self, recipient: str, subject: str) -> None:
        """Send mail from the stranger to an address of ours, by port 25."""
        message = send.compose(self.stranger.address, recipient, subject)
        self.deliver(recipient, self.stranger.signed(message))

    def deliver(self, recipient: str, content: bytes, sender: str | None = None) -> None:
        """Deliver a message on port 25, as another server does."""
        with self.connect(25) as session:
            session.sendmail(
                self.stranger.address if sender is None else sender, recipient, content
            )

    def arrived(self, wanted: Callable[[Message], bool] | str, count: int = 1) -> list[Message]:
        """Messages of a subject, or that `wanted` accepts, once the inbox has `count` of them."""
        if not isinstance(wanted, str):
            return self.inbox.wait_for(wanted, count=count)
        try:
            return self.inbox.wait_for(lambda m: m.subject == wanted, count=count)
        except TimeoutError as error:
            queue = f"./relay queue list --lab {self.lab.name} says what waits, and why"
            raise Unexpected(f"waiting for {wanted!r} in the inbox: {error}; {queue}") from None

    def passed(self, subject: str, sender: str = "") -> str:
        """Expect a message in the inbox that passes SPF, DKIM and DMARC; return that as text."""
        (message,) = self.arrived(subject)
        verdict = message.verdict
        expect(verdict.passes(), f"{verdict}")
        expect(not sender or message.parsed["From"] == sender, f"From: {message.parsed['From']}")
        return f"in {message.recipient}: spf=pass dkim=pass dmarc=pass, by both judges"

    def resolve(self, name: str, kind: str) -> list[str]:
        """The records that the lab's resolver has for a name, sorted."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [RESOLVER]
        with entered(self.lab.namespace):
            try:
                return sorted(record.to_text() for record in resolver.resolve(name, kind))
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                return []

    def reaches(self, address: str, port: int, stranger: str = "probe") -> bool:
        """Whether a stranger gets a TCP connection; a filtered port runs into the timeout."""
        with entered(f"{self.lab.namespace}-{stranger}"):
            try:
                socket.create_connection((address, port), timeout=FILTERED_SECONDS).close()
            except OSError:
                return False
        return True

    def run(self, host: Host, *command: str, text: str = "") -> str:
        """The output of a command that root runs on a host."""
        return access.run(self.lab, host.instance_id, *command, stdin=text).stdout


Act = Callable[[Stage], str]


@dataclass(frozen=True)
class Played:
    """The result of an act: its sentence, what was observed, and how long it took."""

    act: str
    passed: bool
    seen: str
    seconds: float


def sentence(act: Act) -> str:
    """The sentence of an act: its docstring."""
    return " ".join((act.__doc__ or "").split()).removesuffix(".")


def play(stage: Stage, act: Act) -> Played:
    """Play an act; a failure becomes its result and does not stop the others."""
    started = time.monotonic()
    try:
        seen, passed = act(stage), True
    except Unexpected as error:
        seen, passed = _shortened(str(error)), False
    except FAILURES as error:
        seen, passed = words(error), False
    return Played(sentence(act), passed, seen, round(time.monotonic() - started, 1))


def _shortened(text: str) -> str:
    """A text, without its middle if it is long."""
    half = SHOWN // 2
    return text if len(text) <= SHOWN else f"{text[:half]} [...] {text[-half:]}"


def expect(condition: bool, otherwise: str) -> None:
    """Raise Unexpected, with what was observed instead, unless the condition holds."""
    if not condition:
        raise Unexpected(otherwise)


def refused(attempt: Callable[[], object], *codes: int) -> str:
    """Expect that the gateway refuses an attempt with one of the codes; return its reply."""
    try:
        attempt()
    except smtplib.SMTPRecipientsRefused as error:
        (answer,) = error.recipients.values()
    except smtplib.SMTPResponseException as error:
        answer = (error.smtp_code, error.smtp_error)
    else:
        raise Unexpected("it was accepted")
    code, text = answer
    said = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    expect(code in codes, f"{code} {said}")
    return f"{code} {' '.join(said.split())}"


def unsigned(sender: str, recipient: str, subject: str) -> bytes:
    """A message without a DKIM signature."""
    return send.compose(sender, recipient, subject).as_bytes(policy=SMTP)

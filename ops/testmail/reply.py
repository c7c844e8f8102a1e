"""A mailbox of the stack, and the messages in it about a test: replies, bounces, the test itself.

The field Authentication-Results at the top of a reply is our own gateway's verdict on that reply. A
verdict on the test is in the test's header, which the reply has as a part or as text, or in the
reply's own text. Whoever repeats the test's token has received the message.
"""

import email
import imaplib
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import EmailMessage, Message
from email.policy import compat32, default
from typing import Any

from mail import authentication_results
from ops.outputs import Host
from ops.plain_words import failure
from ops.target import Internet
from ops.testmail.verdicts import METHODS, Verdicts

FIELD = "Authentication-Results"
PORT, SECONDS = 993, 30
_QUOTED = re.compile(
    rf"^[> \t]*{FIELD}:(.*(?:\n(?:>+ ?)*+[ \t]+\S.*)*)", re.IGNORECASE | re.MULTILINE
)
# the format of widely used reflectors: "SPF check:          pass"
_CHECK = re.compile(r"^(SPF|DKIM|DMARC) check:[ \t]*([a-z]+)", re.IGNORECASE | re.MULTILINE)


class Unreadable(Exception):
    """A mailbox cannot be read; the text is the error."""


class _Imap(imaplib.IMAP4_SSL):
    """IMAP over the target's internet; the certificate is verified for the host's name."""

    def __init__(self, internet: Internet, host: Host) -> None:
        self._internet, self._address = internet, host.address
        super().__init__(host.name, PORT, ssl_context=internet.trust, timeout=SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = self._internet.connect(self._address, PORT)
        plain.settimeout(timeout)
        return self.ssl_context.wrap_socket(plain, server_hostname=self.host)


class Mailbox:
    """The messages that come into INBOX after this was made; INBOX is opened read-only."""

    def __init__(self, imap: imaplib.IMAP4) -> None:
        self._imap = imap
        _, (said, *_) = imap.status("INBOX", "(UIDNEXT)")
        found = re.search(rb"UIDNEXT (\d+)", said or b"")
        if found is None:
            raise Unreadable(f"INBOX: {(said or b'no answer').decode(errors='replace')}")
        self._next = int(found[1])
        imap.select("INBOX", readonly=True)

    def about(self, token: str) -> list[EmailMessage]:
        """The new messages with the token anywhere in them."""
        try:
            self._imap.noop()
            _, (said, *_) = self._imap.uid("SEARCH", f"UID {self._next}:*", "TEXT", token)
            return [self._fetched(uid) for uid in (said or b"").decode().split()]
        except (OSError, imaplib.IMAP4.error) as error:
            raise Unreadable(failure(error)) from None

    def _fetched(self, uid: str) -> EmailMessage:
        _, parts = self._imap.uid("FETCH", uid, "(BODY.PEEK[])")
        content: Any = parts[0]
        return email.message_from_bytes(content[1], policy=default)  # type: ignore[return-value]


@contextmanager
def opened(internet: Internet, host: Host, login: str, password: str) -> Iterator[Mailbox]:
    """A mailbox of the stack, logged in; raises Unreadable."""
    try:
        imap = _Imap(internet, host)
        imap.login(login, password)
        mailbox = Mailbox(imap)
    except (OSError, imaplib.IMAP4.error) as error:
        raise Unreadable(failure(error)) from None
    with imap:
        yield mailbox


def bounce(message: Message, message_id: str) -> str:
    """The diagnosis in a bounce of the test (RFC 3464), or ""; delays do not count."""
    parts = [part for part in message.walk() if not part.is_multipart()]
    if message.get_content_type() != "multipart/report" or message_id not in _whole(message):
        return ""
    fields = [part for part in parts if part.get("Action", "").strip().lower() == "failed"]
    return next((_diagnosis(part) for part in fields), "")


def _diagnosis(fields: Message) -> str:
    said = " ".join(str(fields.get("Diagnostic-Code", "")).split()).partition(";")[2].strip()
    return said or f"failed, {fields.get('Status', 'with no reason given')}"


def identity(message: Message) -> str:
    """A message's Message-ID without its brackets, "" if it has none."""
    return _field(message, "Message-ID").strip(" <>")


def verdicts(message: EmailMessage, message_id: str) -> Verdicts | None:
    """The verdicts on the test in a message of the mailbox, or None."""
    # the test itself came back, or never left: the field at its top is the verdict on it
    if identity(message) == message_id:
        return _judged([str(value) for value in message.get_all(FIELD, [])])
    for header in _headers(message):
        if identity(header) == message_id and (
            found := _judged([str(value) for value in header.get_all(FIELD, [])])
        ):
            return found
    text = _text(message)
    if found := _judged([re.sub(r"\n[> \t]*", " ", value) for value in _QUOTED.findall(text)]):
        return found
    said = {method.lower(): result.lower() for method, result in _CHECK.findall(text)}
    return _made(_field(message, "From"), said)


def _judged(values: Sequence[str]) -> Verdicts | None:
    """The verdicts of the last server that checked, whose fields are first (RFC 8601, 5)."""
    read = [authentication_results.read(value) for value in values]
    if not (fields := [found for found in read if found]):
        return None
    last = [found for found in fields if found.by == fields[0].by]
    said = {m: next((r for found in last if (r := found.of(m))), "") for m in METHODS}
    return _made(last[0].by, said)


def _made(by: str, said: Mapping[str, str]) -> Verdicts | None:
    spf, dkim, dmarc = (said.get(method, "") for method in METHODS)
    return Verdicts(by, spf, dkim, dmarc) if spf or dkim or dmarc else None


def _headers(message: EmailMessage) -> Iterator[Message]:
    """The headers of messages that are attached to this one."""
    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            payload: Any = part.get_payload()
            yield from payload if isinstance(payload, list) else ()
        elif part.get_content_type() == "text/rfc822-headers":
            yield email.message_from_string(str(part.get_payload()), policy=default)


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    if body is None:
        return ""
    try:
        return str(body.get_content())
    except (LookupError, ValueError):  # an unknown character set
        content: Any = body.get_payload(decode=True)
        return content.decode("latin-1")


def _field(message: Message, name: str) -> str:
    """A header field, also if it is so malformed that the parser of `email` fails on it."""
    try:
        return str(message.get(name, ""))
    except (LookupError, ValueError, AttributeError):
        values = (value for key, value in message.raw_items() if key.lower() == name.lower())
        return " ".join(str(next(values, "")).encode(errors="replace").decode().split())


def _whole(message: Message) -> str:
    """The message's source as text, whatever its encodings."""
    return message.as_bytes(policy=compat32).decode(errors="replace")

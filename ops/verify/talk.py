"""A test session with a port, without login: greeting, TLS, AUTH, recipients."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ops.outputs import Host

SMTP, SUBMISSION, SUBMISSIONS, IMAPS = 25, 587, 465, 993
SECONDS = 20.0
OURSELVES = "[127.0.0.1]"  # an address literal (RFC 5321, 4.1.3): the gateway takes any
READY = 220
# Recipients of one transaction: Postfix's smtpd_recipient_limit for strangers is more.
AT_ONCE = 50
# Postfix's reply above strangers.recipientsPerMinute; after some more it would hang up.
TOO_MANY = "Error: too many recipients"

# Opens a TCP connection to an address and a port; raises OSError.
Connect = Callable[[str, int], socket.socket]
Reply = tuple[int, str]


@dataclass
class SmtpSession:
    """The server's replies in a session; a field stays empty if the session ended before it.

    `closed` is the reason that there was no connection, `broken` that the session ended early,
    `distrust` that the certificate is not trusted. `refusal` is the reply to a refused STARTTLS;
    `before` and `after` are the EHLO keywords before and after TLS. `limited` is the reply to the
    first recipient above the limit in a minute, after which no more were tried.
    """

    closed: str = ""
    broken: str = ""
    greeting: Reply = (0, "")
    before: dict[str, str] = field(default_factory=dict)
    refusal: Reply = (0, "")
    tls: str = ""
    distrust: ssl.SSLCertVerificationError | None = None
    expires: float | None = None
    after: dict[str, str] = field(default_factory=dict)
    recipients: dict[str, Reply] = field(default_factory=dict)
    limited: Reply = (0, "")


def probe(
    connect: Connect, trust: ssl.SSLContext, host: Host, port: int, recipients: Sequence[str] = ()
) -> SmtpSession:
    """Try a port: TLS, and whether it accepts recipients from the null sender.

    No message is sent. If the certificate is not trusted, that is noted, and the session goes on.
    """
    session = SmtpSession()
    try:
        _talk(connect, trust, host, port, recipients, session)
    except ssl.SSLCertVerificationError as error:
        session = SmtpSession(distrust=error)
        anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
        try:
            _talk(connect, anything, host, port, recipients, session)
        except OSError as said:
            session.broken = str(said)
    except OSError as error:  # smtplib's and ssl's errors are OSErrors
        session.broken = f"{type(error).__name__}: {error}"
    return session


def _talk(
    connect: Connect,
    trust: ssl.SSLContext,
    host: Host,
    port: int,
    recipients: Sequence[str],
    session: SmtpSession,
) -> None:
    try:
        connection = connect(host.address, port)
    except OSError as error:
        session.closed = str(error)
        return
    connection.settimeout(SECONDS)
    smtp = smtplib.SMTP(local_hostname=OURSELVES)
    smtp.sock = connection
    try:
        if port in (SUBMISSIONS, IMAPS):
            _secure(smtp, trust, host, session)
        if port == IMAPS:
            session.greeting = _imap_greeting(smtp.sock)
            return
        session.greeting = _reply(smtp.getreply())
        if session.greeting[0] != READY:
            return
        smtp.ehlo()
        features = dict(smtp.esmtp_features)
        if port == SUBMISSIONS:
            session.after = features
        else:
            session.before = features
            if "starttls" in features:
                code, text = _reply(smtp.docmd("STARTTLS"))
                if code != READY:
                    session.refusal = code, text
                    return
                _secure(smtp, trust, host, session)
                smtp.ehlo()
                session.after = dict(smtp.esmtp_features)
        _ask(smtp, recipients, session)
    finally:
        smtp.close()


def _imap_greeting(connection: socket.socket) -> Reply:
    """The greeting of IMAP (RFC 9051, 7.1); an untagged OK counts as SMTP's 220."""
    with connection.makefile("rb") as file:
        text = file.readline(1024).decode("utf-8", "replace").strip()
    return (READY if text.startswith("* OK") else 0), text


def _secure(smtp: smtplib.SMTP, trust: ssl.SSLContext, host: Host, session: SmtpSession) -> None:
    """Start TLS, and forget the EHLO keywords from before it (RFC 3207, 4.2)."""
    assert smtp.sock is not None
    secured = trust.wrap_socket(smtp.sock, server_hostname=host.name)
    smtp.sock, smtp.file = secured, None
    smtp.ehlo_resp, smtp.esmtp_features, smtp.does_esmtp = None, {}, False
    session.tls = secured.version() or ""
    if ends := (secured.getpeercert() or {}).get("notAfter"):
        session.expires = ssl.cert_time_to_seconds(str(ends))


def _ask(smtp: smtplib.SMTP, recipients: Sequence[str], session: SmtpSession) -> None:
    """Try RCPT for each recipient, or for as many as the server allows in a minute."""
    for begin in range(0, len(recipients), AT_ONCE):
        refusal = _reply(smtp.docmd("MAIL FROM:<>"))
        for recipient in recipients[begin : begin + AT_ONCE]:
            said = refusal
            if refusal[0] < 400:
                said = _reply(smtp.docmd(f"RCPT TO:<{recipient}>"))
            if TOO_MANY in said[1]:
                session.limited = said
                smtp.docmd("QUIT")
                return
            session.recipients[recipient] = said
        smtp.docmd("RSET")
    if recipients:
        smtp.docmd("QUIT")


def _reply(said: tuple[int, bytes]) -> Reply:
    return said[0], " ".join(said[1].decode("utf-8", "replace").split())

"""What a port says to somebody who does not log in: greeting, TLS, AUTH, recipients."""

import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ops.outputs import Host

SMTP, SUBMISSION, SUBMISSIONS, IMAPS = 25, 587, 465, 993
SECONDS = 20.0
OURSELVES = "[127.0.0.1]"  # an address literal (RFC 5321, 4.1.3); the gateway asks no more of it
READY = 220

# A TCP connection with an address and a port; OSError where there is none.
Connect = Callable[[str, int], socket.socket]
Reply = tuple[int, str]


@dataclass
class Heard:
    """What was said, as far as it went; each field is empty until then.

    `closed`, `broken` and `distrust` say why there was no connection, no further conversation, no
    trust in the certificate; `refusal` is the answer to STARTTLS where it is none; `before` and
    `after` are the EHLO keywords before and after TLS.
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


def listen(
    connect: Connect, trust: ssl.SSLContext, host: Host, port: int, recipients: Sequence[str] = ()
) -> Heard:
    """Talk with a port: TLS, and whether it takes recipients from the null sender.

    No message is handed in. A certificate that is not trusted is noted, and the talk goes on.
    """
    heard = Heard()
    try:
        _talk(connect, trust, host, port, recipients, heard)
    except ssl.SSLCertVerificationError as error:
        heard = Heard(distrust=error)
        anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anything.check_hostname, anything.verify_mode = False, ssl.CERT_NONE
        try:
            _talk(connect, anything, host, port, recipients, heard)
        except OSError as said:
            heard.broken = str(said)
    except OSError as error:  # smtplib's and ssl's errors are OSErrors
        heard.broken = f"{type(error).__name__}: {error}"
    return heard


def _talk(
    connect: Connect,
    trust: ssl.SSLContext,
    host: Host,
    port: int,
    recipients: Sequence[str],
    heard: Heard,
) -> None:
    try:
        connection = connect(host.address, port)
    except OSError as error:
        heard.closed = str(error)
        return
    connection.settimeout(SECONDS)
    session = smtplib.SMTP(local_hostname=OURSELVES)
    session.sock = connection
    try:
        if port in (SUBMISSIONS, IMAPS):
            _secure(session, trust, host, heard)
        if port == IMAPS:
            heard.greeting = _imap_greeting(session.sock)
            return
        heard.greeting = _reply(session.getreply())
        if heard.greeting[0] != READY:
            return
        session.ehlo()
        features = dict(session.esmtp_features)
        if port == SUBMISSIONS:
            heard.after = features
        else:
            heard.before = features
            if "starttls" in features:
                code, text = _reply(session.docmd("STARTTLS"))
                if code != READY:
                    heard.refusal = code, text
                    return
                _secure(session, trust, host, heard)
                session.ehlo()
                heard.after = dict(session.esmtp_features)
        _ask(session, recipients, heard)
    finally:
        session.close()


def _imap_greeting(connection: socket.socket) -> Reply:
    """RFC 9051, 7.1; its untagged OK counts as SMTP's 220."""
    with connection.makefile("rb") as file:
        text = file.readline(1024).decode("utf-8", "replace").strip()
    return (READY if text.startswith("* OK") else 0), text


def _secure(session: smtplib.SMTP, trust: ssl.SSLContext, host: Host, heard: Heard) -> None:
    """TLS from here on; what was said before does not count (RFC 3207, 4.2)."""
    assert session.sock is not None
    secured = trust.wrap_socket(session.sock, server_hostname=host.name)
    session.sock, session.file = secured, None
    session.ehlo_resp, session.esmtp_features, session.does_esmtp = None, {}, False
    heard.tls = secured.version() or ""
    if ends := (secured.getpeercert() or {}).get("notAfter"):
        heard.expires = ssl.cert_time_to_seconds(str(ends))


def _ask(session: smtplib.SMTP, recipients: Sequence[str], heard: Heard) -> None:
    if not recipients:
        return
    refusal = _reply(session.docmd("MAIL FROM:<>"))
    for recipient in recipients:
        if refusal[0] < 400:
            heard.recipients[recipient] = _reply(session.docmd(f"RCPT TO:<{recipient}>"))
        else:
            heard.recipients[recipient] = refusal
    session.docmd("RSET")
    session.docmd("QUIT")


def _reply(said: tuple[int, bytes]) -> Reply:
    return said[0], " ".join(said[1].decode("utf-8", "replace").split())

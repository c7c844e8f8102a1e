"""Submission of a test message to a gateway, as by a user's mail program."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.policy import SMTP
from smtplib import SMTP as Session

from ops import guessing, submission
from ops.outputs import Host, Outputs
from ops.plain_words import failure, login_failed, plain
from ops.target import Target
from ops.testmail.message import Outgoing


class Refused(Exception):
    """The gateway refused the message, or the login; the text is its reply."""


class Lost(Exception):
    """The connection broke off during the submission; the text is the error."""


class NotReached(Exception):
    """The message was not sent: there is no session with the gateway; the text says why."""


@dataclass(frozen=True)
class HandedIn:
    """A message that a gateway has accepted: the version of TLS, and the queue id."""

    tls: str
    queue_id: str


@contextmanager
def logged_in(
    found: Target, outputs: Outputs, gateway: Host, port: int, login: str
) -> Iterator[Session]:
    """A session with a gateway, logged in inside verified TLS; raises Refused, NotReached."""
    try:
        session = found.connect(gateway, port, outputs.acme_root)
    except smtplib.SMTPResponseException as error:
        raise NotReached(_told(error)) from None
    except ssl.SSLCertVerificationError as error:
        raise NotReached(failure(error)) from None
    except OSError as error:  # smtplib's errors are OSErrors
        between = found.down(gateway) or guessing.why(found, outputs, gateway)
        raise NotReached("; ".join(filter(None, (failure(error), str(between))))) from None
    with session:
        try:
            submission.log_in(session, login, outputs.passwords[login])
        except smtplib.SMTPResponseException as error:
            if error.smtp_code != submission.WRONG:
                raise Refused(f"login: {_told(error)}") from None
            meaning = login_failed(login, outputs.logins, outputs.disabled)
            raise Refused(f"login: {failure(error)} ({meaning})") from None
        except OSError as error:
            raise NotReached(failure(error)) from None
        yield session


def hand_in(session: Session, test: Outgoing) -> HandedIn:
    """Submit a message; raises Refused or Lost."""
    steps = (
        lambda: session.mail(test.sender),
        lambda: session.rcpt(test.recipient),
        lambda: session.data(test.compose().as_bytes(policy=SMTP)),
    )
    tls, said = session.sock.version(), b""  # type: ignore[union-attr]
    try:
        for take in steps:
            code, said = take()
            if code // 100 != 2:
                raise smtplib.SMTPResponseException(code, said)
    except smtplib.SMTPResponseException as error:
        raise Refused(_told(error)) from None
    except OSError as error:
        raise Lost(failure(error)) from None
    with suppress(OSError):  # the message is accepted already
        session.quit()
    return HandedIn(tls or "", said.decode(errors="replace").rpartition("queued as ")[2].strip())


def _told(error: smtplib.SMTPResponseException) -> str:
    """The reply, with its meaning if that is not plain."""
    answer = failure(error)
    meaning = plain(answer)
    return f"{answer}{f' ({meaning})' if meaning else ''}"

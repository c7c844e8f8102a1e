"""A test message goes to the gateway, as a user's mail program hands it in."""

import smtplib
import ssl
from dataclasses import dataclass
from email.policy import SMTP

from ops.outputs import Outputs
from ops.plain_words import login_failed, plain
from ops.target import Target
from ops.testmail.message import Outgoing


class Refused(Exception):
    """The gateway did not take the message; the text is what was said, and by what step."""


@dataclass(frozen=True)
class HandedIn:
    """A message that the gateway has taken: the version of TLS, and its queue id."""

    tls: str
    queue_id: str


def hand_in(found: Target, outputs: Outputs, test: Outgoing, port: int) -> HandedIn:
    """Hand a message in, with its login inside verified TLS; raises Refused."""
    gateway, root = outputs.gateways[0], outputs.acme_root
    try:
        with found.connect(gateway, port, root) as session:
            tls = session.sock.version()  # type: ignore[union-attr]
            session.login(test.login, outputs.passwords[test.login])
            said = _submitted(session, test)
    except smtplib.SMTPAuthenticationError as error:
        meaning = login_failed(test.login, outputs.logins, outputs.disabled)
        raise Refused(f"login: {_answer(error.smtp_code, error.smtp_error)} ({meaning})") from None
    except smtplib.SMTPResponseException as error:
        answer = _answer(error.smtp_code, error.smtp_error)
        meaning = plain(answer)
        raise Refused(f"{answer}{f' ({meaning})' if meaning else ''}") from None
    except ssl.SSLCertVerificationError as error:
        raise Refused(f"the certificate of {gateway.name}: {error.verify_message}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Refused(f"no answer on {port}: {error}") from None
    return HandedIn(tls or "", said.rpartition("queued as ")[2].strip())


def _submitted(session: smtplib.SMTP, test: Outgoing) -> str:
    """Hand the message in; the answer to it. SMTPResponseException if it is not taken."""
    steps = (
        lambda: session.mail(test.sender),
        lambda: session.rcpt(test.recipient),
        lambda: session.data(test.compose().as_bytes(policy=SMTP)),
    )
    said = b""
    for take in steps:
        code, said = take()
        if code // 100 != 2:
            raise smtplib.SMTPResponseException(code, said)
    return said.decode(errors="replace")


def _answer(code: int, said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}"

"""Errors on the way to a host of a lab, in plain words and with their likely reason."""

import imaplib
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import TimeoutExpired

from common.shell import ToolError
from lab.access import NotRunning
from lab.control import LabError
from lab.lab import Lab
from ops.lab import condition
from ops.outputs import Host

# smtplib's errors are OSErrors, imaplib's are not
FAILURES = (OSError, imaplib.IMAP4.error, ToolError, NotRunning, TimeoutExpired)


def words(error: Exception) -> str:
    """The message of an error of `FAILURES`, without Python's names and forms."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, text), *_) = error.recipients.values()
        return _answer(code, text)
    if isinstance(error, smtplib.SMTPResponseException):
        return _answer(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPServerDisconnected | ConnectionResetError | EOFError):
        return "the server closed the connection"
    if isinstance(error, NotRunning):
        return "it does not run"
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, TimeoutError | TimeoutExpired):
        said = str(error)
        is_ours = isinstance(error, TimeoutError) and error.errno is None and said != "timed out"
        return said if is_ours else "no answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = " ".join(str(error).split())
    return said[2:-1] if said[:2] in ("b'", 'b"') else said or "no reason was given"


def _answer(code: int, text: bytes | str) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join([str(code), *said.split()])


@contextmanager
def on_the_way(lab: Lab, host: Host, what: str) -> Iterator[None]:
    """Raise failures as LabError: the attempt `what`, the error, the time it took, the reason."""
    started = time.monotonic()
    try:
        yield
    except FAILURES as error:
        after = f"after {time.monotonic() - started:.0f} s"
        look = f"./relay lab logs {host.name} --lab {lab.name}"
        why = condition.why_not(lab, [host]) or f"{host.name} says that it serves: {look}"
        raise LabError(f"{what}: {words(error)} {after}; {why}") from None

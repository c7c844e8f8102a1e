"""SMTP sessions with a gateway, like those of a user's mail program."""

import contextlib
import smtplib
import socket
import ssl

from ops.outputs import Host
from ops.verify.talk import OURSELVES, SUBMISSION, SUBMISSIONS, Connect

SECONDS = 30  # for each reply, once connected
WRONG = 535  # RFC 4954, 4: the password is wrong, or there is no such login
PORTS = (SUBMISSION, SUBMISSIONS)


def connect(reach: Connect, trust: ssl.SSLContext, host: Host, port: int) -> smtplib.SMTP:
    """A session in TLS, the certificate verified for the host's name (RFC 8314, 3.3).

    465 has implicit TLS, other ports STARTTLS. Raises OSError, of which smtplib's are subclasses.
    """
    session = _Session(reach, trust, host, port)
    if port != SUBMISSIONS:
        try:
            session.starttls(context=trust)
        except OSError:
            session.close()
            raise
    session.ehlo()
    return session


def greeting(session: smtplib.SMTP) -> str:
    """The name that a server gives itself in its answer to EHLO (RFC 5321, 4.1.1.1), or ""."""
    words = (session.ehlo_resp or b"").decode("ascii", "replace").split()
    return words[0] if words else ""


def log_in(session: smtplib.SMTP, login: str, password: str) -> None:
    """Try a password once; SMTPAuthenticationError if it is refused.

    smtplib's own `login` repeats a refused password with each mechanism, and the host counts each
    time as another wrong password.
    """
    offered = session.esmtp_features.get("auth", "").split()
    session.user, session.password = login, password
    for name, answer in (("PLAIN", session.auth_plain), ("LOGIN", session.auth_login)):
        if name in offered:
            session.auth(name, answer)
            return
    text = f"it offers neither AUTH PLAIN nor LOGIN, but {' '.join(offered) or 'nothing'}"
    raise smtplib.SMTPNotSupportedError(text)


class _Session(smtplib.SMTP):
    """smtplib's session over a connection that a given function makes."""

    def __init__(self, reach: Connect, trust: ssl.SSLContext, host: Host, port: int) -> None:
        self._reach, self._trust, self._to = reach, trust, host
        super().__init__(host.name, port, local_hostname=OURSELVES, timeout=SECONDS)

    def __exit__(self, *_: object) -> None:
        """Quit; errors are ignored, since they do not affect earlier commands."""
        with contextlib.suppress(OSError):
            self.docmd("QUIT")
        self.close()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = self._reach(self._to.address, port)
        plain.settimeout(timeout)
        if port == SUBMISSIONS:
            return self._trust.wrap_socket(plain, server_hostname=host)
        return plain

"""SMTP with a gateway from this computer, as a user's mail program speaks it."""

import smtplib
import ssl

SECONDS = 30
PORTS = (587, 465)


def connect(name: str, port: int, root: str | None = None) -> smtplib.SMTP:
    """A session inside TLS whose certificate is verified for the host's name (RFC 8314, 3.3).

    465 is TLS from the start, other ports by STARTTLS. `root` (PEM, the setting `acme.root`) is
    trusted instead of what the computer trusts. Raises OSError or SMTPException.
    """
    context = ssl.create_default_context(cadata=root)
    if port == 465:
        return smtplib.SMTP_SSL(name, port, timeout=SECONDS, context=context)
    session = smtplib.SMTP(name, port, timeout=SECONDS)
    session.starttls(context=context)
    session.ehlo()
    return session

"""SMTP with a stack's gateway, from where the user is: the internet, or a lab's."""

import smtplib
import ssl

from lab.lab import Lab
from lab.send import Internet
from ops.outputs import Host

SECONDS = 30
PORTS = (587, 465)


def connect(lab: Lab | None, host: Host, port: int, root: str | None = None) -> smtplib.SMTP:
    """A session inside TLS whose certificate is verified for the host's name (RFC 8314, 3.3).

    465 is TLS from the start, other ports by STARTTLS. `root` (PEM, the setting `acme.root`) is
    trusted instead of what the computer trusts. Raises OSError or SMTPException.
    """
    if lab:
        return Internet(lab, root).connect(host.name, host.address, port)
    context = ssl.create_default_context(cadata=root)
    if port == 465:
        return smtplib.SMTP_SSL(host.name, port, timeout=SECONDS, context=context)
    session = smtplib.SMTP(host.name, port, timeout=SECONDS)
    session.starttls(context=context)
    session.ehlo()
    return session

"""SMTP from the lab's internet, with TLS that is verified."""

import smtplib
import ssl
from dataclasses import dataclass
from typing import Any

import dns.resolver

from lab.access import entered
from lab.lab import Lab
from lab.machines.network import RESOLVER

PROBE_HELO = "laptop.isp.example"
SMTP_SECONDS = 60


@dataclass(frozen=True)
class Internet:
    """A computer on the lab's internet, from which strangers and users connect.

    With a `root` (PEM), TLS trusts only this certificate authority, else those of the lab.
    """

    lab: Lab
    root: str | None = None

    def context(self) -> ssl.SSLContext:
        """A TLS context that verifies certificates and names."""
        bundle = self.lab.directory / "machines/inbox/root/etc/ssl/certs/ca-certificates.crt"
        return ssl.create_default_context(cadata=self.root or bundle.read_text())

    def resolve(self, name: str) -> list[str]:
        """The addresses of a name, none if it has none, in the order of the resolver's answer."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [RESOLVER]
        with entered(f"{self.lab.namespace}-probe"):
            try:
                return [record.to_text() for record in resolver.resolve(name, "A")]
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                return []

    def connect(self, host: str, address: str, port: int, *, tls: bool = True) -> smtplib.SMTP:
        """A session with a gateway: 465 is TLS from the start, others use STARTTLS if `tls` is on.

        The certificate is verified for `host`; `address` is the address of that name in DNS.
        """
        with entered(f"{self.lab.namespace}-probe"):
            session = _Smtp(address, port, self.context(), host, implicit=port == 465)
        session.ehlo()
        if tls and port != 465:
            session.starttls(context=session.context)
            session.ehlo()
        return session


class _Smtp(smtplib.SMTP):
    """smtplib, connecting to an address while verifying a name."""

    def __init__(
        self, address: str, port: int, context: ssl.SSLContext, name: str, *, implicit: bool
    ) -> None:
        self.context, self._name, self._implicit = context, name, implicit
        super().__init__(local_hostname=PROBE_HELO, timeout=SMTP_SECONDS)
        self._host = name  # starttls verifies this
        code, text = self.connect(address, port)
        self._host = name
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        plain = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        if self._implicit:
            return self.context.wrap_socket(plain, server_hostname=self._name)
        return plain

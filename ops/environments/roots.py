"""The roots of Let's Encrypt's staging environment, which no computer trusts by itself."""

import http.client
import socket
import ssl
from urllib.parse import urlsplit

from lab.access import entered
from lab.lab import Lab
from lab.machines.network import SERVICES
from ops.errors import StackError

# https://letsencrypt.org/docs/staging-environment/: every chain of theirs leads to one of the two.
URLS = (
    "https://letsencrypt.org/certs/staging/letsencrypt-stg-root-x1.pem",
    "https://letsencrypt.org/certs/staging/letsencrypt-stg-root-x2.pem",
)
SECONDS = 30


class _InLab(http.client.HTTPSConnection):
    """HTTPS with what the lab plays, under its true name."""

    def __init__(self, lab: Lab, host: str) -> None:
        self._lab = lab
        root = lab.directory / "authority" / "root.pem"
        self._tls = ssl.create_default_context(cafile=str(root))
        super().__init__(host, timeout=SECONDS)

    def connect(self) -> None:
        with entered(self._lab.namespace):
            plain = socket.create_connection((SERVICES, 443), SECONDS)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def staging_roots(lab: Lab | None) -> str:
    """The certificates (PEM), as their owner publishes them; StackError if they cannot be had."""
    return "".join(dict.fromkeys(_get(url, lab) for url in URLS))


def _get(url: str, lab: Lab | None) -> str:
    parts = urlsplit(url)
    host = str(parts.hostname)
    connection = _InLab(lab, host) if lab else http.client.HTTPSConnection(host, timeout=SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        body = answer.read().decode()
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise StackError(f"{url} cannot be had ({error}); give --acme-root FILE") from None
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK:
        raise StackError(f"{url} answers {answer.status}; give --acme-root FILE")
    return body

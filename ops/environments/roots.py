"""The roots of Let's Encrypt's staging environment, which no trust store has."""

import http.client
from urllib.parse import urlsplit

from ops.errors import StackError
from ops.target import Target

# Every chain of theirs ends at one of these: https://letsencrypt.org/docs/staging-environment/
URLS = (
    "https://letsencrypt.org/certs/staging/letsencrypt-stg-root-x1.pem",
    "https://letsencrypt.org/certs/staging/letsencrypt-stg-root-x2.pem",
)
SECONDS = 30


def staging_roots(target: Target) -> str:
    """The certificates (PEM) from Let's Encrypt's site; StackError if they cannot be fetched."""
    return "".join(dict.fromkeys(_get(url, target) for url in URLS))


def _get(url: str, target: Target) -> str:
    parts = urlsplit(url)
    connection = target.https(str(parts.hostname), SECONDS)
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

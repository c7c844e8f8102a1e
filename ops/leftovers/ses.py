"""Amazon SES: the identities of domains, by their tags."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ops.leftovers.left import Left


def identities(
    sesv2: Any, tags: Mapping[str, str], domains: Sequence[str]
) -> Iterator[tuple[Left, list[str]]]:
    """Each identity, with the names of its DKIM records."""
    for domain in domains:
        try:
            found = sesv2.get_email_identity(EmailIdentity=domain)
        except sesv2.exceptions.NotFoundException:
            continue
        held = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
        if tags.items() <= held.items():
            remove = f"aws sesv2 delete-email-identity --email-identity {domain}"
            left = Left("SES identity", domain, domain, "nothing; SES sends as it", remove)
            tokens = found["DkimAttributes"]["Tokens"]
            yield left, [f"{token}._domainkey.{domain}" for token in tokens]

"""Amazon SES: Easy DKIM, which moto leaves out. Identities are kept; nothing of SES sends here."""

import secrets

from lab.region import backends

TOKENS = 3


def after_any_call() -> None:
    """A new domain gets three tokens, and waits for the records that they name."""
    for identity in backends.ses().email_identities.values():
        if identity.identity_type == "DOMAIN" and "Tokens" not in identity.dkim_attributes:
            identity.dkim_attributes |= {
                "SigningEnabled": True,
                "Status": "PENDING",
                "Tokens": [secrets.token_hex(16) for _ in range(TOKENS)],
            }

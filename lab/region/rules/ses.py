"""Amazon SES: Easy DKIM, which moto lacks. Identities are stored; SES sends nothing here."""

import secrets

from lab.region import backends

TOKENS = 3


def after_any_call() -> None:
    """Give a new domain three tokens, in the state that waits for their records."""
    for identity in backends.ses().email_identities.values():
        if identity.identity_type == "DOMAIN" and "Tokens" not in identity.dkim_attributes:
            identity.dkim_attributes |= {
                "SigningEnabled": True,
                "Status": "PENDING",
                "Tokens": [secrets.token_hex(16) for _ in range(TOKENS)],
            }

"""Passwords that nobody chose."""

import secrets

BYTES = 24


def random_password() -> str:
    """A password of A-Z, a-z, 0-9, '-' and '_' that cannot be guessed."""
    return secrets.token_urlsafe(BYTES)

"""DKIM key records (RFC 6376, 3.6.1)."""

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048


def generate() -> str:
    """A new RSA key of 2,048 bits (RFC 8301, 3.2) as PEM (PKCS #8)."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=BITS))


def brought_in(private_pem: str) -> str:
    """A key that was made elsewhere, as PEM (PKCS #8); ValueError says what is wrong with it."""
    try:
        key = serialization.load_pem_private_key(private_pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("no private key without a passphrase in PEM") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("no RSA key")
    if key.key_size < BITS:
        raise ValueError(f"an RSA key of {key.key_size} bits")
    return _pem(key)


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def record(private_pem: str) -> str:
    """The key record of a private key."""
    key = serialization.load_pem_private_key(private_pem.encode(), None)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def name(selector: str, domain: str) -> str:
    """Where the record of a selector stands."""
    return f"{selector}._domainkey.{domain}"

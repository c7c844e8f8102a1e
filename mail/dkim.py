"""DKIM key records (RFC 6376, 3.6.1)."""

import base64
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mail import tags

BITS = 2048
# The record of a revoked key (RFC 6376, 3.6.1).
REVOKED = "v=DKIM1; k=rsa; p="


def generate() -> str:
    """A new RSA key of 2,048 bits (RFC 8301, 3.2) as PEM (PKCS #8)."""
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=BITS))


def brought_in(private_pem: str) -> str:
    """A key that was made elsewhere, as PEM (PKCS #8); ValueError if it cannot be used."""
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


def bits(text: str) -> int | None:
    """The size of a key record's RSA key; None for another type, and for a revoked key (`p=`).

    ValueError if there is no valid key in it.
    """
    found = tags.read(text)
    public = "".join(found.get("p", "missing").split())
    if found.get("k", "rsa") != "rsa" or not public:
        return None
    try:
        key = serialization.load_der_public_key(base64.b64decode(public, validate=True))
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("no public key in p=") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("no RSA key in p=")
    return key.key_size


def name(selector: str, domain: str) -> str:
    """The name of a selector's record."""
    return f"{selector}._domainkey.{domain}"


@dataclass(frozen=True)
class KeyRecord:
    """A key record: `key` is base64, "" once it is revoked; `testing` is the flag `t=y`."""

    key: str
    testing: bool


def read(text: str) -> KeyRecord:
    """A key record as verifiers read it; ValueError if they would not use it for mail."""
    found = tags.read(text)
    if "p" not in found:
        raise ValueError("it has no p=")
    if "v" in found and next(iter(found)) != "v":
        raise ValueError("its v= is not the first tag")
    for tag, wanted in (("v", "DKIM1"), ("k", "rsa"), ("h", "sha256"), ("s", "email")):
        values = "".join(found.get(tag, wanted).split()).split(":")
        if wanted not in values and not (tag == "s" and "*" in values):
            raise ValueError(f"{tag}={found[tag]} is not for mail signed with RSA and SHA-256")
    flags = "".join(found.get("t", "").split()).split(":")
    return KeyRecord("".join(found["p"].split()), "y" in flags)

"""DKIM keys that were made elsewhere."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from raw_settings import changed, lines

from mail import dkim
from settings import read


def pem(key: Any) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def keyed(**keys: str) -> dict[str, Any]:
    return changed(domains=[{"name": "shop.example", "selectors": ["s1", "s2"], "keys": keys}])


def test_a_dkim_key_made_elsewhere_is_taken_whatever_its_pem_form() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    taken = read(keyed(s2=pem(key))).domains[0].keys["s2"]
    assert taken.startswith("-----BEGIN PRIVATE KEY-----")
    assert dkim.record(taken) == dkim.record(pem(key))


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"s1": "c2VjcmV0" * 9}, "keys.s1: no private key without a passphrase in PEM; give the"),
        (
            {"s1": pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))},  # noqa: S505
            "keys.s1: an RSA key of 1024 bits; give the private key in PEM, RSA of 2048 bits",
        ),
        ({"s1": pem(ec.generate_private_key(ec.SECP256R1()))}, "keys.s1: no RSA key; give the"),
        ({"s3": dkim.generate()}, "keys.s3: it is none of the domain's selectors (s1, s2); add it"),
    ],
)
def test_a_dkim_key_that_cannot_be_used_is_refused_and_not_shown(
    keys: dict[str, str], line: str
) -> None:
    (found,) = lines(keyed(**keys))
    assert found.startswith(f"mail-relay:domains[0].{line}")
    for key in keys.values():
        assert key[30:60] not in found

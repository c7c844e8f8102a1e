"""The format of a sealed file: JSON whose secrets are encrypted with a passphrase.

Version 1: `kdf` is scrypt (RFC 7914) with its parameters and salt, `cipher` is ChaCha20-Poly1305
(RFC 8439) with its nonce, `sealed` is the ciphertext with its tag; octets are in base64. All other
fields, as JSON with sorted keys and without blanks, are the associated data: a change of them is
found. The content is the JSON of an object.
"""

import base64
import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from common.errors import RelayError

FORMAT, VERSION = "mail-relay keys", 1
KEY_OCTETS, SALT_OCTETS, NONCE_OCTETS = 32, 16, 12
# 128 MiB and about half a second (OWASP, "Password Storage Cheat Sheet")
COST = {"n": 2**17, "r": 8, "p": 1}
# A file asks for no more than this: 128 * n * r octets of memory, and n * r * p as work (RFC 7914).
MOST_WORK, MOST_BLOCK, MOST_LANES = 4 * 2**17 * 8, 32, 16
MOST_OCTETS = 16 * 1024 * 1024


class Damaged(RelayError):
    """A file that is no sealed file, is cut off or was changed."""


class WrongPassphrase(RelayError):
    """The passphrase does not open the file, or its sealed part was changed."""


def seal(content: dict[str, Any], passphrase: str) -> str:
    """The text of a sealed file."""
    salt, nonce = os.urandom(SALT_OCTETS), os.urandom(NONCE_OCTETS)
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "kdf": {"name": "scrypt", **COST, "salt": _text(salt)},
        "cipher": {"name": "chacha20-poly1305", "nonce": _text(nonce)},
    }
    cipher = ChaCha20Poly1305(_key(passphrase, salt, COST))
    sealed = cipher.encrypt(nonce, json.dumps(content).encode(), _canonical(header))
    return json.dumps({**header, "sealed": _text(sealed)}, indent=2) + "\n"


def unseal(octets: bytes, passphrase: str) -> dict[str, Any]:
    """The content of a sealed file; Damaged or WrongPassphrase."""
    header, sealed = _parsed(octets)
    try:
        kdf, nonce = header["kdf"], _octets(header["cipher"]["nonce"])
        cost = {name: kdf[name] for name in COST}
        if kdf["name"] != "scrypt" or header["cipher"]["name"] != "chacha20-poly1305":
            raise Damaged("it is sealed in a way that this program does not know")
        if not all(type(value) is int and value > 0 for value in cost.values()):
            raise ValueError
        work = cost["n"] * cost["r"] * cost["p"]
        if work > MOST_WORK or cost["r"] > MOST_BLOCK or cost["p"] > MOST_LANES:
            raise Damaged(
                "opening it would take more memory or time than any file of this program needs"
            )
        key = _key(passphrase, _octets(kdf["salt"]), cost)
        opened = ChaCha20Poly1305(key).decrypt(nonce, sealed, _canonical(header))
    except InvalidTag:
        raise WrongPassphrase("the passphrase is wrong, or the file was changed") from None
    except (KeyError, TypeError, ValueError):
        raise Damaged("it is damaged") from None
    return json.loads(opened)


def _parsed(octets: bytes) -> tuple[dict[str, Any], bytes]:
    """The fields beside the sealed part, and that; Damaged."""
    if len(octets) > MOST_OCTETS:
        raise Damaged("it is no file of `./relay keys export`")
    try:
        fields = json.loads(octets)
    except (ValueError, RecursionError):
        raise Damaged("it is cut off or damaged, or no file of `./relay keys export`") from None
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise Damaged("it is no file of `./relay keys export`")
    if fields.get("version") != VERSION:
        raise Damaged(
            f"it has version {str(fields.get('version'))[:20]} of the format, and this program "
            f"knows {VERSION}"
        )
    try:
        return fields, _octets(fields.pop("sealed"))
    except (KeyError, TypeError, ValueError):
        raise Damaged("it is damaged") from None


def _key(passphrase: str, salt: bytes, cost: dict[str, int]) -> bytes:
    return Scrypt(salt=salt, length=KEY_OCTETS, **cost).derive(passphrase.encode())


def _canonical(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True, separators=(",", ":")).encode()


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _octets(text: str) -> bytes:
    return base64.b64decode(text, validate=True)

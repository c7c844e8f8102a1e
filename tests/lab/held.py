"""An IMAP login that waits for its last line: the server has checked its password already."""

import base64
import hashlib
import re
import secrets
from typing import Literal

from lab.imap import Imap


class Held(Imap):
    """A session whose exchange by DIGEST-MD5 (RFC 2831) lacks the client's last, empty line."""

    def login(self, user: str, password: str) -> tuple[Literal["OK"], list[bytes]]:
        """Send all but that line; imaplib's error if the password is refused."""
        self.send(b"held AUTHENTICATE DIGEST-MD5\r\n")
        challenge = base64.b64decode(self.readline().removeprefix(b"+ ")).decode()
        found = dict(re.findall(r'([\w-]+)="?([^",]*)"?', challenge))
        response = _response(found, user, password, f"imap/{self.host}")
        self.send(base64.b64encode(response.encode()) + b"\r\n")
        said = self.readline()
        if not said.startswith(b"+ "):
            raise self.error(said)
        return "OK", [said]

    def gets_in(self) -> bool:
        """Whether the last line is followed by a session."""
        try:
            self.send(b"\r\n")
            return self.readline().startswith(b"held OK")
        except OSError:
            return False


def _response(challenge: dict[str, str], user: str, password: str, uri: str) -> str:
    realm, nonce, own = challenge.get("realm", ""), challenge["nonce"], secrets.token_hex(12)
    secret = _md5(f"{user}:{realm}:{password}".encode()).digest()
    first = _md5(secret + f":{nonce}:{own}".encode()).hexdigest()
    second = _md5(f"AUTHENTICATE:{uri}".encode()).hexdigest()
    proof = _md5(f"{first}:{nonce}:00000001:{own}:auth:{second}".encode()).hexdigest()
    return (
        f'charset=utf-8,username="{user}",realm="{realm}",nonce="{nonce}",nc=00000001,'
        f'cnonce="{own}",digest-uri="{uri}",response={proof},qop=auth'
    )


def _md5(octets: bytes) -> "hashlib._Hash":
    return hashlib.md5(octets, usedforsecurity=False)

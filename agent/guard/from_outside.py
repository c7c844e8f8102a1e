"""The author of a message from outside: the only one of its From: field, or an error."""

import re
from collections.abc import Sequence

from agent.guard.field import CONTROL, Unclosed, enclosed, unfolded

# Characters that OpenDMARC reads; Postfix refuses longer fields (templates/.../inbound_headers).
LONGEST = 1000
_TOKEN = re.compile(
    r'\s+|(?P<quoted>"(?:[^"\\]|\\.)*")|<(?P<angle>[^<>]*)>|(?P<word>[^\s"<>\\,;]+)'
)
_ADDRESS = re.compile(
    r'(?:[^\s@"<>()\[\],:;\\]+|"[^"@\\<>]*")@(?P<domain>(?:[a-z0-9_-]+\.)+[a-z0-9-]+)\.?'
)


class Unreadable(ValueError):
    """There is not exactly one author that every reader sees; the text says what is wrong."""


def domain(fields: Sequence[bytes]) -> str:
    """The author's domain, in lower case; raises Unreadable.

    Lenient about names, strict about addresses: no list, no group, no route, no literal (RFC 5322,
    3.4). An address in the name, outside quotation marks, must be the author's own.
    """
    if len(fields) != 1:
        raise Unreadable("there is no From: field" if not fields else "there are two From: fields")
    if len(fields[0]) > LONGEST:
        raise Unreadable(f"From: is longer than {LONGEST} characters")
    text = fields[0].decode("latin-1")
    if CONTROL.search(unfolded(text)):
        raise Unreadable("From: has a control character")
    tokens = _tokens(_without_comments(text))
    angles = [token for kind, token in tokens if kind == "angle"]
    if not tokens or angles == [""]:
        raise Unreadable("From: is empty")
    if angles and (len(angles) > 1 or tokens[-1][0] != "angle"):
        raise Unreadable("From: has more than one address, or words behind it")
    address = angles[0].strip() if angles else "".join(token for _, token in tokens)
    if not angles and (len(tokens) > 2 or (len(tokens) == 2 and tokens[0][0] != "quoted")):
        raise Unreadable("From: is not one address")
    found = _ADDRESS.fullmatch(address.lower())
    if found is None:
        raise Unreadable("From: has no address that can be read")
    names = [token.strip("'").lower() for kind, token in tokens[:-1] if kind == "word"]
    if angles and any("@" in name and name != address.lower() for name in names):
        raise Unreadable("From: has more than one address")
    return found["domain"]


def lone_domain(fields: Sequence[bytes]) -> str:
    """The domain of the only address in a field with commas outside quotes, or "".

    OpenDMARC cannot read `Acme, Inc. <sales@acme.example>`, and forgers write that too. The domain
    counts only if it has signed the message itself.
    """
    text = b"".join(fields).decode("latin-1").lower()
    found = re.fullmatch(rf"[^@<>]*<({_ADDRESS.pattern})>\s*", text)
    return found["domain"] if found and len(fields) == 1 and len(text) <= LONGEST else ""


def _tokens(text: str) -> list[tuple[str, str]]:
    """Quoted strings, words, and the content of angle brackets, each with its kind."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unreadable(f"From: has a {text[at]!a} where none may be")
        if match.lastgroup:
            found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _without_comments(text: str) -> str:
    """The text with each comment, nested ones too, as a space."""
    kept, at = "", 0
    while at < len(text):
        begin, at = at, at + 1
        if text[begin] == ")":
            raise Unreadable("From: has brackets that do not match")
        if text[begin] in '"(':
            try:
                _, at = enclosed(text, begin)
            except Unclosed:
                why = "From: has brackets or quotation marks that do not match"
                raise Unreadable(why) from None
        kept += " " if text[begin] == "(" else text[begin:at]
    return kept

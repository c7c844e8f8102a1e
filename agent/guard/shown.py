"""The addresses that a display name shows, in whatever encoding.

Many programs show the name and not the address (or take a name that looks like an address for it),
so a name is decoded in all ways that programs do, and read as a person reads it: by Unicode's
compatibility forms (NFKD), without accents and invisible characters.
"""

import base64
import binascii
import codecs
import itertools
import re
import unicodedata
from collections.abc import Iterator

# "=?charset*language?encoding?text?=" (RFC 2047, 2; RFC 2231, 5), as leniently as any reader
_ENCODED = re.compile(r"=\?([^?\s]*)\?([^?\s]*)\?(.*?)\?=", re.DOTALL)
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
# Charset names that mail programs write and Python does not know. A name in any other unknown
# charset is refused (Unknown).
_CHARSETS = {
    "cp-850": "cp850",
    "ansi_x3.110-1983": "latin-1",
    "default": "latin-1",
    "default_charset": "latin-1",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8",
    "ks_c_5601-1987": "cp949",
    "macintosh": "mac_roman",
    "unknown": "latin-1",
    "unknown-8bit": "latin-1",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gbk",
    "x-mac-roman": "mac_roman",
    "x-sjis": "cp932",
    "x-unknown": "latin-1",
}
# Charsets by which programs may decode a name with bytes beyond ASCII and no charset.
_RAW = ("utf-8", "latin-1", "gb18030", "shift_jis", "big5", "euc_kr")
_DOTS = {ord(dot): "." for dot in "\u3002\u2027\u00b7\u2022"}
_AT = {ord(at): "@" for at in "\u24d0\u24b6"}
_PART = r"[^\s@<>()\[\]\\,;:\"]"
# for a reversed text: a search for the end of a text would begin at each letter
_LOCAL = re.compile(rf"(\s*)({_PART}+)")
_DOMAIN = re.compile(rf"(\s*)({_PART}+(?:\s*\.{_PART}+)*)")
_EDGES = (
    "'`.\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a*_|/=?!#$%&{}~^\ufffd"
)


class Unknown(Exception):
    """A charset that cannot be decoded, so the addresses in the name are unknown."""


def addresses(text: str, *, strict: bool = False) -> Iterator[tuple[str, bool]]:
    """Each address that a text may show, in lower case, and whether it is written with spaces.

    `text` has bytes as characters (Latin-1). Text without a dot after its @, such as "Chat@Shop",
    is a name; if `strict`, each @ makes an address. Raises Unknown.
    """
    if text.isascii() and "@" not in text and "=?" not in text:
        return
    for plain in {_plain(reading) for reading in _readings(text)}:
        for at in re.finditer("@", plain):
            local = _LOCAL.match(plain[: at.start()][::-1])
            domain = _DOMAIN.match(plain[at.end() :])
            before, after = (local[2][::-1] if local else ""), (domain[2] if domain else "")
            after = re.sub(r"\s", "", after).strip(_EDGES)
            spaced = bool(local and local[1]) or bool(domain and domain[1])
            if strict or (local and ("." in after or ("<" in plain and not spaced))):
                yield f"{before.strip(_EDGES)}@{after}", spaced


def _plain(text: str) -> str:
    """The text as people see it: compatibility forms, nothing invisible, no accents, lower case."""
    text = unicodedata.normalize("NFKD", text.translate(_AT).translate(_DOTS)).translate(_DOTS)
    seen = (" " if c.isspace() else c for c in text if unicodedata.category(c) not in _INVISIBLE)
    return "".join(seen).lower()


_INVISIBLE = ("Cf", "Mn", "Me", "Cn", "Co")


def _readings(text: str) -> Iterator[str]:
    raw = text.encode("latin-1")
    if text.isascii():
        yield text
    else:
        for charset in _RAW:
            yield raw.decode(charset, "replace")
    if "=?" not in text:
        return
    words = list(_words(text))
    for way in range(3):
        yield "".join(_decoded(words, way))


def _words(text: str) -> Iterator[tuple[str, list[bytes]]]:
    """The text cut at its encoded words: charset ("" for plain text) and the bytes, per way.

    White space between two encoded words is not shown (RFC 2047, 6.2).
    """
    at, after_encoded = 0, False
    for found in _ENCODED.finditer(text):
        between = text[at : found.start()]
        if between and not (after_encoded and between.isspace()):
            yield "", [between.encode("latin-1")]
        charset, encoding, content = found.groups()
        ways = _bytes(encoding.lower(), content)
        yield (
            (charset.partition("*")[0].lower(), ways)
            if ways
            else ("", [found[0].encode("latin-1")])
        )
        at, after_encoded = found.end(), True
    if rest := text[at:]:
        yield "", [rest.encode("latin-1")]


def _bytes(encoding: str, content: str) -> list[bytes]:
    """The possible bytes of an encoded word's text; programs differ in incomplete base64."""
    if encoding == "q":
        raw = content.replace("_", " ").encode("latin-1")
        return [_HEX.sub(lambda found: bytes.fromhex(found[1].decode()), raw)]
    if encoding == "b":
        letters = _NOT_BASE64.sub("", content)
        parts = [_base64(part) for part in letters.split("=")]
        return [_base64(letters.replace("=", "")), parts[0], b"".join(parts)]
    return []


def _base64(letters: str) -> bytes:
    letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4))
    except binascii.Error:
        return b""


def _decoded(words: list[tuple[str, list[bytes]]], way: int) -> Iterator[str]:
    """The text of each group of neighbours with one charset: a letter may be cut between them."""
    for charset, group in itertools.groupby(words, key=lambda word: word[0]):
        content = b"".join(ways[min(way, len(ways) - 1)] for _, ways in group)
        if not charset:
            yield content.decode("utf-8", "replace")
            continue
        try:
            codec = codecs.lookup(_CHARSETS.get(charset, charset))
            yield content.decode(codec.name, "replace")
        except (LookupError, UnicodeError, ValueError):
            raise Unknown(charset) from None

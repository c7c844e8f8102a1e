"""The author of a message: the From field in the one form that every program reads alike.

RFC 5322, 3.6.2, as programs write it today: one mailbox, as `address`, `name <address>` or
`address (name)`. Its obsolete and rare forms (routes, groups, white space inside an address, quoted
local parts, domain literals) are refused, since programs read them differently; so is text after
the address that is no comment.
"""

import re
from dataclasses import dataclass

from agent.guard.field import CONTROL, Unclosed, enclosed, unfolded

# The limit of a line (RFC 5322, 2.1.1) for the whole field with its name: more than any program
# needs, and a field within it is never cut, so it leaves as it was judged.
LIMIT = 998
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*@{_LABEL}(?:\.{_LABEL})+")
_EMPTY_LINE = re.compile(r"\n[ \t]*(?:\n|$)")
# Characters of a name without quotes: an atom's, dots (RFC 5322, 4.1, obs-phrase) and those beyond
# ASCII.
_WORD = re.compile(r"[^\x00-\x20()<>\[\]:;@\\,\"\x7f]+")
_SPACE = re.compile(r"[ \t]*")


class Unreadable(Exception):
    """A From field is refused; the text is the reason, in one line for the sender."""


@dataclass(frozen=True)
class Author:
    """The address in lower case, and the texts that may be shown beside it or in its place.

    A text has the field's bytes as characters one to one (Latin-1): a name with its quotes and
    escapes and without, the whole field if it has encoded words, and comments.
    """

    address: str
    names: tuple[str, ...]
    comments: tuple[str, ...]


def read(value: bytes, name: str = "From") -> Author:
    """The author by the raw value of From, or of another such field; raises Unreadable."""
    text = value.decode("latin-1")
    if len(f"{name}:{text}") > LIMIT:
        raise Unreadable(f"the From field is longer than {LIMIT} octets")
    if _EMPTY_LINE.search(text):
        raise Unreadable("the From field has an empty line or is empty")
    # some programs take a line's end for the end of quotes
    if re.search(r'"[^"\n]*\n[^"]*"', text) and text.count("@") > 1:
        raise Unreadable("a name in the From field that has @ is to be on one line")
    text = unfolded(text)
    if found := CONTROL.search(text):
        raise Unreadable(f"the From field has a control character ({ord(found.group()):#04x})")
    return _Reader(text).author()


class _Reader:
    """One pass over a field from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._comments: list[str] = []

    def author(self) -> Author:
        name, bare = self._name()
        written = self._text[: self._at]
        if self._next() == "<":
            if bare:
                raise Unreadable("a name in the From field that has @ is to be in quotes")
            address = self._angle()
        elif bare and not name:
            address = bare
        else:
            raise Unreadable(_NO_ADDRESS)
        self._skip()
        if self._at < len(self._text):
            raise Unreadable(
                "the From field has more than one author, or text after its address: "
                "write a name that has , ; : @ [ or ] in quotes"
            )
        # some programs may decode an encoded word in it to another address (RFC 2047, 5)
        if not _ADDRESS.fullmatch(address) or "=?" in address:
            raise Unreadable(f"the From field's address is not plain: {_printable(address)}")
        names = (" ".join(name), written) if name else ()
        # some programs decode before they parse: a word begins in the name and ends in a comment
        whole = (self._text,) if "=?" in self._text else ()
        return Author(address.lower(), names + whole, tuple(self._comments))

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self) -> None:
        """Go over white space and comments."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._next() != "(":
                return
            self._comment()

    def _name(self) -> tuple[list[str], str]:
        """The words before `<`, and an address without brackets that ends them, or ""."""
        words: list[str] = []
        while True:
            self._skip()
            if self._next() == '"':
                words.append(self._quoted())
            elif found := _WORD.match(self._text, self._at):
                self._at = found.end()
                if self._next() == "@":
                    domain = _WORD.match(self._text, self._at + 1)
                    self._at = domain.end() if domain else self._at
                    self._skip()
                    return words, f"{found.group()}@{domain.group() if domain else ''}"
                words.append(found.group())
            else:
                return words, ""

    def _quoted(self) -> str:
        return self._enclosed("the From field's quotes are not closed")

    def _comment(self) -> None:
        begin = self._at
        content = self._enclosed("a ( in the From field is not closed")
        self._comments += [content, self._text[begin + 1 : self._at - 1]]

    def _enclosed(self, otherwise: str) -> str:
        try:
            content, self._at = enclosed(self._text, self._at)
        except Unclosed:
            raise Unreadable(otherwise) from None
        return content

    def _angle(self) -> str:
        end = self._text.find(">", self._at)
        if end < 0:
            raise Unreadable("the < in the From field is not closed")
        content, self._at = self._text[self._at + 1 : end], end + 1
        if not content.strip(" \t"):
            raise Unreadable(_NO_ADDRESS)
        return content.strip(" \t")


_NO_ADDRESS = "the From field has no address, or a name without <...> around its address"


def _printable(text: str) -> str:
    """The start of a text, as printable ASCII, for an SMTP reply."""
    return re.sub(r"[^\x20-\x7e]", "?", text)[:80]

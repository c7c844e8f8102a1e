"""The parts that both readers of From share: folding, control characters, quotes and comments.

RFC 5322, 2.2.3, 3.2.2 and 3.2.4; a text has the field's bytes as characters (Latin-1).
"""

import re

_FOLD = re.compile(r"\r?\n(?=[ \t])")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Unclosed(Exception):
    """Quotes or a comment have no end."""


def unfolded(text: str) -> str:
    """The text without line breaks before white space (folding); other line breaks stay."""
    return _FOLD.sub("", text)


def enclosed(text: str, begin: int) -> tuple[str, int]:
    """The content of the quotes, or the comment, that begin here, and the index after their end.

    Escapes are removed; a comment keeps the comments inside it. Raises Unclosed.
    """
    comment = text[begin] == "("
    content, at, depth = "", begin + 1, 1
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            at += 1
            letter = text[at : at + 1]
        elif comment and letter == "(":
            depth += 1
        elif letter == (")" if comment else '"'):
            depth -= 1
            if not depth:
                return content, at + 1
        content += letter
        at += 1
    raise Unclosed

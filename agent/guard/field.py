"""What both readers of From have in common: folding, control characters, quotes and comments.

RFC 5322, 2.2.3, 3.2.2 and 3.2.4; a text has the field's bytes as characters (Latin-1).
"""

import re

_FOLD = re.compile(r"\r?\n(?=[ \t])")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Unclosed(Exception):
    """Quotes or a comment have no end."""


def unfolded(text: str) -> str:
    """The text as one line, as far as its lines begin with white space."""
    return _FOLD.sub("", text)


def enclosed(text: str, begin: int) -> tuple[str, int]:
    """What is in the quotes, or the comment, that begin here, and where the text goes on.

    Escapes are taken off; a comment keeps those in it. Raises Unclosed.
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

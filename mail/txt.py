"""TXT values in the forms of Route53 and of zone files."""

import re
from collections.abc import Callable

STRING = 255
# Maximum length of a value in Route53, with quotation marks and escapes
# (ChangeResourceRecordSets, `Value`).
ROUTE53_LENGTH = 4000
# Escapes of an octet: octal in Route53, decimal in a zone file (RFC 1035, 5.1).
ESCAPE = re.compile(r"\\([0-3][0-7]{2}|.)")


def pieces(text: str) -> list[str]:
    """The text in strings of at most 255 octets of UTF-8 (RFC 1035, 3.3.14; RFC 7208, 3.3)."""
    found, size = [""], 0
    for character in text:
        octets = len(character.encode())
        if size + octets > STRING:
            found.append("")
            size = 0
        found[-1] += character
        size += octets
    return found


def _escaped(text: str, other: str) -> list[str]:
    """Each piece in printable ASCII; `other` is the format of an escaped octet."""

    def written(octet: int) -> str:
        if chr(octet) in '"\\':
            return f"\\{chr(octet)}"
        return chr(octet) if 0x20 <= octet < 0x7F else other.format(octet)

    return ["".join(map(written, piece.encode())) for piece in pieces(text)]


def route53_value(text: str) -> str:
    """One value for Route53, without outer quotation marks, which the AWS provider adds."""
    return '""'.join(_escaped(text, "\\{:03o}"))


def problem(text: str) -> str | None:
    """The reason that a text is no valid TXT record, or None."""
    if not text:
        return "it is empty"
    if not text.isprintable():
        return "it has a line break or another control character; write it as one line"
    if (length := len(route53_value(text)) + 2) > ROUTE53_LENGTH:
        return (
            f"it takes {length} characters in Route53, with its quotation marks and escapes; "
            f"Route53 takes {ROUTE53_LENGTH}"
        )
    return None


def quoted(text: str) -> str:
    """The text in a zone file's form: each string in quotation marks (RFC 1035, 5.1)."""
    return " ".join(f'"{piece}"' for piece in _escaped(text, "\\{:03d}"))


def strings(value: str) -> list[str]:
    """The strings of a value for Route53."""
    found = re.findall(r'"((?:\\.|[^"\\])*)"', f'"{value}"')
    plain = [_escapes(string, chr) for string in found]
    return [string.encode("latin-1", "replace").decode(errors="replace") for string in plain]


def zone_file(value: str) -> str:
    """A value or a name from Route53, in a zone file's form."""
    return _escapes(value, "\\{:03d}".format, plain="\\{}")


def _escapes(text: str, octet: Callable[[int], str], plain: str = "{}") -> str:
    def replaced(match: re.Match[str]) -> str:
        return octet(int(match[1], 8)) if len(match[1]) == 3 else plain.format(match[1])

    return ESCAPE.sub(replaced, text)

"""TXT values as zones hold them."""

import re

STRING = 255


def pieces(text: str) -> list[str]:
    """The text in strings of at most 255 octets (RFC 1035, 3.3.14; RFC 7208, 3.3)."""
    return [text[at : at + STRING] for at in range(0, len(text), STRING)] or [""]


def _escaped(text: str) -> list[str]:
    return [p.replace("\\", "\\\\").replace('"', '\\"') for p in pieces(text)]


def route53_value(text: str) -> str:
    """One value for Route53, which the AWS provider puts between quotation marks itself."""
    return '""'.join(_escaped(text))


def quoted(text: str) -> str:
    """The text as a zone file has it: each string in quotation marks (RFC 1035, 5.1)."""
    return " ".join(f'"{piece}"' for piece in _escaped(text))


def strings(value: str) -> list[str]:
    """The strings of a value for Route53."""
    found = re.findall(r'"((?:\\.|[^"\\])*)"', f'"{value}"')
    return [re.sub(r"\\(.)", r"\1", string) for string in found]

"""TXT values as zones hold them."""

STRING = 255


def pieces(text: str) -> list[str]:
    """The text in strings of at most 255 octets (RFC 1035, 3.3.14; RFC 7208, 3.3)."""
    return [text[at : at + STRING] for at in range(0, len(text), STRING)] or [""]


def route53_value(text: str) -> str:
    """One value for Route53, which the AWS provider puts between quotation marks itself."""
    escaped = [p.replace("\\", "\\\\").replace('"', '\\"') for p in pieces(text)]
    return '""'.join(escaped)

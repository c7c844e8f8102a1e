"""Internationalized domain names in the ASCII form of DNS (IDNA 2008)."""

import idna

from mail import names


def ascii_form(name: str) -> str | None:
    """The name in A-labels (RFC 5890, 2.3.2.1), or None if it has no such form.

    Capitals and other widths are mapped as browsers do (UTS 46). "ß" is kept: Python's own codec
    (IDNA 2003) would make it "ss", which is another name.
    """
    try:
        found = idna.encode(name, uts46=True).decode().rstrip(".")
    except idna.IDNAError:
        return None
    return found if names.domain_problem(found) is None else None

"""Internationalized domain names: what people write, in the form that DNS has (IDNA 2008)."""

import idna

from mail import names


def ascii_form(name: str) -> str | None:
    """The name in A-labels (RFC 5890, 2.3.2.1), None where there is no such name.

    Capitals and other widths are mapped as browsers do (UTS 46); "ß" stays a letter of its own,
    which Python's own codec (IDNA 2003) would make "ss", somebody else's name.
    """
    try:
        found = idna.encode(name, uts46=True).decode().rstrip(".")
    except idna.IDNAError:
        return None
    return found if names.domain_problem(found) is None else None

"""Domains, host names and addresses, as DNS and SMTP take them."""

import re

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# The local parts that people have: RFC 5322's dot-atom, in lower case.
LOCAL_PART = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def domain_problem(name: str) -> str | None:
    """Why `name` is no domain name in lower case (RFC 1035, 2.3.1; RFC 1123, 2.1), or None."""
    if not name.isascii():
        try:
            return f"write it in its ASCII form: {name.encode('idna').decode()}"
        except UnicodeError:
            return "use its ASCII form (xn--...)"
    if name != name.lower():
        return f"write it in lower case: {name.lower()}"
    if name.endswith("."):
        return f"leave out the final dot: {name.rstrip('.')}"
    if len(name) > 253:
        return "a domain name has at most 253 characters"
    labels = name.split(".")
    if len(labels) < 2:
        return "give the whole name, such as example.com"
    for label in labels:
        if not LABEL.fullmatch(label):
            return (
                f"the label {label!r} is not 1 to 63 of a-z, 0-9 and '-', with no '-' at its ends"
            )
    return None


def address_problem(address: str) -> str | None:
    """Why `address` is no mail address in lower case (RFC 5321, 4.1.2), or None."""
    local, at, domain = address.rpartition("@")
    if not at:
        return "give a whole address, such as me@example.com"
    if address != address.lower():
        return f"write it in lower case: {address.lower()}"
    if len(local) > 64 or not LOCAL_PART.fullmatch(local):
        return f"{local!r} is not a local part of letters, digits and .!#$%&'*+/=?^_`{{|}}~-"
    return domain_problem(domain)


def is_within(name: str, domain: str) -> bool:
    """Whether `name` is the domain or below it."""
    return name == domain or name.endswith("." + domain)


def parent(name: str) -> str:
    """The name less its first label."""
    return name.partition(".")[2]

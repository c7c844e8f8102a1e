"""The grammar of domains, selectors, addresses and passwords: forms that every table can hold.

No other file defines it: settings are checked by it before anything is created, and hosts, which
get this file, check their tables by it again. It needs only Python's standard library.
"""

import re
from collections.abc import Container

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# The local parts that people have: RFC 5322's dot-atom, in lower case.
LOCAL_PART = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# A mailbox's local part is a directory's name, and a user name in Dovecot's files.
MAILBOX_LOCAL = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
# Passwords that sasldb, Dovecot's passwd-file and a line USER:PASSWORD of Postfix can all hold.
PASSWORD = re.compile(r"[!-9;-~]{8,128}")
# Text often written around a name or an address: a URL's other parts, a person's name.
URL = re.compile(r"^\s*([a-zA-Z]+://)?|(:\d+)?(/.*)?\s*$")
AROUND_ADDRESS = re.compile(r"^mailto:|^[^<>]*<|>\s*$|^\s+|\s+$")
# A gateway's users whose mail goes to the operator.
GATEWAY_USERS = ("root", "postmaster", "abuse", "mailer-daemon", "admin", "certbot")
DOMAIN_LENGTH, LOCAL_LENGTH = 253, 64
# A path, which is an address in angle brackets, has at most 256 octets (RFC 5321, 4.5.3.1.3).
ADDRESS_LENGTH = 254


def domain_problem(name: str) -> str | None:
    """The reason that `name` is no lower-case domain (RFC 1035, 2.3.1; RFC 1123, 2.1), or None."""
    if not name.strip():
        return "it is empty: give the whole name, such as mail.example.com"
    if not name.isascii():
        return "write it in its ASCII form (xn--...)"
    right = name.lower().rstrip(".")
    if name != right and domain_problem(right) is None:
        how = "leave out the final dot" if name.endswith(".") else "write it in lower case"
        return f"{how}: {right}"
    if "@" in name:
        return "give a domain, no address"
    if (alone := URL.sub("", name)) != name:
        return f"give the name alone, such as {alone if is_domain(alone) else 'mail.example.com'}"
    if len(name) > DOMAIN_LENGTH:
        return f"a domain name has at most {DOMAIN_LENGTH} characters"
    labels = name.split(".")
    if "" in labels:
        return "take the dot away that is at its beginning or beside another one"
    for label in labels:
        if not LABEL.fullmatch(label):
            return (
                f"the label {label!r} is not 1 to 63 of a-z, 0-9 and '-', with no '-' at its ends"
            )
    if len(labels) < 2:
        return "give the whole name, such as example.com"
    if labels[-1].isdigit():
        return "it ends in a number, as addresses do: give a name (RFC 1123, 2.1)"
    return None


def address_problem(address: str) -> str | None:
    """The reason that `address` is no lower-case mail address (RFC 5321, 4.1.2), or None.

    Two forms that the RFC allows are refused: a line of a lookup table that begins with "#" is a
    comment (postmap(1)), and Postfix takes no recipient that begins with "-", since programs could
    read it as an option (`allow_min_user`).
    """
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        return "give a whole address, such as me@example.com"
    right = f"{local.lower()}@{domain.lower().rstrip('.')}"
    if address != right and address_problem(right) is None:
        how = "leave out the final dot" if domain.endswith(".") else "write it in lower case"
        return f"{how}: {right}"
    if (alone := AROUND_ADDRESS.sub("", address)) != address and is_address(alone):
        return f"give the address alone: {alone}"
    if len(local) > LOCAL_LENGTH or not LOCAL_PART.fullmatch(local):
        return (
            f"{local!r} is not a local part of 1 to {LOCAL_LENGTH} ASCII letters (a-z), digits and "
            ".!#$%&'*+/=?^_`{|}~- with no dot at an end or beside another one"
        )
    if local[0] in "#-":
        return f"a local part that begins with {local[0]!r} is not read as one by Postfix"
    if len(address) > ADDRESS_LENGTH:
        return f"an address has at most {ADDRESS_LENGTH} characters (RFC 5321, 4.5.3.1.3)"
    return domain_problem(domain)


def mailbox_problem(address: str) -> str | None:
    """The reason that an address cannot be a mailbox's, or None."""
    local = address.rpartition("@")[0]
    if (problem := address_problem(address)) or MAILBOX_LOCAL.fullmatch(local):
        return problem
    return (
        f"{local!r} is not made of a-z, 0-9, '.', '_' and '-'; mail for NAME+anything comes to "
        "the mailbox NAME"
    )


def selector_problem(selector: str) -> str | None:
    """The reason that `selector` is no lower-case DKIM selector, or None.

    A selector is labels with dots between them (RFC 6376, 3.1, by `sub-domain` of RFC 5321).
    """
    if all(LABEL.fullmatch(label) for label in selector.split(".")):
        return None
    return (
        "a selector is one label of a-z, 0-9 and '-', such as s1, or several with dots between "
        "them (RFC 6376, 3.1)"
    )


def is_domain(value: object) -> bool:
    """Whether a value is a domain name."""
    return isinstance(value, str) and domain_problem(value) is None


def is_address(value: object) -> bool:
    """Whether a value is a mail address."""
    return isinstance(value, str) and address_problem(value) is None


def is_mailbox(value: object) -> bool:
    """Whether a value is an address that can be a mailbox's."""
    return isinstance(value, str) and mailbox_problem(value) is None


def is_selector(value: object) -> bool:
    """Whether a value is a DKIM selector."""
    return isinstance(value, str) and selector_problem(value) is None


def is_password(value: object) -> bool:
    """Whether a value is a password that every table can hold."""
    return isinstance(value, str) and PASSWORD.fullmatch(value) is not None


def without_extension(address: str) -> str:
    """The address without its `+something` (recipient_delimiter); a leading `+` begins none."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}{local[1:].partition('+')[0]}{at}{domain}"


def is_within(name: str, domain: str) -> bool:
    """Whether `name` is the domain or below it."""
    return name == domain or name.endswith("." + domain)


def nearest(name: str, domains: Container[str]) -> str | None:
    """The longest of the domains that `name` is within, or None."""
    while name and name not in domains:
        name = parent(name)
    return name or None


def parent(name: str) -> str:
    """The name without its first label."""
    return name.partition(".")[2]

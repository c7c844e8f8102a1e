"""The next step of a rotation: pure, from the settings and the records in the state.

A domain with one selector gets a second one; hosts switch to it by themselves once the zone's
servers have it. When no mail in transit can have a signature by the old one, its key is revoked (an
empty `p=`, RFC 6376, 3.6.1), and after the same time again its record is removed.
"""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mail import dkim
from mail.queue import LIFETIME
from settings import MailDomain

# Mail that was signed just before the switch may wait for a queue's lifetime, here or at a receiver
# that forwards it. Two days are margin.
WAIT = LIFETIME + datetime.timedelta(days=2)
EVERY = datetime.timedelta(days=180)

Kind = Literal["publish", "retire", "remove"]


@dataclass(frozen=True)
class Published:
    """A selector's record in the stack's state: its text, when it was made and last changed."""

    text: str
    made: datetime.datetime
    changed: datetime.datetime


@dataclass(frozen=True)
class Step:
    """The next step of a domain: an operation on a selector, and the time from which it is due.

    `at` is None if an `up` must come first: the last step is not in force yet.
    """

    kind: Kind
    selector: str
    at: datetime.datetime | None


def step(
    domain: MailDomain,
    published: Mapping[str, Published],
    *,
    wait: datetime.timedelta,
    every: datetime.timedelta,
) -> Step:
    """The next step; `every` is the age at which a key is old."""
    newest = domain.selectors[-1]
    if domain.retired:
        old = domain.retired[0]
        record = published.get(old)
        in_force = record is not None and record.text == dkim.REVOKED
        return Step("remove", old, record.changed + wait if record and in_force else None)
    if len(domain.selectors) > 1:
        record = published.get(newest)
        return Step("retire", domain.selectors[0], record.made + wait if record else None)
    record = published.get(newest)
    return Step("publish", successor(newest), record.made + every if record else None)


def successor(selector: str) -> str:
    """The name of the next selector: the number at the end plus one."""
    match = re.fullmatch(r"(.*?)(\d+)", selector)
    return f"{match[1]}{int(match[2]) + 1}" if match else f"{selector}2"

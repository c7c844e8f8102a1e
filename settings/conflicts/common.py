"""Checks that several kinds of settings share."""

import difflib
from collections.abc import Collection, Iterator, Sequence

from mail import names
from mail.providers import MAILBOX_PROVIDERS
from settings.model import Settings

# The similarity, from 0 to 1, at which a name is likely a misspelling of another.
ALIKE = 0.85


def foreign(value: str, ours: Collection[str]) -> str:
    """The reason that a name or an address (`@domain` too) is none of ours, and the remedy."""
    domain = value.rpartition("@")[2]
    if provider := names.nearest(domain, MAILBOX_PROVIDERS):
        return (
            f"{provider} is a mail provider's, whose records name its servers alone: mail as "
            f"{domain} from others fails; name a domain of yours"
        )
    near = meant(value, ours)
    first = f"did you mean {near}? If not, and it is yours," if near else "if it is yours,"
    known = ", ".join(sorted(ours))
    return f"its domain is none of ours ({known}); {first} add it to mail-relay:domains"


def meant(value: str, known: Collection[str]) -> str | None:
    """The value with the known domain that its own domain likely misspells, or None."""
    local, at, domain = value.rpartition("@")
    labels = domain.split(".")
    for first in range(len(labels) - 1):
        above, end = labels[:first], ".".join(labels[first:])
        if end in known:
            break
        alike = [name for name in known if name.count(".") == end.count(".")]
        if near := difflib.get_close_matches(end, alike, n=1, cutoff=ALIKE):
            return local + at + ".".join([*above, near[0]])
    return None


def holder(s: Settings, name: str) -> str:
    """The first item of the settings with a name: a domain, the gateways' domain, or a host."""
    for number, domain in enumerate(s.domains):
        if domain.name == name:
            return f"the domain mail-relay:domains[{number}]"
    if name == s.gateway_domain:
        return f"the domain of the gateway {s.gateways[0].name}"
    return "the host mail-relay:" + next(key for key, h in s.hosts.items() if h.name == name)


def twice(key: str, values: Sequence[str | None]) -> Iterator[str]:
    """Errors for values that are in a list more than once."""
    for number, value in enumerate(values):
        if value is not None and value in values[:number]:
            yield f"mail-relay:{key}[{number}]: {value!r}: it is listed twice; remove one"

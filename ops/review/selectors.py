"""The life of DKIM selectors: published, in use, revoked, removed."""

from collections.abc import Iterator

from mail import dkim
from ops.review.change import Change
from ops.review.preview import Planned, record_set

KEY = "._domainkey."


def selector_of(record: Planned) -> str:
    """The selector of a DKIM key record; "" if it is none."""
    selector, key, _ = record.name.partition(KEY)
    return selector if key and record.kind == "TXT" else ""


def is_revoked(record: Planned | None) -> bool:
    """Whether a key record says that its key is no longer used (RFC 6376, 3.6.1)."""
    return record is not None and record.values == (dkim.REVOKED,)


def published(change: Change, domain: str, when: str) -> list[str]:
    """The domain's selectors with a key in DNS before or after the change, oldest first."""
    found: list[str] = []
    for step in change.preview.of("Record"):
        record = record_set(step.before if when == "before" else step.after)
        selector = selector_of(record) if record else ""
        if record and record.name == dkim.name(selector, domain) and not is_revoked(record):
            found.append(selector)
    order: list[str] = []
    for settings in (change.before, change.after):
        for given in settings.mail_domains if settings else ():
            order += given.selectors if given.name == domain else ()
    return sorted(found, key=lambda s: order.index(s) if s in order else len(order))


def sentences(
    change: Change,
    domain: str,
    selector: str,
    before: Planned | None,
    after: Planned | None,
) -> Iterator[str]:
    """The effect of a change of a selector's record."""
    what = f"elector {selector} of {domain}"
    in_use = published(change, domain, "before")
    signs = [s for s in published(change, domain, "after") if s in in_use]
    lost = (
        f"{f'the gateway signs with {signs[-1]}' if signs else 'nothing signs its mail now'}, and "
        f"what was signed with {selector} and is still on its way no longer passes DKIM"
    )
    if before is None:
        goes_on = f"the gateway goes on signing with {signs[-1]}" if signs else "mail waits"
        yield (
            f"S{what} is published, not yet in use: {goes_on} until every name server of the zone "
            "shows the new key."
        )
    elif is_revoked(before):
        if not is_revoked(after):
            becomes = "gets a key again" if after else "goes"
            yield f"The record of s{what}, whose key was revoked, {becomes}."
    elif after is None:
        yield f"S{what} is taken away: {lost}."
    elif is_revoked(after):
        yield f"S{what} is revoked (an empty p=): {lost}."
    elif before.values != after.values:
        yield (
            f"The key of s{what} changes: where the old one is remembered, signatures do not "
            f"verify for up to {before.ttl} s."
        )

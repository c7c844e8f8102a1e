"""Domains: their records before and after, in terms of mail."""

from collections.abc import Iterable, Iterator

from mail import names, records
from ops.review import selectors
from ops.review.change import Change
from ops.review.markdown import code, listed, turned
from ops.review.preview import SAME, Planned, Step, record_set
from ops.review.selectors import selector_of

SPF = "v=spf1"
DMARC = "_dmarc."
OF_DOMAIN = "MailDomain$"
NOT_KNOWN = "what its records say is not known, since the preview fails"


def sentences(change: Change) -> Iterator[str]:
    """The changes of each domain, then those of other records."""
    domains = change.domains
    changed = [s for s in change.preview.of("Record") if s.op != SAME]
    changed.sort(key=lambda step: step.name)
    for domain, op in domains.items():
        own = [s for s in changed if OF_DOMAIN in s.urn and domain_of(s, domains) == domain]
        if op == "create":
            published = [r for s in own if (r := record_set(s.after))]
            if change.preview.errors and not any(map(selector_of, published)):
                yield f"The domain {domain} is added; {NOT_KNOWN}."
            else:
                yield _added(domain, published)
        elif op == "delete":
            yield _removed(domain, [r for s in own if (r := record_set(s.before))])
        else:
            for step in own:
                yield from _changed(change, domain, step)
            yield from _ttl(domain, own)
            if change.preview.errors and not own and _set_otherwise(change, domain):
                yield f"The settings of the domain {domain} change; {NOT_KNOWN}."
    hosts = {step.name for step in change.preview.of("Identity") if step.op != SAME}
    for step in changed:
        if OF_DOMAIN not in step.urn and step.name.rpartition("-")[0] not in hosts:
            yield from _other(step)


def _set_otherwise(change: Change, domain: str) -> bool:
    """Whether a domain's settings before and after the change are known and differ."""
    before, after = (
        next((d for d in s.mail_domains if d.name == domain), None) if s else None
        for s in (change.before, change.after)
    )
    return None not in (before, after) and before != after


def domain_of(step: Step, domains: Iterable[str]) -> str:
    """The domain that a record belongs to, or ""."""
    name = step.name.rpartition("-")[0]
    return max((d for d in domains if names.is_within(name, d)), key=len, default="")


def _first(record: Planned | None, start: str) -> str | None:
    """The first value with this beginning, or None."""
    values = record.values if record else ()
    return next((v for v in values if v is not None and v.startswith(start)), None)


def _added(domain: str, published: list[Planned]) -> str:
    keys = [selector for r in published if (selector := selector_of(r))]
    said = [
        f"its mail is signed with selector {keys[-1]} once every name server of its zone shows "
        "the key, and waits until then"
        if keys
        else "nothing signs its mail"
    ]
    for record in sorted(published, key=lambda r: r.name.startswith(DMARC)):
        if record.kind == "MX":
            takes = record.values != (records.NULL_MX,)
            where = f"its mail comes to {code(record.values[0])}"
            said.append(where if takes else "it takes no mail (a null MX)")
        elif record.name == domain and record.kind == "TXT":
            said.append(f"SPF {code(_first(record, SPF))}")
        elif record.name.startswith(DMARC):
            said.append(f"DMARC {code(record.values[0])}")
    return f"The domain {domain} is added: {'; '.join(said)}."


def _removed(domain: str, published: list[Planned]) -> str:
    gone = [_what(record, domain) for record in published]
    return (
        f"The domain {domain} is removed: no login may send as it any more, and its records go"
        f"{f' ({listed(gone)})' if gone else ''}."
    )


def _what(record: Planned, domain: str) -> str:
    if selector := selector_of(record):
        return f"selector {selector}"
    if record.name.startswith(DMARC):
        return "DMARC"
    return "SPF" if record.name == domain and record.kind == "TXT" else record.kind


def _changed(change: Change, domain: str, step: Step) -> Iterator[str]:
    before, after = record_set(step.before), record_set(step.after)
    one = after or before
    assert one is not None  # a step has a state before or after it
    if selector := selector_of(one):
        yield from selectors.sentences(change, domain, selector, before, after)
    elif one.name.startswith(DMARC):
        yield from _valued(f"DMARC of {domain}", before, after)
    elif one.kind == "MX":
        yield from _mx(domain, before, after)
    elif one.name == domain and one.kind == "TXT":
        yield from _apex(domain, before, after)
    else:
        yield from _valued(f"{one.kind} of {one.name}", before, after)


def _answer(step: Step) -> str:
    """Whose of several answers of a name it is."""
    identifier = str((step.after or step.before or {}).get("setIdentifier") or "")
    return f" (one of its answers, {identifier.rpartition('/')[2]})" if identifier else ""


def _ttl(domain: str, steps: list[Step]) -> Iterator[str]:
    pairs = [(record_set(step.before), record_set(step.after)) for step in steps]
    for old, new in sorted({(b.ttl, a.ttl) for b, a in pairs if b and a and b.ttl != a.ttl}):
        yield f"The records of {domain} may be remembered for {new} s instead of {old} s (TTL)."


def _apex(domain: str, before: Planned | None, after: Planned | None) -> Iterator[str]:
    old, new = _first(before, SPF), _first(after, SPF)
    if old != new or None in (after.values if after else ()):
        yield f"SPF of {domain}: {turned(old, new)}."
    others = [
        {v for v in (r.values if r else ()) if v and not v.startswith(SPF)} for r in (before, after)
    ]
    for said, texts in (("goes", others[0] - others[1]), ("is published", others[1] - others[0])):
        for text in sorted(texts):
            yield f"The text {code(text)} of {domain} {said}."


def _mx(domain: str, before: Planned | None, after: Planned | None) -> Iterator[str]:
    null = (records.NULL_MX,)
    if after and after.values == null:
        if before is None or before.values != null:
            was = f" It came to {listed(map(code, before.values))}." if before else ""
            yield f"{domain} takes no mail from now on and says so: a null MX.{was}"
    elif before and before.values == null:
        now = f"its mail comes to {listed(map(code, after.values))}" if after else "it has no MX"
        yield f"{domain} no longer says that it takes no mail (a null MX): {now}."
    elif before is None and after:
        yield f"Mail for {domain} comes to {listed(map(code, after.values))} from now on."
    elif after is None:
        yield f"Mail for {domain} has nowhere to go any more: its MX record goes."
    else:
        yield from _valued(f"Where mail for {domain} comes to", before, after)


def _other(step: Step) -> Iterator[str]:
    before, after = record_set(step.before), record_set(step.after)
    one = after or before
    assert one is not None
    if "Ses$" in step.urn:  # three for each domain, with names generated by SES
        does = {"create": "are published", "delete": "go"}.get(step.op, "change")
        yield f"Amazon SES's DKIM records of {step.name.rpartition('-ses-')[0]} {does}."
    elif one.name.startswith("_spf."):
        what = "The gateways' addresses, which the domains' SPF includes"
        yield from _valued(what, before, after)
    else:
        where = " inside the VPC" if "PrivateNetwork$" in step.urn else _answer(step)
        yield from _valued(f"{one.kind} of {one.name}{where}", before, after)


def _valued(what: str, before: Planned | None, after: Planned | None) -> Iterator[str]:
    old, new = (
        [code(value) for value in record.values] if record else ["none"]
        for record in (before, after)
    )
    if old != new or (after and None in after.values):
        yield f"{what}: {listed(old)} → {listed(new)}."

"""Warnings for a person to decide on: changes that are irreversible or safer in other order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mail import dmarc
from mail.queue import LIFETIME
from ops.review import access
from ops.review.change import Change
from ops.review.hosts import is_touched, those_left
from ops.review.markdown import code, listed
from ops.review.preview import STAYING, Step, record_set
from ops.review.selectors import published
from settings import MailDomain, Settings
from settings.advice import lacks_gateways

# SPF's `all` terms, the strictest last.
ENDS = ("?all", "~all", "-all")


@dataclass(frozen=True)
class Warn:
    """A warning; `kind` is its name for programs."""

    kind: str
    text: str


def warnings(change: Change, verified: Mapping[str, bool] | None = None) -> list[Warn]:
    """All warnings of a change.

    `verified` has, by domain, whether its mail passes SPF and DKIM now; other domains are judged by
    settings and state alone.
    """
    return [
        *_addresses(change),
        *_queues(change),
        *_nobody_left(change),
        *_protected(change),
        *_removed_domains(change),
        *_inbound(change),
        *_keys(change),
        *_bounces(change),
        *_dmarc(change, verified or {}),
        *_dmarc_weakened(change),
        *_alignment(change),
        *_spf(change),
        *_ssh(change),
    ]


def _addresses(change: Change) -> Iterator[Warn]:
    lost = [s for s in change.preview.of("Eip") if s.before is not None and not s.stays]
    for step in lost:
        address = (step.outputs or {}).get("publicIp", "its address")
        yield Warn(
            "address-lost",
            f"The address {address} of {step.name} is given back, with its reverse name (PTR) and "
            "its reputation; AWS hands it to somebody else, and a new one starts from nothing.",
        )
    for step in change.preview.of("EipDomainName"):
        if step.before is not None and not step.stays and step.name not in {s.name for s in lost}:
            yield Warn(
                "ptr-lost",
                f"The reverse name (PTR) {step.name} of its address is taken away or set anew; "
                "until it is there, large receivers refuse mail from it.",
            )


def _queues(change: Change) -> Iterator[Warn]:
    for step in sorted(change.preview.of("Volume"), key=lambda s: s.name):
        if step.before is not None and not step.stays:
            yield Warn(
                "volume-lost",
                f"The data volume of {step.name} is deleted, with its queue, its certificates and "
                f"its mailboxes, if it has any.{_snapshot_left(step)}",
            )
    for step in sorted(change.preview.of("Instance"), key=lambda s: s.name):
        if step.op in ("replace", "delete") and change.identity("Volume", step.name) is None:
            yield Warn(
                "queue-lost",
                f"Mail that waits in the queue of {step.name} is lost: see that it is empty "
                "(`mailq` on the host) before.",
            )


def _nobody_left(change: Change) -> Iterator[Warn]:
    """Rebuilds of gateways that take mail while no other one does, though there are others."""
    if change.before is None or min(len(s.gateways) for s in (change.before, change.after)) < 2:
        return
    took = {gateway.name for gateway in change.before.taking}
    for step in change.preview.of("Instance"):
        down = step.op in ("update", "replace") and is_touched(step)
        if down and step.name in took and not those_left(change, step.name):
            why = (
                "an `up` refuses that while it serves. Have another one take mail first, in an "
                "`up` of its own"
                if change.after.wait.minutes
                else "with `wait.minutes: 0` the `up` waits for nobody"
            )
            yield Warn(
                "nobody-takes-mail",
                f"While {step.name} is rebuilt or restarted no gateway takes mail: {why}.",
            )


def _snapshot_left(step: Step) -> str:
    """That a snapshot is left of a volume, by what the provider does with it as it is."""
    left = bool((step.before or {}).get("finalSnapshot"))
    return " A last snapshot of it is left (docs/tasks/restore.md)." if left else ""


def _protected(change: Change) -> Iterator[Warn]:
    for step in change.preview.changes():
        if step.protected and step.op in ("delete", "replace"):
            yield _hindered(step)
    if change.before and change.before.protect and not change.after.protect:
        yield Warn(
            "protection-off",
            "Addresses, data volumes and keys lose their protection: one mistake deletes them.",
        )
    for step in change.preview.of("Stash"):
        if step.op == "replace":
            yield Warn("secret-lost", f"The secret {step.name} is made anew, and the old one lost.")


def _hindered(step: Step) -> Warn:
    return Warn(
        "protected",
        f"{step.kind} {step.name} is protected, so the update fails. If it is to go: "
        f"`pulumi state unprotect '{step.urn}'`.",
    )


def _removed_domains(change: Change) -> Iterator[Warn]:
    parked = _parked_before(change)
    for name in (n for n, op in change.domains.items() if op == "delete" and n not in parked):
        yield Warn(
            "domain-removed",
            f"Mail of {name} may be queued, for up to {LIFETIME.days} days: without its records it "
            "fails SPF, DKIM and DMARC. Take its logins and clients away first, and the domain "
            "when no queue has mail of it.",
        )


def _inbound(change: Change) -> Iterator[Warn]:
    for step in change.preview.of("Record"):
        record = record_set(step.before)
        if step.op != "delete" or record is None or record.kind != "MX":
            continue
        if change.domains.get(record.name) in STAYING:
            yield Warn(
                "inbound-ends",
                f"Mail for {record.name} is no longer accepted: who writes to it gets a bounce.",
            )


def _keys(change: Change) -> Iterator[Warn]:
    for domain in (n for n, op in change.domains.items() if op in STAYING):
        before, after = (published(change, domain, when) for when in ("before", "after"))
        gone = [s for s in before if s not in after]
        if gone and set(before) & set(after):
            yield Warn(
                "key-removed",
                f"{_selectors(gone)} of {domain} is given up: mail signed with it may be in "
                f"queues, here and at receivers, for up to {LIFETIME.days} days after the gateway "
                "last used it. `./relay rotate` takes this step when it is safe.",
            )
        elif gone:
            yield Warn(
                "key-in-use-removed",
                f"{_selectors(gone)} of {domain} goes before another is in use: its mail waits "
                "until every name server shows the new key, and what was signed before no longer "
                "passes. Publish the new selector first and retire the old one in a later change, "
                "as `./relay rotate` does.",
            )


def _selectors(names: list[str]) -> str:
    return f"Selector {listed(names)}"


def tightened(change: Change) -> Iterator[tuple[MailDomain, MailDomain | None]]:
    """The domains whose DMARC policy becomes stricter, each with its settings before."""
    before = {d.name: d for d in change.before.mail_domains} if change.before else {}
    for domain in change.after.mail_domains if change.settings_compare else ():
        old = before.get(domain.name)
        pairs = zip(_strictness(domain), _strictness(old), strict=True)
        if any(new > was for new, was in pairs):
            yield domain, old


def _dmarc(change: Change, verified: Mapping[str, bool]) -> Iterator[Warn]:
    for domain, old in tightened(change):
        if verified.get(domain.name):
            continue
        if old is None and _parked(change.after, domain):  # no mail is sent that could fail
            continue
        asked = f"DMARC of {domain.name} asks receivers to {_asked(domain)} what does not pass"
        if verified.get(domain.name) is False:
            yield Warn("dmarc-tightened", f"{asked}, and its mail does not pass SPF and DKIM now.")
        elif problems := _unproven(change, domain, old):
            yield Warn("dmarc-tightened", f"{asked}, but {listed(problems)}.")
        else:
            yield Warn(
                "dmarc-tightened",
                f"{asked}: have aggregate reports of some weeks show first that SPF and DKIM pass "
                "for everybody who sends as it.",
            )


def _dmarc_weakened(change: Change) -> Iterator[Warn]:
    before = {d.name: d for d in change.before.mail_domains} if change.before else {}
    for domain in change.after.mail_domains:
        if (old := before.get(domain.name)) is None:
            continue
        pairs = zip(_strictness(domain), _strictness(old), strict=True)
        if any(new < was for new, was in pairs):
            yield Warn(
                "dmarc-weakened",
                f"DMARC of {domain.name} asks for less than before "
                f"({code(_tags(domain))} instead of {code(_tags(old))}): more of the mail that "
                "others send as it may be accepted.",
            )


def _tags(domain: MailDomain) -> str:
    """The DMARC tags of a domain, except those of reports."""
    given = domain.dmarc.model_dump(exclude={"policy", "reports", "ruf", "fo"}, exclude_none=True)
    return "; ".join(f"{tag}={value}" for tag, value in {"p": domain.dmarc.policy, **given}.items())


def _asked(domain: MailDomain) -> str:
    """The strictest of a domain's DMARC policies."""
    given = domain.dmarc
    policies = [policy for policy in (given.policy, given.sp, given.np) if policy]
    return max(policies, key=dmarc.POLICIES.index)


def _strictness(domain: MailDomain | None) -> list[tuple[int, int, int]]:
    """The strictness for the domain, its existing and its nonexistent subdomains: the policy's
    level, the share of mail (RFC 7489's `pct`), and how many of SPF and DKIM must align strictly.
    """
    if domain is None:
        return [(0, 0, 0)] * 3
    given = domain.dmarc
    pct = 100 if given.pct is None else given.pct
    strict = [given.adkim, given.aspf].count("s")
    below = given.sp or given.policy
    found = []
    for policy in (given.policy, below, given.np or below):
        level = dmarc.POLICIES.index(policy) - (given.t == "y")
        found.append((level, pct, strict) if level > 0 and pct else (0, 0, 0))
    return found


def _bounces(change: Change) -> Iterator[Warn]:
    before = change.before.unreachable if change.before else ()
    for address in change.after.unreachable if change.settings_compare else ():
        closed = address.rpartition("@")[2] in change.after.closed
        if address not in before:
            yield Warn(
                "bounces-lost",
                f"{address} may be sent as and takes no mail: bounces and replies to it are refused"
                + (
                    ", and receivers may refuse its mail (RFC 7505, 4.2)."
                    if closed
                    else ". A forward or a mailbox would take them."
                ),
            )


def _alignment(change: Change) -> Iterator[Warn]:
    """A warning if the gateway's own mail is no longer aligned with its signing domain."""
    was_aligned = change.before is None or _own_is_aligned(change.before)
    if change.settings_compare and was_aligned and not _own_is_aligned(change.after):
        host, domain = change.after.gateways[0].name, change.after.gateway_domain
        yield Warn(
            "dmarc-unaligned",
            f"Mail of {host} itself, such as bounces, is signed by {domain}, and receivers would "
            f"no longer find the two aligned (`adkim`, `psd` in dmarc of {domain}): SPF alone lets "
            "it pass.",
        )


def _own_is_aligned(settings: Settings) -> bool:
    """Whether the gateway's own mail is aligned in both standards, by the stack's own records."""
    records = {dmarc.name(d.name): settings.dmarc_record(d) for d in settings.mail_domains}
    domain = settings.gateway_domain
    (given,) = [d.dmarc for d in settings.mail_domains if d.name == domain]

    def look_up(name: str) -> list[str]:
        return [records[name]] if name in records else []

    return dmarc.aligned(settings.gateways[0].name, domain, given.adkim == "s", look_up)


def _spf(change: Change) -> Iterator[Warn]:
    if not change.settings_compare:
        return
    before = {d.name: d for d in change.before.mail_domains} if change.before else {}
    for domain in change.after.mail_domains:
        old, given = before.get(domain.name), domain.spf
        if old and ENDS.index(given.all) < ENDS.index(old.spf.all):
            yield Warn(
                "spf-weakened",
                f"SPF of {domain.name} ends in {code(given.all)} instead of {code(old.spf.all)}: "
                "receivers are told less firmly to refuse mail that others send as it.",
            )
        if _parked(change.after, domain) or not _lacks_gateways(change, change.after, domain):
            continue
        if (
            change.before
            and old
            and old.spf == given
            and _lacks_gateways(change, change.before, old)
        ):
            continue  # unchanged
        mail = "refuse what they send" if given.all == "-all" else "take what they send for spam"
        yield Warn(
            "spf-without-gateways",
            f"SPF of {domain.name} ({code(' '.join(given.mechanisms))}) may not name the "
            f"gateways and ends in {code(given.all)}: receivers may {mail}.",
        )


def _lacks_gateways(change: Change, settings: Settings, domain: MailDomain) -> bool:
    """Whether SPF may not name the gateways; without terms it does not, if no smarthost sends."""
    has_none = settings.smarthost is None and not domain.spf.mechanisms
    return has_none or lacks_gateways(settings, domain, change.addresses)


def _parked(settings: Settings, domain: MailDomain) -> bool:
    """Whether nobody is to send as the domain, by its SPF and by the logins and clients."""
    return not domain.spf.mechanisms and not settings.senders(domain.name)


def _parked_before(change: Change) -> list[str]:
    """The domains that nobody was to send as, so no queue has mail of theirs."""
    before = change.before
    return [d.name for d in before.domains if _parked(before, d)] if before else []


def _unproven(change: Change, domain: MailDomain, old: MailDomain | None) -> list[str]:
    """The reasons that the domain's mail may not pass, by its settings and records."""
    if old is None:
        return ["it is new: no report has shown yet that its mail passes"]
    found = []
    if not set(published(change, domain.name, "before")) & set(domain.selectors):
        found.append("none of its selectors is published yet")
    terms = change.after.spf_terms(domain)
    if lacks_gateways(change.after, domain, change.addresses):
        found.append(f"its SPF ({code(' '.join(terms))}) may not name the gateways")
    return found


def _ssh(change: Change) -> Iterator[Warn]:
    if networks := access.opened_ssh(change):
        keyless = "" if change.after.ssh.public_key else " `ssh.publicKey` names no key yet."
        text = f"SSH is opened to {listed(networks)}: is that for long?{keyless}"
        yield Warn("ssh-opened", text)

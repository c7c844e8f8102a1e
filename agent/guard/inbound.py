"""The policy for mail on port 25, after the checks of SPF, DKIM and DMARC."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.guard import from_outside, results
from agent.guard.message import TAKEN, Change, Message, Verdict, refused
from agent.guard.results import Results
from agent.guard.tables import Tables
from mail.names import without_extension

# Passes through our gateways that show a loop; a message may double at each pass.
PASSES = 3
LOCAL_PART = 64  # octets that a receiver has to take (RFC 5321, 4.5.3.1.1)
# What postsrsd adds: SRS0=, a hash of 12, =, two for the day, =, and = after the domain.
SRS = 5 + 12 + 1 + 2 + 1 + 1
_SENDER = re.compile(r"(?P<local>[\w.!#$%&'*+/=?^`{|}~-]+)@(?P<domain>[\w.-]+)", re.ASCII)
# Dots that need quotation marks (RFC 5321, 4.1.2), as old phones' addresses have them.
_ODD_DOTS = re.compile(r"^\.|\.\.|\.$")
# The From: of old servers' notices: a name without an address, so it shows nobody else's address.
_NOTICE = re.compile(rb'[\w\t ."()-]*(<\s*([\w-]+\s*)?>\s*)?', re.ASCII)
# RFC 5321, 4.1.2: some programs quote what needs no quotation marks
_QUOTED = re.compile(r'"([^"\\\s]*)"@')


@dataclass(frozen=True)
class Rules:
    """The fixed settings of a gateway.

    `host` is its name. With `enforce`, mail is refused if its author's policy says so. `registered`
    is the organizational domain of `host`: every name below it is aligned with the envelope sender
    of forwarded mail (DMARC).
    """

    host: str
    enforce: bool
    registered: str


def judge(rules: Rules, message: Message, tables: Tables) -> Verdict:
    """The verdict on a message from outside: whether it is taken, and the changes to it."""
    sender = _QUOTED.sub(r"\1@", message.mail_from.strip("<>"))
    envelope = _SENDER.fullmatch(sender)
    if sender and envelope is None:
        return refused("the envelope sender is no plain address", "5.1.7")
    if _goes_round(message, tables.gateways):
        return refused("mail forwarding loop: this message has been here before", "5.4.6")
    try:
        found = results.read(message.values(results.FIELD), rules.host)
    except results.Forged as error:
        return refused(f"the header has {error} that is none of this server's")

    domain = envelope["domain"].lower() if envelope else ""
    proved = found.vouch_for(domain)
    own = domain in tables.signed_by  # and so not rewritten by postsrsd
    if own and not proved:
        return refused("our users send by port 587 or 465, with their login")
    author = _judge_author(rules, message, tables, found)
    if author.code:
        return author

    changes, notes = list(author.changes), list(author.notes)
    replaced = None
    if envelope and (not proved or (not own and not _fits(envelope["local"], domain))):
        why = "cannot be written into ours" if proved else "is not proved"
        notes.append(f"the sender <{sender}> {why}: notices to it end here")
        replaced = _without_notices(envelope["local"], domain, rules.host)
    recipients, dropped = _once(message.recipients)
    if sender and len(recipients) == 1:  # several would see each other
        changes.append(Change("Delivered-To", 0, f" {recipients[0]}"))
    return Verdict(
        changes=tuple(changes), sender=replaced, dropped=tuple(dropped), notes=tuple(notes)
    )


def _judge_author(rules: Rules, message: Message, tables: Tables, found: Results) -> Verdict:
    """The verdict on the author in From:."""
    fields = message.values("From")
    try:
        domain = from_outside.domain(fields)
        if found.dmarc_of != domain:
            raise from_outside.Unreadable("From: is not what the judge of DMARC has read")
    except from_outside.Unreadable as error:
        lone = from_outside.lone_domain(fields)
        if lone in found.dkim:
            return _corrected(rules.host, replace(found, dmarc_of=lone))
        unsent = not message.mail_from.strip("<>") and len(fields) == 1
        notice = unsent and _NOTICE.fullmatch(fields[0])
        if (rules.enforce and not notice) or _mention(fields, rules, tables):
            return refused(f"{error}", "5.6.0")
        return _marked(str(error), rules.host, found)
    # OpenDMARC does not read verdicts of over 1,024 octets, that is, of many signatures
    overlooked = found.dmarc != "pass" and domain in found.dkim
    passes = found.dmarc == "pass" or overlooked
    if _is_ours(domain, rules, tables):
        # a domain without a DMARC record gets "none": its SPF or DKIM counts by itself
        passes = passes or (found.dmarc == "none" and found.vouch_for(domain))
        if not passes:
            return refused(f"mail from {domain} that neither SPF nor DKIM proves is not taken here")
    if rules.enforce and not passes and (found.dmarc, found.policy) == ("fail", "reject"):
        return refused(f"rejected by the DMARC policy of {domain}")
    return _corrected(rules.host, found) if overlooked and found.dmarc == "fail" else TAKEN


def _is_ours(domain: str, rules: Rules, tables: Tables) -> bool:
    """Whether the domain is ours, or mail that we forward could pass DMARC as this domain's."""
    return domain in tables.signed_by or f".{domain}".endswith(f".{rules.registered}")


def _mention(fields: list[bytes], rules: Rules, tables: Tables) -> bool:
    """Whether a name of ours is in a From: that cannot be parsed."""
    text = b" ".join(fields).decode("latin-1").lower()
    return any(name in text for name in (rules.registered, *tables.signed_by))


def _marked(why: str, host: str, found: Results) -> Verdict:
    """The message is taken, with the reason in place of DMARC's result."""
    said = f" {host}; dmarc=permerror ({re.sub('[()]', '', why)})"
    gone = [Change(results.FIELD, found.dmarc_index, None)] if found.dmarc_index else []
    return replace(TAKEN, changes=(*gone, Change(results.FIELD, 0, said)), notes=(why,))


def _corrected(host: str, found: Results) -> Verdict:
    """The message is taken, with the pass that OpenDMARC missed: its author's domain signed it."""
    said = f" {host}; dmarc=pass header.from={found.dmarc_of}"
    return replace(TAKEN, changes=(Change(results.FIELD, found.dmarc_index, said),))


def _goes_round(message: Message, gateways: Sequence[str]) -> bool:
    """Whether the message was here for the same address before, or too often for any."""
    before = {value.decode("latin-1").strip().lower() for value in message.values("Delivered-To")}
    ours = "|".join(map(re.escape, gateways)).encode()
    received = re.compile(rb"\sby\s+(?:" + ours + rb")[\s;(]", re.IGNORECASE)
    passes = sum(1 for value in message.values("Received") if received.search(value))
    readers = {_reader(_address(recipient)) for recipient in message.recipients}
    return passes >= PASSES or not before.isdisjoint(readers)


def _address(recipient: str) -> str:
    """The address in RCPT TO as Postfix keeps it: without brackets, route and quotation marks."""
    local, at, domain = recipient.strip("<>").rpartition("@")
    return local.rpartition(":")[2].strip('"') + at + domain


def _reader(address: str) -> str:
    """The reader of an address's mail, in lower case: who+one@ and who+two@ are one reader."""
    return without_extension(address.lower())


def _once(recipients: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The readers, and the addresses that would make further copies for them."""
    first: dict[str, str] = {}
    for address in map(_address, recipients):
        first.setdefault(_reader(address), address)
    kept = set(first.values())
    return list(first), [f"<{found}>" for found in map(_address, recipients) if found not in kept]


def _fits(local: str, domain: str, around: int = SRS) -> bool:
    """Whether an address fits into a local part of ours, with `around` octets beside it."""
    return around + len(domain) + len(local) <= LOCAL_PART and not _ODD_DOTS.search(local)


def _without_notices(local: str, domain: str, host: str) -> str:
    """A sender of ours whose notices end here, with the true sender in it if that fits."""
    before = "nobounce+"
    known = f"{before}{domain}={local}"
    return f"{known if _fits(local, domain, len(before) + 1) else 'nobounce'}@{host}"

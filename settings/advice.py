"""Advice about settings that are valid and probably a mistake.

Each line has a key and a remedy, and names the item of a list as errors do.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from mail import spf
from settings import errors
from settings.domains import MailDomain
from settings.marks import fields
from settings.model import Settings
from settings.passing import gateways_pass

# Namespaces with readers: ours, the provider's and Pulumi's.
READ = ("mail-relay", "aws", "pulumi")
_INDEX = re.compile(r"\[\d+\]")


def secrets_in_clear(s: Settings, encrypted: Collection[str]) -> Iterator[str]:
    """Secrets that everybody who has the file can read; `encrypted` are keys stored as secrets."""
    for key, name in zip(fields(Settings), Settings.model_fields, strict=True):
        for place in () if key in encrypted else _secrets(getattr(s, name), f"mail-relay:{key}"):
            yield _named(
                s,
                f"{place}: it stands in the stack's file in clear; set it as a secret: "
                f"pulumi config set --secret --path '{place}'",
            )


def unread(keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Settings in a namespace that is not ours, or in none: each with the line that says so.

    `keys` are those of a stack's file, with their namespaces.
    """
    for key in keys:
        namespace, _, name = key.rpartition(":")
        setting = name.partition(".")[0]
        alike = difflib.get_close_matches(namespace.lower(), READ[:1])
        if namespace not in READ and (setting in fields(Settings) or alike):
            yield setting, f"{key}: nobody reads this key; did you mean mail-relay:{name}?"


def advice(s: Settings) -> Iterator[str]:
    """Advice that does not depend on the gateways' addresses."""
    if s.ssh.allow_from and s.ssh.public_key is None:
        yield "mail-relay:ssh.allowFrom: port 22 is opened and nobody has a key; give ssh.publicKey"
    if s.ssh.endpoint and s.ssh.public_key is None:
        yield "mail-relay:ssh.endpoint: it leads to hosts and nobody has a key; give ssh.publicKey"
    told = [key for key in ("detail", "notify") if getattr(s.monitoring, key)]
    if told and not s.monitoring.enabled:
        yield (
            f"mail-relay:monitoring.{told[0]}: nothing is watched and nobody is told, since "
            "monitoring.enabled is false; set it to true, or leave this out"
        )
    for number, domain in enumerate(s.domains):
        key = f"mail-relay:domains[{number}]"
        senders = " and ".join(s.senders(domain.name))
        if not s.spf_terms(domain) and senders:
            yield _named(
                s,
                f"{key}.spf: '-all': nobody's mail as {domain.name} passes, and {senders} may send "
                f"as it; take their sendAs away, or add {spf.GATEWAYS} to spf.mechanisms",
            )
        if domain.name in s.closed and senders:
            yield _named(
                s,
                f"{key}.mx: '.': {domain.name} takes no mail, and {senders} may send as it: "
                "receivers may refuse a sender who takes no bounces (RFC 7505, 4.2); take mx or "
                "their sendAs away",
            )
    yield from _told_by_our_own_mail(s)
    yield from _bounces(s)


def _told_by_our_own_mail(s: Settings) -> Iterator[str]:
    """Addresses that are told of alarms by mail that comes by the gateways themselves."""
    keys = {"operator": s.operator}
    keys |= {f"monitoring.notify[{n}]": address for n, address in enumerate(s.monitoring.notify)}
    for key, address in keys.items() if s.monitoring.enabled else ():
        if address.rpartition("@")[2] in s.receiving:
            yield (
                f"mail-relay:{key}: {address!r}: alarms are told to it by mail that comes by these "
                "gateways; have somebody elsewhere in mail-relay:monitoring.notify as well"
            )


def spf_advice(s: Settings, addresses: Mapping[str, str]) -> Iterator[str]:
    """Domains whose SPF may not name the gateways; `addresses` as for `gateways_pass`."""
    for number, domain in enumerate(s.domains):
        if lacks_gateways(s, domain, addresses):
            terms = " ".join(s.spf_terms(domain))
            yield _named(
                s,
                f"mail-relay:domains[{number}].spf: {terms!r}: it may not name the gateways, and "
                f"ends in {domain.spf.all}{_consequence(domain)}; add {spf.GATEWAYS} to "
                "spf.mechanisms",
            )


def lacks_gateways(s: Settings, domain: MailDomain, addresses: Mapping[str, str]) -> bool:
    """Whether a domain's SPF policy has terms, and possibly none that the gateways pass by.

    False with a smarthost, since then the smarthost has to pass.
    """
    has_terms = bool(s.spf_terms(domain)) and s.smarthost is None
    return has_terms and not gateways_pass(s, domain, addresses)


def _consequence(domain: MailDomain) -> str:
    if domain.spf.all != "-all":
        return ": receivers may take what they send for spam"
    refused = " and its DMARC policy is reject" if domain.dmarc.policy == "reject" else ""
    return f"{refused}: receivers may refuse what they send"


def _bounces(s: Settings) -> Iterator[str]:
    """Senders whose domain receives mail here but whose address does not."""
    unreachable = s.unreachable
    senders = [(f"clients[{number}]", client) for number, client in enumerate(s.clients)]
    senders += [(f"logins[{number}]", login) for number, login in enumerate(s.logins)]
    for place, who in senders:
        for item in s.sender_addresses(who):
            domain = item.rpartition("@")[2]
            if item in unreachable and domain not in s.closed:
                listed = who.send_as is not None and item in who.send_as
                key = f"{place}.sendAs" if listed else f"{place}.address"
                yield _named(
                    s,
                    f"mail-relay:{key}: {item!r}: {domain} is received here and has no such "
                    "address: bounces and replies to it are refused; add it to "
                    "mail-relay:forwards or mail-relay:mailboxes",
                )


def _named(s: Settings, line: str) -> str:
    return errors.named(s.model_dump(by_alias=True), line, Settings)


def _secrets(value: Any, place: str) -> Iterator[str]:
    """The paths of the secrets inside a value."""
    if isinstance(value, SecretStr):
        yield place
    elif isinstance(value, BaseModel):
        for key, field in zip(fields(type(value)), type(value).model_fields, strict=True):
            yield from _secrets(getattr(value, field), f"{place}.{key}")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets(inner, f"{place}.{key}")
    elif isinstance(value, tuple):
        for number, inner in enumerate(value):
            yield from _secrets(inner, f"{place}[{number}]")


def new_lines(before: Iterable[str], now: Iterable[str]) -> list[str]:
    """The lines of advice that were not given before, whatever the index of an item in its list."""
    known = {_INDEX.sub("", line) for line in before}
    return [line for line in now if _INDEX.sub("", line) not in known]

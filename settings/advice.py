"""Advice about settings that are valid and probably a mistake."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from mail import spf
from settings.marks import fields
from settings.model import Settings


def advice(s: Settings, encrypted: Collection[str]) -> Iterator[str]:
    """One line for each: the key and a remedy; `encrypted` are keys stored encrypted as a whole."""
    for key, name in zip(fields(Settings), Settings.model_fields, strict=True):
        for place in () if key in encrypted else _secrets(getattr(s, name), f"mail-relay:{key}"):
            yield (
                f"{place}: it stands in the stack's file in clear; set it as a secret: "
                f"pulumi config set --secret --path '{place}'"
            )
    if s.ssh.allow_from and s.ssh.public_key is None:
        yield "mail-relay:ssh.allowFrom: port 22 is opened and nobody has a key; give ssh.publicKey"
    for number, domain in enumerate(s.domains):
        terms = s.spf_terms(domain)
        senders = s.senders(domain.name)
        if not terms and senders:
            yield (
                f"mail-relay:domains[{number}].spf: '-all': nobody's mail as {domain.name} passes, "
                f"and {' and '.join(senders)} may send as it; take their sendAs away, or add "
                f"{spf.GATEWAYS} to spf.mechanisms"
            )
        if domain.name in s.closed and senders:
            yield (
                f"mail-relay:domains[{number}].mx: '.': {domain.name} takes no mail, and "
                f"{' and '.join(senders)} may send as it: receivers may refuse a sender who takes "
                "no bounces (RFC 7505, 4.2); take mx or their sendAs away"
            )
        if (
            terms
            and s.smarthost is None
            and domain.spf.all == "-all"
            and not spf.names_gateways(terms)
        ):
            refused = " and its DMARC policy is reject" if domain.dmarc.policy == "reject" else ""
            yield (
                f"mail-relay:domains[{number}].spf: {' '.join(terms)!r}: it may not name the "
                f"gateways, and ends in -all{refused}: receivers may refuse what they send; add "
                f"{spf.GATEWAYS} to spf.mechanisms"
            )


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

"""Domains that send, and the zones that hold their records."""

from typing import Annotated, Literal

from pydantic import Field

from mail import records, spf
from settings.base import Model as _Model
from settings.marks import Mark
from settings.words import (
    NULL_MX,
    Alignment,
    DmarcPolicy,
    Domain,
    ExchangeHost,
    FailureOptions,
    Mechanism,
    Person,
    PrivateKey,
    PublicSuffix,
    Selector,
    TxtString,
    YesNo,
    ZoneId,
)


class Dmarc(_Model):
    """A domain's DMARC policy, by the tags of RFC 9989, 4.7 (`policy` is p, `reports` is rua).

    `sp` is for subdomains, `np` for those that do not exist, `t` asks for one level less while a
    policy is tested. Aggregate reports go to the operator by default. `pct` is historic:
    only receivers that still follow RFC 7489 read it.
    """

    policy: DmarcPolicy = "none"
    sp: DmarcPolicy | None = None
    np: DmarcPolicy | None = None
    psd: PublicSuffix | None = None
    t: YesNo | None = None
    pct: Annotated[int, Field(ge=0, le=100)] | None = None
    adkim: Alignment | None = None
    aspf: Alignment | None = None
    reports: tuple[Person, ...] | None = None
    ruf: tuple[Person, ...] = ()
    fo: FailureOptions | None = None


class Spf(_Model):
    """A domain's SPF record: its terms (see mail.spf.domain), and the result for other senders.

    No terms under `-all`: no mail is sent as the domain (RFC 7208, 10.1.2).
    """

    mechanisms: tuple[Mechanism, ...] = (spf.GATEWAYS,)
    all: Literal["-all", "~all", "?all"] = "~all"


class Exchange(_Model):
    """A mail exchanger (RFC 5321, 5.1): the gateway, or a host elsewhere; "." for none at all."""

    host: ExchangeHost
    preference: int = Field(10, ge=0, le=65535)

    @property
    def value(self) -> str:
        """The record's value; for a domain that takes no mail it is fixed (RFC 7505, 3)."""
        return records.NULL_MX if self.host == NULL_MX else f"{self.preference} {self.host}."


class MailDomain(_Model):
    """A domain that sends through us.

    `selectors` are oldest first, `retired` are selectors whose key is revoked, `keys` are private
    keys made elsewhere (PEM, by selector), `txt` are other TXT strings of the apex, `a` is a host
    of the stack or an address for the apex's A record, `ttl` (seconds) is for all of its records.
    """

    name: Annotated[Domain, Mark.ITEM]
    selectors: tuple[Selector, ...] = Field(("s1",), min_length=1)
    retired: tuple[Selector, ...] = ()
    keys: dict[Selector, PrivateKey] = Field({})
    dmarc: Dmarc = Dmarc()
    spf: Spf = Spf()
    txt: tuple[TxtString, ...] = ()
    a: Annotated[str, Mark.NAME] | None = None
    ttl: int = Field(300, ge=60, le=86400)
    mx: tuple[Exchange, ...] = ()


class HostedZone(_Model):
    """An existing Route53 zone; the id is needed if the account has several of this name."""

    name: Annotated[Domain, Mark.ITEM]
    id: ZoneId | None = None


class Delegation(_Model):
    """A zone that the stack creates, and the zone above that delegates it (RFC 1034, 4.2.1)."""

    zone: Domain
    parent: Domain
    parent_id: ZoneId | None = None

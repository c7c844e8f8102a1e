"""The record sets that a host, the gateways and a domain publish: the one list of them.

What only an `up` knows (addresses, public keys, an SPF policy with addresses in it) is put where it
belongs as it is given: a text, a Pulumi output, or None for one that is not known.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from mail import dkim, dmarc, spf
from mail.zonefile import RecordSet

TTL = 300

Value = TypeVar("Value")


def host(
    name: str, address: Value, spf_terms: Sequence[str] = ()
) -> tuple[RecordSet[Value], RecordSet[str]]:
    """A host's address, and the SPF policy of its own name."""
    policy = spf.host(spf_terms)
    return RecordSet(name, "A", TTL, (address,)), RecordSet(name, "TXT", TTL, (policy,))


def challenge(host: str) -> str:
    """The name of the TXT record that a host's certificate authority asks for (RFC 8555, 8.4)."""
    return f"_acme-challenge.{host}"


def gateways(include: str, policy: Value) -> RecordSet[Value]:
    """The SPF policy with the gateways' addresses, at the name that domains include."""
    return RecordSet(include, "TXT", TTL, (policy,))


def domain(
    name: str,
    *,
    policy: Value,
    keys: Mapping[str, Value],
    ttl: int = TTL,
    strings: Sequence[str] = (),
    addresses: Sequence[Value | str] = (),
    retired: Sequence[str] = (),
    dmarc_policy: str = "",
    reporting: Sequence[str] = (),
    exchanges: Sequence[str] = (),
) -> list[RecordSet[Value | str]]:
    """What a domain publishes.

    `policy` is its SPF policy and `strings` stand beside it, `keys` are key records by selector,
    `retired` are the selectors whose key is revoked, `addresses` the values of its own A record,
    `reporting` the other domains that must say that they take its DMARC reports, and `exchanges`
    its MX values as a zone file has them.
    """
    found: list[RecordSet[Value | str]] = [RecordSet(name, "TXT", ttl, (policy, *strings))]
    if addresses:
        found.append(RecordSet(name, "A", ttl, tuple(addresses)))
    for selector, key in {**keys, **dict.fromkeys(retired, dkim.REVOKED)}.items():
        found.append(RecordSet(dkim.name(selector, name), "TXT", ttl, (key,)))
    found.append(RecordSet(dmarc.name(name), "TXT", ttl, (dmarc_policy,)))
    for other in reporting:
        consent = dmarc.report_authorization(name, other)
        found.append(RecordSet(consent, "TXT", ttl, (dmarc.CONSENT,)))
    if exchanges:
        found.append(RecordSet(name, "MX", ttl, tuple(exchanges)))
    return found

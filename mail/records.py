"""The only list of the record sets that a host, the gateways and a domain publish.

Values that only an `up` knows (addresses, public keys, SPF policies with addresses) are inserted
without being read: a text, a Pulumi output, or None for an unknown value.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from mail import dkim, dmarc, spf
from mail.zonefile import RecordSet

TTL = 300
# The TTL of the submission name: its addresses are those of the gateways that serve now.
SUBMISSION_TTL = 30
# The TTL of a host's address while that is being replaced.
MOVING_TTL = 30
# The MX value of a domain that takes no mail (RFC 7505, 3).
NULL_MX = "0 ."

Value = TypeVar("Value")


def meaning(kind: str, values: Sequence[str]) -> str:
    """The meaning of a record set that its values do not show to everybody, in brackets, or ""."""
    if kind == "MX" and [value.split()[-1] for value in values] == ["."]:
        return " (a null MX, which says that the domain takes no mail: RFC 7505)"
    return ""


def host(name: str, address: Value, spf_terms: Sequence[str] = ()) -> list[RecordSet[Value | str]]:
    """The record sets of a host: its address, and the SPF policy of its name."""
    return [
        RecordSet(name, "A", TTL, (address,)),
        RecordSet(name, "TXT", TTL, (spf.host(spf_terms),)),
    ]


def exchangers(name: str, exchanges: Sequence[str], ttl: int = TTL) -> list[RecordSet[str]]:
    """The MX record set of a name, whose values are as in a zone file; [] without any."""
    return [RecordSet(name, "MX", ttl, tuple(exchanges))] if exchanges else []


def own_name(host: str, number: int) -> str:
    """The name that leads to one of a host's Elastic IPs, whichever is in use."""
    return f"address-{number}.{host}"


def moving(
    name: str, addresses: Mapping[int, Value], policy: Value | str
) -> list[RecordSet[Value | str]]:
    """The record sets of a host while its address is replaced, as `host` has them.

    `addresses` are by number, the one in use first; each has a name of its own besides. `policy` is
    the SPF policy of the host's name (`spf.host`), which names both.
    """
    in_use = next(iter(addresses.values()))
    own = [RecordSet(own_name(name, n), "A", TTL, (address,)) for n, address in addresses.items()]
    return [
        RecordSet(name, "A", MOVING_TTL, (in_use,)),
        RecordSet(name, "TXT", TTL, (policy,)),
        *own,
    ]


def submission(name: str, addresses: Sequence[Value]) -> RecordSet[Value]:
    """The addresses by which mail programs and clients reach the gateways."""
    return RecordSet(name, "A", SUBMISSION_TTL, tuple(addresses))


def challenge(host: str) -> str:
    """The name of the TXT record for a host's ACME challenge (RFC 8555, 8.4)."""
    return f"_acme-challenge.{host}"


def gateways(include: str, policy: Value) -> RecordSet[Value]:
    """The SPF record set with the gateways' addresses, which domains include by its name."""
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
    """All record sets of a domain.

    `policy` is its SPF policy, `strings` are other TXT strings of the apex, `keys` are key records
    by selector, `retired` are the selectors whose key is revoked, `addresses` are the values of the
    apex's A record, `reporting` are other domains that get its DMARC reports and must publish that
    they take them, `exchanges` are its MX values as in a zone file.
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
    return [*found, *exchangers(name, exchanges, ttl)]

"""Which DKIM keys receivers can find: asked of the zone's own name servers, never of a cache.

A caching resolver may remember for an hour that a selector was not there (RFC 2308), or show one
that has just been taken away.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import dns.resolver
from cryptography.hazmat.primitives import serialization

SECONDS = 3.0
# How long a key that has been seen counts as seen: Route53 charges for queries, and a domain has
# four servers. A newer selector is asked for at every look.
SEEN_SECONDS = 300

# By domain: the digest of the key that every server showed, and when (seconds since the epoch).
Seen = dict[str, dict[str, Any]]


def public_key(private_pem: str) -> str:
    """Base64 of the SubjectPublicKeyInfo, as in `p=` (RFC 6376, 3.6.1)."""
    key = serialization.load_pem_private_key(private_pem.encode(), None)
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(spki).decode()


def published_key(record: str) -> str:
    """The `p=` of a key record, without white space; "" where there is none."""
    for tag in record.split(";"):
        name, _, value = tag.partition("=")
        if name.strip() == "p":
            return "".join(value.split())
    return ""


def texts_at_all_servers(name: str, domain: str) -> Iterable[list[str] | None]:
    """For each name server of the zone: the TXT texts that it has, or None if it did not say."""
    resolver = dns.resolver.Resolver()
    resolver.lifetime = 4 * SECONDS
    try:
        zone = dns.resolver.zone_for_name(domain, resolver=resolver)
        servers = [str(ns.target) for ns in resolver.resolve(zone, "NS")]
        addresses = [str(a) for server in sorted(servers) for a in resolver.resolve(server, "A")]
    except dns.exception.DNSException:
        yield None
        return
    query = dns.message.make_query(name, dns.rdatatype.TXT)
    query.flags &= ~dns.flags.RD
    for address in dict.fromkeys(addresses):
        try:
            answer, _ = dns.query.udp_with_fallback(query, address, timeout=SECONDS)
        except (dns.exception.DNSException, OSError):
            yield None
            continue
        yield [
            b"".join(record.strings).decode("latin-1")
            for rrset in answer.answer
            if rrset.rdtype == dns.rdatatype.TXT
            for record in rrset
        ]


def read_seen(file: Path) -> Seen:
    """What was seen; nothing, if that cannot be read."""
    try:
        found = json.loads(file.read_text())
        return {d: {"key": str(s["key"]), "at": float(s["at"])} for d, s in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def in_use(
    domains: Mapping[str, Any], seen: Seen, now: float, is_usable: Callable[..., bool] | None = None
) -> tuple[dict[str, str], Seen]:
    """The newest usable selector of each domain that has one, and what has been seen by now."""
    ask = is_usable or usable
    signing: dict[str, str] = {}
    new = {domain: entry for domain, entry in seen.items() if domain in domains}
    for domain, entry in domains.items():
        last = seen.get(domain, {"key": "", "at": 0.0})
        for place, selector in enumerate(reversed(entry["selectors"])):
            name, key = selector["name"], selector["privateKey"]
            digest = hashlib.sha256(key.encode()).hexdigest()
            known = last["key"] == digest
            if known and place == 0 and 0 <= now - last["at"] < SEEN_SECONDS:
                signing[domain] = name
                break
            if ask(name, domain, key, known):
                signing[domain], new[domain] = name, {"key": digest, "at": now}
                break
    return signing, new


def usable(
    selector: str,
    domain: str,
    private_pem: str,
    seen: bool,
    ask: Callable[[str, str], Iterable[list[str] | None]] = texts_at_all_servers,
) -> bool:
    """Whether every server shows our key. One that does not answer counts as it last did."""
    wanted = public_key(private_pem)
    for texts in ask(f"{selector}._domainkey.{domain}", domain):
        if texts is None:
            if not seen:
                return False
        elif [published_key(text) for text in texts] != [wanted]:
            return False
    return True

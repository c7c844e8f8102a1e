"""The DKIM keys that receivers can find, by the zone's own name servers, never by a cache.

A caching resolver may remember for an hour that a selector was missing (RFC 2308), or show one
that has just been removed. All domains are queried in parallel, within some seconds in all: one
without an answer by then keeps its last state.
"""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from agent import state_file
from agent.bundle import BadBundle
from agent.gateway_files import read_key_table

# For one answer, and for all of them: a look has to end before the next one is due.
SECONDS, ALL_SECONDS = 3.0, 15.0
THREADS = 32
# The time for which a visible key is not asked for again: Route53 charges for queries, and a domain
# has four servers. A newer selector is asked for at every look.
SEEN_SECONDS = 300


@dataclass(frozen=True)
class Seen:
    """A key that every server showed: its digest, the time of that, and its first time in use.

    Times are in seconds since the epoch.
    """

    key: str
    at: float
    since: float


# Whether a zone's servers show our key; None if that is unknown.
Shown = bool | None

# Raised by a question to a name server; EOFError if a TCP connection ends without an answer
# (dnspython, query.py).
NO_ANSWER = (dns.exception.DNSException, OSError, EOFError)


def public_key(private_pem: str) -> str:
    """Base64 of the SubjectPublicKeyInfo, as in `p=` (RFC 6376, 3.6.1).

    ValueError if it is no RSA key. The check that its numbers fit each other would take 40 ms, and
    was made where the key came from.
    """
    try:
        key = serialization.load_pem_private_key(
            private_pem.encode(), None, unsafe_skip_rsa_key_validation=True
        )
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("no RSA key")
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(spki).decode()


def check_keys(domains: Mapping[str, Any]) -> None:
    """Raise BadBundle if a selector has no usable key."""
    for domain, entry in domains.items():
        for selector in entry["selectors"]:
            try:
                public_key(selector["privateKey"])
            except ValueError:
                where = f"domains.{domain}.selectors.{selector['name']}"
                raise BadBundle(f"{where}: not an RSA private key in PEM") from None


def published_key(record: str) -> str:
    """The `p=` of a key record, without white space; "" if there is none."""
    for tag in record.split(";"):
        name, _, value = tag.partition("=")
        if name.strip() == "p":
            return "".join(value.split())
    return ""


def texts_at_all_servers(name: str, domain: str, until: float) -> Iterator[list[str] | None]:
    """For each name server of the zone: the TXT texts that it has, or None if it did not answer.

    After the time `until`, of time.monotonic(), no server is asked.
    """
    try:
        found = _servers(domain, until)
    except NO_ANSWER:
        yield None
        return
    query = dns.message.make_query(name, dns.rdatatype.TXT)
    query.flags &= ~dns.flags.RD
    for address in dict.fromkeys(found):
        left = min(SECONDS, until - time.monotonic())
        try:
            if left <= 0:
                raise TimeoutError
            yield texts(dns.query.udp_with_fallback(query, address, timeout=left)[0])
        except NO_ANSWER:
            yield None


def _servers(domain: str, until: float) -> list[str]:
    """The addresses of the zone's name servers; raises NO_ANSWER."""
    resolver = dns.resolver.Resolver()

    def resolve(ask: Callable[..., Any], *what: str, **options: Any) -> Any:
        resolver.lifetime = max(min(4 * SECONDS, until - time.monotonic()), 0.01)
        return ask(*what, **options)

    zone = resolve(dns.resolver.zone_for_name, domain, resolver=resolver)
    servers = sorted(str(ns.target) for ns in resolve(resolver.resolve, zone, "NS"))
    return [str(a) for server in servers for a in resolve(resolver.resolve, server, "A")]


def texts(answer: dns.message.Message) -> list[str] | None:
    """The TXT texts in an answer; None for an error, or if not authoritative (RFC 1035, 4.1.1)."""
    known = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
    if answer.rcode() not in known or not answer.flags & dns.flags.AA:
        return None
    return [
        b"".join(record.strings).decode("latin-1")
        for rrset in answer.answer
        if rrset.rdtype == dns.rdatatype.TXT
        for record in rrset
    ]


def read_seen(file: Path) -> dict[str, Seen]:
    """The keys last seen, by domain; {} if the file cannot be read."""

    def form(found: Any) -> dict[str, Seen]:
        return {
            domain: Seen(str(s["key"]), float(s["at"]), float(s.get("since", s["at"])))
            for domain, s in found.items()
        }

    return state_file.read(file, form, {})


def read_signing(key_table: Path, domains: Mapping[str, Any], now: float) -> dict[str, Seen]:
    """The keys that sign by OpenDKIM's KeyTable, as if they were seen long ago, by domain.

    For a host whose record of what was seen is lost: a key that signs was visible.
    """
    try:
        signing = read_key_table(key_table.read_text(errors="replace"))
    except OSError:
        return {}
    return {
        domain: Seen(_digest(selector), 0.0, now)
        for domain, entry in domains.items()
        for selector in entry["selectors"]
        if signing.get(domain) == selector["name"]
    }


def known(domains: Mapping[str, Any], seen: Mapping[str, Seen]) -> dict[str, str]:
    """The selector of each domain that was in use last, without a look at DNS."""
    return {
        domain: selector["name"]
        for domain, entry in domains.items()
        for selector in entry["selectors"]
        if domain in seen and seen[domain].key == _digest(selector)
    }


def in_use(
    domains: Mapping[str, Any],
    seen: Mapping[str, Seen],
    now: float,
    shows: Callable[[str, str, str, float], Shown] | None = None,
) -> tuple[dict[str, str], dict[str, Seen]]:
    """The newest usable selector of each domain that has one, and the keys seen by now."""
    ask, until = shows or shown, time.monotonic() + ALL_SECONDS
    found = {
        domain: seen[domain]
        for domain, entry in domains.items()
        if domain in seen
        and seen[domain].key == _digest(entry["selectors"][-1])
        and 0 <= now - seen[domain].at < SEEN_SECONDS
    }
    # the domain that was asked the longest time ago comes first, if there is not time for all
    order = sorted(domains.keys() - found, key=lambda d: seen[d].at if d in seen else 0.0)
    pool = ThreadPoolExecutor(THREADS)
    looks: dict[str, Future[Seen | None]] = {
        domain: pool.submit(_look, domain, domains[domain], seen.get(domain), now, ask, until)
        for domain in order
    }
    wait(looks.values(), timeout=max(until - time.monotonic(), 0))
    pool.shutdown(wait=False, cancel_futures=True)
    for domain, look in looks.items():
        late = look.cancelled() or not look.done()
        if not late and (error := look.exception()):  # the other domains do not wait for this one
            print(f"<4>{domain}: its key was not looked for: {error!r}", flush=True)
            late = True
        if last := seen.get(domain) if late else look.result():
            found[domain] = last
    return known(domains, found), found


def _look(
    domain: str,
    entry: Mapping[str, Any],
    last: Seen | None,
    now: float,
    ask: Callable[[str, str, str, float], Shown],
    until: float,
) -> Seen | None:
    """The key in use for a domain from now on."""
    for selector in reversed(entry["selectors"]):
        digest = _digest(selector)
        mine = last if last and last.key == digest else None
        showing = ask(selector["name"], domain, selector["privateKey"], until)
        if showing:
            # a clock that was ahead has left a future time, for which a rotation would wait
            return Seen(digest, now, mine.since if mine and mine.since <= now else now)
        if showing is None and mine:
            return mine
    return None


def _digest(selector: Mapping[str, str]) -> str:
    return hashlib.sha256(selector["privateKey"].encode()).hexdigest()


def shown(
    selector: str,
    domain: str,
    private_pem: str,
    until: float,
    ask: Callable[[str, str, float], Iterable[list[str] | None]] = texts_at_all_servers,
) -> Shown:
    """Whether every server shows our key; None if one does not answer and no other denies it."""
    wanted, says_all = [public_key(private_pem)], True
    for found in ask(f"{selector}._domainkey.{domain}", domain, until):
        if found is None:
            says_all = False
        elif [published_key(text) for text in found] != wanted:
            return False
    return True if says_all else None

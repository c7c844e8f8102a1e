"""DMARC policies (RFC 9989, which replaces RFC 7489)."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote, unquote

from publicsuffixlist import PublicSuffixList

VERSION = "DMARC1"
POLICIES = ("none", "quarantine", "reject")
# The value of the record at `report_authorization`.
CONSENT = "v=DMARC1"
# The order of tags; `pct` is in RFC 7489 only, which also requires `p` right after the version.
TAGS = ("p", "sp", "np", "psd", "t", "pct", "adkim", "aspf", "rua", "ruf", "fo")
# The maximum of queries in a tree walk (RFC 9989, 4.10).
QUERIES = 8
# A maximum size after a report's address (RFC 7489, 6.2); RFC 9989 has reporters ignore it.
SIZE = re.compile(r"!\d+[kmgt]?", re.IGNORECASE)
# Characters that need no escape in an address inside such a URI.
URI_SAFE = "@-._~$'*+"
FAILURES = re.compile(r"[01ds](:[01ds])*")


def record(tags: Mapping[str, str]) -> str:
    """The policy record with these tags, which must have `p`."""
    return "; ".join([f"v={VERSION}", *(f"{tag}={tags[tag]}" for tag in TAGS if tag in tags)])


def uris(addresses: Sequence[str]) -> str:
    """Addresses for reports as the value of `rua` or `ruf` (RFC 6068, 2; RFC 9989, 4.8)."""
    return ",".join(f"mailto:{quote(address, safe=URI_SAFE)}" for address in addresses)


def failures_problem(options: str) -> str | None:
    """The reason that a text is no valid value of `fo` (RFC 9989, 4.7), or None."""
    found = options.split(":")
    if FAILURES.fullmatch(options) and len(set(found)) == len(found) and not {"0", "1"} <= {*found}:
        return None
    return "give 0 or 1, d, s, or several with colons between them, such as 1:d (RFC 9989, 4.7)"


def name(domain: str) -> str:
    """The name of a domain's policy record."""
    return f"_dmarc.{domain}"


def report_authorization(domain: str, report_domain: str) -> str:
    """The name at which another domain publishes that it takes `domain`'s reports (RFC 9990)."""
    return f"{domain}._report._dmarc.{report_domain}"


@dataclass(frozen=True)
class Policy:
    """A policy record: the policies of the domain, of subdomains that exist and of those that do
    not, the addresses for reports, and the alignment modes of DKIM and SPF.

    `psd` is "y" for a public suffix, "n" for an organizational domain, "u" if the record has none.
    With `test` receivers apply a policy of one level less.
    """

    policy: str
    subdomains: str
    nonexistent: str
    psd: str
    test: bool
    reports: tuple[str, ...]
    strict_dkim: bool
    strict_spf: bool

    @property
    def applied(self) -> str:
        """The policy that receivers apply to the domain's own failing mail (RFC 9989, 4.7, `t`)."""
        level = POLICIES.index(self.policy)
        return POLICIES[max(level - self.test, 0)]


def tags(text: str) -> dict[str, str] | None:
    """The tags of a policy record in order; None if the text is no policy (RFC 9989, 4.7).

    Parts that are no tags are skipped, and so is a second tag of the same name.
    """
    found: dict[str, str] = {}
    for part in text.split(";"):
        tag, equals, value = part.partition("=")
        if equals and tag.strip().isalpha():
            found.setdefault(tag.strip(), value.strip())
        elif not found:
            return None
    return found if next(iter(found.items()), None) == ("v", VERSION) else None


def read(text: str) -> Policy:
    """Parse a policy record; ValueError if receivers would ignore it (RFC 9989, 4.7, 4.10.1)."""
    found = tags(text)
    if found is None:
        raise ValueError(f"it does not begin with v={VERSION}")
    reports = [
        address
        for tag in ("rua", "ruf")
        for uri in found.get(tag, "").split(",")
        if (address := _address(uri))
    ]
    policies = {tag: found[tag].lower() for tag in ("p", "sp", "np") if tag in found}
    wrong = [f"{tag}={found[tag]}" for tag, value in policies.items() if value not in POLICIES]
    if wrong or "p" not in policies:
        why = f"{' and '.join(wrong) or 'p'} is none of {', '.join(POLICIES)}"
        if not any(_address(uri) for uri in found.get("rua", "").split(",")):
            raise ValueError(f"{why}, and it asks for no reports")
        policies = dict.fromkeys(("p", "sp", "np"), "none")
    own = policies["p"]
    below = policies.get("sp", own)

    def letter(tag: str, default: str) -> str:
        return found.get(tag, default).lower()

    return Policy(
        own,
        below,
        policies.get("np", below),
        letter("psd", "u"),
        letter("t", "n") == "y",
        tuple(reports),
        letter("adkim", "r") == "s",
        letter("aspf", "r") == "s",
    )


def _address(uri: str) -> str:
    """The address of a mailto URI, "" for any other URI."""
    scheme, _, address = uri.strip().partition(":")
    return unquote(SIZE.sub("", address)) if scheme.lower() == "mailto" and "@" in address else ""


# Looks up the TXT values at a name.
LookUp = Callable[[str], Sequence[str]]


def walk(domain: str, look_up: LookUp) -> dict[str, Policy]:
    """The policies at and above a domain, by a DNS tree walk (RFC 9989, 4.10)."""
    found: dict[str, Policy] = {}
    for target in _targets(domain):
        records = [text for text in look_up(name(target)) if tags(text) is not None]
        if len(records) == 1:
            try:
                found[target] = read(records[0])
            except ValueError:
                continue
            if found[target].psd in ("y", "n"):
                break
    return found


def _targets(domain: str) -> Iterator[str]:
    yield domain
    labels = domain.split(".")
    above = labels[1:] if len(labels) < QUERIES else labels[1 - QUERIES :]
    for start in range(len(above)):
        yield ".".join(above[start:])


def organizational_by_walk(domain: str, look_up: LookUp) -> str:
    """The organizational domain by the tree walk, for alignment (RFC 9989, 4.10.2)."""
    found = walk(domain, look_up)
    for target, policy in found.items():
        if policy.psd == "n":
            return target
        if policy.psd == "y" and target != domain:
            labels = domain.split(".")
            return ".".join(labels[-len(target.split(".")) - 1 :])
    return min(found, key=len, default=domain)


def organizational(domain: str) -> str:
    """The organizational domain by the Public Suffix List (RFC 7489, 3.2).

    Receivers that follow RFC 7489 use this, those that follow RFC 9989 use the tree walk.
    """
    return _suffixes().privatesuffix(domain) or domain


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def aligned(author: str, authenticated: str, strict: bool, look_up: LookUp | None = None) -> bool:
    """Whether an authenticated domain is aligned with the domain of From: (RFC 9989, 4.4).

    With a `look_up`, both the tree walk and the Public Suffix List must align them; without one
    only the list is used.
    """
    if author == authenticated:
        return True
    if strict or organizational(author) != organizational(authenticated):
        return False
    if look_up is None:
        return True
    return organizational_by_walk(author, look_up) == organizational_by_walk(authenticated, look_up)

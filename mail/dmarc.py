"""DMARC policies (RFC 7489, 6.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from publicsuffixlist import PublicSuffixList

from mail import tags

POLICIES = ("none", "quarantine", "reject")
# The record that says so at `report_authorization`.
CONSENT = "v=DMARC1"


def record(policy: str, reports: Sequence[str], percent: int | None = None) -> str:
    """The policy record; `reports` are addresses for aggregate reports."""
    tags = ["v=DMARC1", f"p={policy}"]
    if percent is not None:
        tags.append(f"pct={percent}")
    if reports:
        tags.append("rua=" + ",".join(f"mailto:{address}" for address in reports))
    return "; ".join(tags)


def name(domain: str) -> str:
    """Where the policy of a domain stands."""
    return f"_dmarc.{domain}"


def report_authorization(domain: str, report_domain: str) -> str:
    """Where another domain says that it takes the reports of `domain` (RFC 7489, 7.1)."""
    return f"{domain}._report._dmarc.{report_domain}"


@dataclass(frozen=True)
class Policy:
    """A policy record: what is asked for, where reports go, and how DKIM is aligned."""

    policy: str
    reports: tuple[str, ...]
    strict_dkim: bool


def read(text: str) -> Policy:
    """A policy record; ValueError where receivers would ignore it (RFC 7489, 6.6.3)."""
    found = tags.read(text)
    if next(iter(found.items()), None) != ("v", "DMARC1"):
        raise ValueError("it does not begin with v=DMARC1")
    policy = found.get("p", "")
    if policy.lower() not in POLICIES:
        raise ValueError(f"p={policy} is none of {', '.join(POLICIES)}")
    uris = [uri.strip() for tag in ("rua", "ruf") for uri in found.get(tag, "").split(",")]
    # a size limit may follow the address (6.2)
    reports = [uri[len("mailto:") :].partition("!")[0] for uri in uris if uri.startswith("mailto:")]
    return Policy(policy.lower(), tuple(reports), found.get("adkim", "r").lower() == "s")


def organizational(domain: str) -> str:
    """The domain that somebody registered (RFC 7489, 3.2), by the Public Suffix List."""
    return _suffixes().privatesuffix(domain) or domain


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def aligned(author: str, authenticated: str, strict: bool) -> bool:
    """Whether an authenticated domain speaks for the domain of From: (RFC 7489, 3.1)."""
    if strict:
        return author == authenticated
    return organizational(author) == organizational(authenticated)

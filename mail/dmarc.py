"""DMARC policies (RFC 7489, 6.3)."""

from collections.abc import Sequence

POLICIES = ("none", "quarantine", "reject")


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

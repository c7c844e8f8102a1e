"""The results of the milters before the guard: their Authentication-Results (RFC 8601).

OpenDKIM adds one field, OpenDMARC one for SPF and one for DMARC. Fields of others are removed
before a milter sees the message (templates/.../inbound_headers), so one of another form is forged.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

FIELD = "Authentication-Results"
# OpenDKIM cuts its field at 4,096 octets (DKIM_MAXHEADER), in the middle of a word.
OPENDKIM_LIMIT = 3900
_DMARC = re.compile(
    r"dmarc=(?P<result>\w+)( \(p=(?P<policy>\w+) dis=\w+\))? header\.from=(?P<of>\S+)"
)
_SPF = re.compile(r"spf=(?P<result>\w+) smtp\.(?P<what>mailfrom|helo)=(?P<of>\S*)")
# OpenDKIM writes "(null)" for a signature without a domain
_DKIM = re.compile(r"dkim=(?P<result>\w+)( header\.d=(?P<of>\S*) header\.i=.*)?")
_ATPS = re.compile(r"dkim-atps=\w+")  # unused; Debian's OpenDKIM writes it each time
_ASIDE = re.compile(r'\([^()]*\)|reason="[^"]*"')


class Forged(ValueError):
    """A result that none of this host's milters has written."""


@dataclass(frozen=True)
class Results:
    """`dkim` are the domains whose signature verifies; `spf` is the envelope's domain if it passes.

    `dmarc` and `policy` are OpenDMARC's result and policy for the author's domain `dmarc_of`, empty
    if it gave none; `dmarc_index` is the number of its field, from 1.
    """

    dkim: frozenset[str] = frozenset()
    spf: str = ""
    dmarc: str = ""
    policy: str = ""
    dmarc_of: str = ""
    dmarc_index: int = 0

    def vouch_for(self, domain: str) -> bool:
        """Whether the domain, or one above it, has signed the message, or the domain passes SPF."""
        above = domain.split(".")
        names = {".".join(above[at:]) for at in range(len(above) - 1)}
        return domain == self.spf or not names.isdisjoint(self.dkim)


def read(values: Sequence[bytes], host: str) -> Results:
    """The results in the fields of a message, the topmost first; raises Forged."""
    found: dict[str, Results] = {}
    for index, value in enumerate(values, 1):
        who, _, said = " ".join(value.decode("latin-1").split()).partition(";")
        if who.strip().lower() != host:
            raise Forged(f"a verdict by {who.strip()[:60]!a}")
        kind, results = _one(said.strip(), index)
        if kind in found:
            raise Forged(f"a second verdict on {kind}")
        found[kind] = results
    dkim, spf, dmarc = (found.get(kind, Results()) for kind in ("dkim", "spf", "dmarc"))
    return Results(dkim.dkim, spf.spf, dmarc.dmarc, dmarc.policy, dmarc.dmarc_of, dmarc.dmarc_index)


def _one(said: str, index: int) -> tuple[str, Results]:
    """The method that one field is about, and its part of the results."""
    if match := _DMARC.fullmatch(said):
        of = match["of"].lower()
        return "dmarc", Results(
            dmarc=match["result"], policy=match["policy"] or "", dmarc_of=of, dmarc_index=index
        )
    if match := _SPF.fullmatch(said):
        passes = match["result"] == "pass" and match["what"] == "mailfrom"
        return "spf", Results(spf=match["of"].lower() if passes else "")
    signed: set[str] = set()
    parts = [" ".join(part.split()) for part in _ASIDE.sub(" ", said).split(";")]
    for part in parts if len(said) < OPENDKIM_LIMIT else parts[:-1]:
        match = _DKIM.fullmatch(part)
        if match is None and not _ATPS.fullmatch(part):
            raise Forged(f"a verdict that says {part[:60]!a}")
        if match and match["result"] == "pass":
            if not match["of"] or part.count("header.d=") != 1:
                raise Forged(f"a verdict that says {part[:60]!a}")
            signed.add(match["of"].lower())
    return "dkim", Results(dkim=frozenset(signed))

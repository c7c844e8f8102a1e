"""SPF policies (RFC 7208)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import spf as pyspf

from mail import idn

LOOK_UPS, VOID_LOOK_UPS = 10, 2
QUALIFIERS = "+-~?"
# The count of look-ups at which pyspf stops.
ENDLESS = 4 * LOOK_UPS
# A word of the settings: includes the gateways' record.
GATEWAYS = "gateways"
EXAMPLE = "give an SPF mechanism, such as include:_spf.example.net (RFC 7208, 5)"
DNS_NAME = re.compile(r"(?=.{1,254}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
# An address that nobody has (RFC 1112, 4), and a placeholder for unknown addresses of gateways.
NOBODY, ANY = "240.0.0.1", "192.0.2.1"
# The policy of a name that nobody sends as (RFC 7208, 10.1.2).
NOBODY_SENDS = "v=spf1 -all"
# Parts of pyspf's errors, and what they mean; the term in question follows.
PLAIN = {
    "trivial recursion": "it includes itself",
    "empty domain": "it names no domain",
    "missing domain": "it names no domain",
    "implicit exists": "it names no domain",
}


def is_policy(text: str) -> bool:
    """Whether a TXT text is an SPF policy (RFC 7208, 4.5)."""
    return re.match(r"v=spf1( |$)", text, re.IGNORECASE) is not None


def term_problem(term: str) -> str | None:
    """The reason that a term is not valid in `domain`, or None.

    pyspf decides what RFC 7208 allows. Terms that would never be evaluated are refused as well, and
    terms that would make the gateways fail.
    """
    bare = term.lstrip(QUALIFIERS).lower()
    if term in (GATEWAYS, "ip4", "+ip4"):
        return None
    if bare in ("all", "ip4"):
        what = "all is set by spf.all" if bare == "all" else "the gateways themselves must pass"
        return f"{EXAMPLE}; {what}"
    if term.lower().startswith("redirect="):
        return (
            "redirect= is never read where there is an `all`, and here there always is one "
            "(RFC 7208, 6.1); give include:DOMAIN"
        )
    name, _, argument = term.partition(":")
    if not term.isascii() and (form := idn.ascii_form(argument)):
        return f"write it in its ASCII form: {name}:{form}"
    if not re.fullmatch("[!-~]+", term) or re.match("[A-Za-z][A-Za-z0-9_.-]*=", term):
        return EXAMPLE
    why = ""
    if name.lstrip(QUALIFIERS).lower() in ("include", "a", "mx", "ptr", "exists"):
        # the grammar allows more (7.1: visible characters), but no name has such characters
        plain = re.sub(r"%\{[^}]*\}|%[%_-]|/[\d/]+$", "x", argument)
        why = "" if DNS_NAME.fullmatch(plain or "x") else f"no name: {argument}"
    why = why or _read(f"v=spf1 {term} -all", "nobody.invalid", {})[1]
    return f"{EXAMPLE}; this one: {why}" if why else None


def policy_problem(domain: str, policy: str, known: Mapping[str, str]) -> str | None:
    """The reason that a whole policy gives permerror, or pass for every address, or None.

    `known` has our other policies by name. Policies of others are assumed to be valid and to need
    no look-ups.
    """
    query, why = _read(policy, domain, known)
    if query.lookups > LOOK_UPS:
        itself = "; it includes itself, by way of others" if query.lookups > ENDLESS else ""
        cost = f"it costs {query.lookups} DNS look-ups, SPF allows {LOOK_UPS} (RFC 7208, 4.6.4)"
        return cost + itself
    if why:
        return why
    return "every address passes" if query.result == "pass" else None


def _read(policy: str, domain: str, known: Mapping[str, str]) -> "tuple[_Query, str]":
    """Evaluate a policy with pyspf, which sees only our DNS names; also return its error, or ""."""

    def look_up(name: str, kind: str) -> Sequence[str]:
        text = policy if name == domain else known.get(name, NOBODY_SENDS)
        return [text] if kind == "TXT" else ()

    query = _Query(NOBODY, f"postmaster@{domain}", domain, look_up)
    query.result, _, said = query.check()
    return query, _plain(said.partition("Error: ")[2]) if query.result == "permerror" else ""


def _plain(said: str) -> str:
    """An error of pyspf, in plain words if there are some."""
    for sign, words in PLAIN.items():
        if sign in said:
            return f"{words}: {said.rpartition(': ')[2]}"
    return said


def gateways(addresses: Sequence[str]) -> str:
    """The policy with the gateways' addresses, for domains to include."""
    return " ".join(["v=spf1", *(f"ip4:{address}" for address in addresses), "-all"])


def domain(terms: Sequence[str], all_: str, *, include: str, addresses: Sequence[str]) -> str:
    """A sending domain's policy.

    The term GATEWAYS becomes an `include` of the gateways' record. A bare `ip4` becomes one `ip4`
    for each of their addresses, with the same qualifier.
    """
    written: list[str] = []
    for term in terms:
        if term == GATEWAYS:
            written.append(f"include:{include}")
        elif term.lstrip(QUALIFIERS) == "ip4":
            written += [f"{term}:{address}" for address in addresses]
        else:
            written.append(term)
    return " ".join(["v=spf1", *written, all_])


def names_addresses(terms: Sequence[str]) -> bool:
    """Whether a policy with these terms contains the gateways' addresses themselves."""
    return any(term.lstrip(QUALIFIERS) == "ip4" for term in terms)


def has_literals(terms: Sequence[str]) -> bool:
    """Whether addresses are written out in these terms."""
    return any(term.lstrip(QUALIFIERS).lower().startswith("ip4:") for term in terms)


def host(terms: Sequence[str] = ()) -> str:
    """The policy of a sending host's name, for HELO and bounces (RFC 7208, 2.3 and 2.4).

    `terms` are for others that send with this name, such as a smarthost.
    """
    return " ".join(["v=spf1", "a", *terms, "-all"])


# Looks up the values for a name and a type (A, MX, PTR or TXT): () if there are none, None if DNS
# does not answer. MX and TXT values are in the form of mail.zonefile.
LookUp = Callable[[str, str], Sequence[str] | None]


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation (RFC 7208, 2.6), its reason, and the look-ups it needed."""

    result: str
    problem: str
    look_ups: int
    void_look_ups: int


def evaluate(address: str, sender: str, helo: str, look_up: LookUp) -> Evaluation:
    """check_host() (RFC 7208, 4) for a client's address; `sender` "" is the HELO identity.

    Look-ups beyond the limits (4.6.4) make the result `permerror`, and are counted all the same.
    """
    query = _Query(address, sender, helo, look_up)
    result, _, said = query.check()
    problem = _plain(said.partition("Error: ")[2])
    if query.voids > VOID_LOOK_UPS and result != "temperror":
        result = "permerror"
        problem = f"{query.voids} look-ups find nothing; SPF allows {VOID_LOOK_UPS}"
    return Evaluation(result, problem, query.lookups, query.voids)


def passes(address: str, sender: str, helo: str, look_up: LookUp) -> bool:
    """Whether check_host() gives pass, with a `look_up` that knows only some of the world's names.

    So void look-ups are not counted.
    """
    return _Query(address, sender, helo, look_up).check()[0] == "pass"


class _Query(pyspf.query):
    """pyspf's evaluation with our own look-ups."""

    def __init__(self, address: str, sender: str, helo: str, look_up: LookUp) -> None:
        # not strict: continues after a limit is reached, and still returns permerror
        super().__init__(address, sender, helo, strict=False)
        self._look_up, self.voids, self.result = look_up, 0, ""

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> Any:
        values = self._look_up(str(name).rstrip(".").lower(), qtype)
        if values is None:
            raise pyspf.TempError(f"no answer for {name} {qtype}")
        if not values and not ignore_void:
            self.voids += 1
        if qtype == "MX":
            pairs = [value.split() for value in values]
            return [(int(preference), exchange) for preference, exchange in pairs]
        return [(value.encode("latin-1"),) if qtype == "TXT" else value for value in values]

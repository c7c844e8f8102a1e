"""Block lists in DNS (RFC 5782): which are asked, and what their answers mean.

They are lists that large receivers or the filters in wide use (SpamAssassin, Rspamd) ask, whose
terms allow some queries a day without registration; docs/tasks/an-address-is-listed.md has the
reasons, and those for the lists that are left out.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["address", "domain"]
# Every list answers with addresses of this network (RFC 5782, 2.1); others are those of a registrar
# that has taken over the name of a list that has ended.
ANSWERS = ipaddress.ip_network("127.0.0.0/8")
# Spamhaus: errors of the question, whatever is asked for (return codes in its DNSBL usage FAQ).
ERRORS = ipaddress.ip_network("127.255.255.0/24")
REFUSALS = {
    "127.255.255.252": "the name of the list is mistyped",
    "127.255.255.254": "it takes no questions from public resolvers, nor from an address whose "
    "reverse name is the provider's own",
    "127.255.255.255": "too many questions from this address",
}
REFUSED = "127.0.0.1"
# Lists of bits refuse by the lowest one (SpamAssassin's rules URIBL_BLOCKED and SURBL_BLOCKED).
REFUSAL_BIT = 1


@dataclass(frozen=True)
class BlockList:
    """A list: its zone, what it lists, and what its answers mean.

    `meanings` are by the whole answer; with `bits` they are by bits of the last octet, of which an
    answer may have several, and others that mean nothing (SURBL's test entry has all but the
    lowest, which is its refusal's). `notes` are bits that are no listing. `point` is a test
    entry that is always listed, `never` one that never is (RFC 5782, 5). `page` is where somebody
    looks an entry up and asks for its removal. A list that `refuses` makes receivers refuse mail at
    once; others are part of a score.
    """

    zone: str
    name: str
    kind: Kind
    point: str
    page: str
    meanings: Mapping[str, str] = field(default_factory=dict[str, str])
    bits: Mapping[int, str] = field(default_factory=dict[int, str])
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    refuses: bool = False

    @property
    def never(self) -> str:
        """The name below the list that is never listed (RFC 5782, 5)."""
        return query("127.0.0.1" if self.kind == "address" else "invalid", self.zone)


_POINT = "127.0.0.2"
_SENDER = "spam came from it"
_DBL = "127.0.1."

LISTS: tuple[BlockList, ...] = (
    BlockList(
        "zen.spamhaus.org",
        "Spamhaus ZEN",
        "address",
        _POINT,
        "https://check.spamhaus.org",
        meanings={
            "127.0.0.2": "SBL: spam was sent from it, or it serves spammers",
            "127.0.0.3": "CSS: it sent mail that looks like spam",
            **{
                f"127.0.0.{code}": "XBL: it behaves like a hijacked computer"
                for code in range(4, 8)
            },
            "127.0.0.9": "DROP: its network belongs to criminals",
            "127.0.0.10": "PBL: its owner says that nothing there sends mail by itself",
            "127.0.0.11": "PBL: Spamhaus takes it for an address that sends no mail by itself",
            "127.0.0.30": "BCL: it controls a botnet",
        },
        refuses=True,
    ),
    BlockList(
        "bl.spamcop.net",
        "SpamCop",
        "address",
        _POINT,
        "https://www.spamcop.net/bl.shtml",
        meanings={"127.0.0.2": "its users have reported spam from it"},
        refuses=True,
    ),
    BlockList(
        "psbl.surriel.com",
        "PSBL",
        "address",
        _POINT,
        "https://psbl.org",
        meanings={"127.0.0.2": "it wrote to an address that only spammers know"},
    ),
    BlockList(
        "dbl.spamhaus.org",
        "Spamhaus DBL",
        "domain",
        "dbltest.com",
        "https://check.spamhaus.org",
        meanings={
            f"{_DBL}2": "spam names it",
            f"{_DBL}4": "it is used for phishing",
            f"{_DBL}5": "it is used for malware",
            f"{_DBL}6": "it controls a botnet",
            f"{_DBL}102": "somebody has broken into it, for spam",
            f"{_DBL}103": "its redirections are used in spam",
            f"{_DBL}104": "somebody has broken into it, for phishing",
            f"{_DBL}105": "somebody has broken into it, for malware",
            f"{_DBL}106": "somebody has broken into it, to control a botnet",
        },
        refuses=True,
    ),
    BlockList(
        "multi.surbl.org",
        "SURBL",
        "domain",
        "surbl-org-permanent-test-point.com",
        "https://surbl.org/surbl-analysis",
        bits={
            8: "PH: it is used for phishing",
            16: "MW: it is used for malware",
            64: "ABUSE: spam names it",
            128: "CR: somebody has broken into it",
        },
        notes={"4": "DM: mail to it is thrown away", "32": "CT: it counts clicks"},
    ),
    BlockList(
        "multi.uribl.com",
        "URIBL",
        "domain",
        "test.uribl.com",
        "https://admin.uribl.com",
        bits={2: "black: spam names it"},
        notes={"4": "grey: mass mail names it", "8": "red: URIBL is watching it"},
    ),
)
BY_ZONE: Mapping[str, BlockList] = {one.zone: one for one in LISTS}
# Listings of the owner's policy, not of spam: the page says what to do.
POLICY = ("127.0.0.10", "127.0.0.11")


class CannotBeAsked(Exception):
    """A list gives no usable answer: it refuses, or has ended; the text says which."""


def query(entry: str, zone: str) -> str:
    """The name to ask for: an address in reverse (RFC 5782, 2.1), a domain as it is (3)."""
    try:
        octets = str(ipaddress.IPv4Address(entry)).split(".")
    except ValueError:
        return f"{entry}.{zone}"
    return f"{'.'.join(reversed(octets))}.{zone}"


def codes(of: BlockList, answers: Sequence[str]) -> tuple[str, ...]:
    """The answers that are a listing, sorted; () if the entry is not listed.

    Raises CannotBeAsked for a refusal, and for an answer that the list's documentation does not
    have: neither says anything of the entry.
    """
    found = []
    for answer in sorted(answers, key=lambda text: ipaddress.IPv4Address(text)):
        address = ipaddress.IPv4Address(answer)
        if address in ERRORS:
            raise CannotBeAsked(f"{REFUSALS.get(answer, 'it refuses the question')} ({answer})")
        if address not in ANSWERS:
            raise CannotBeAsked(f"it answers as no block list does ({answer}): it may have ended")
        if answer == REFUSED:
            raise CannotBeAsked(f"it refuses questions from this address ({answer})")
        if _is_listing(of, answer):
            found.append(answer)
    return tuple(found)


def _is_listing(of: BlockList, answer: str) -> bool:
    if not of.bits:
        if answer not in of.meanings:
            raise CannotBeAsked(f"its documentation has no answer {answer}")
        return True
    prefix, _, last = answer.rpartition(".")
    listed, noted = sum(of.bits), sum(map(int, of.notes))
    if prefix == "127.0.0" and int(last) & REFUSAL_BIT:
        raise CannotBeAsked(f"it refuses questions from this address ({answer})")
    if prefix != "127.0.0" or not int(last) & (listed | noted):
        raise CannotBeAsked(f"its documentation has no answer {answer}")
    return bool(int(last) & listed)


def meaning(of: BlockList, code: str) -> str:
    """The meaning of an answer that is a listing, in words; the answer itself if it has none."""
    if not of.bits:
        return of.meanings.get(code, code)
    bits = int(code.rpartition(".")[2]) if code.rpartition(".")[2].isdigit() else 0
    return ", ".join(text for bit, text in of.bits.items() if bits & bit) or code


def check_points(of: BlockList, point: Sequence[str], never: Sequence[str]) -> None:
    """Raise CannotBeAsked unless the list works: its test entry is listed, `never` is not.

    Both are the answers for these names. A list that has ended answers nothing, or everything.
    """
    if not codes(of, point):
        raise CannotBeAsked("its test entry is not listed: it may have ended")
    if never:
        raise CannotBeAsked(f"it lists what nobody has ({', '.join(never)}): it may have ended")

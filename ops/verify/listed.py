"""Whether block lists have the gateway's address or our domains, as the gateway asked them.

Lists refuse most other computers' questions, so nobody else is asked. A list that refuses, or has
ended, says nothing of the entry and is only mentioned.
"""

import datetime
from collections.abc import Iterable, Iterator

from agent.host_status import AskedList, Listing, Reputation, Status
from mail.block_lists import BY_ZONE, POLICY, BlockList, meaning
from ops.outputs import Domain, Host
from ops.terminal import several
from ops.verify.result import Result

CHECK = "lists"
PAGE = "docs/tasks/an-address-is-listed.md"
# It asks once a day.
LATE = datetime.timedelta(days=3)


def check(host: Host, domains: Iterable[Domain], status: Status) -> list[Result]:
    """A result for the gateway and its addresses, and one for each domain that is listed."""
    result, found = Result(CHECK, host.name), status.reputation
    if found is None:
        result.seen.append("not asked yet, or not at all (monitoring.blockLists)")
        return [result]
    late = _time(status.written) - _time(found.asked)
    if late > LATE:
        result.warn(
            "lists-unasked",
            f"the gateway has asked no block list for {late.days} days; it does once a day",
            "On the host: journalctl -u mail-relay-block-lists",
        )
    silent = [one for one in found.lists if one.problem]
    asked = len(found.lists) - len(silent)
    lists = several(asked, "block list", "block lists")
    result.seen.append(f"{lists} asked for {len(found.about)} names on {found.asked[:10]}")
    result.seen += [f"{_name(one.zone)} cannot be asked: {one.problem}" for one in silent]
    for of, entry, listing in _listed(found):
        if of.kind == "address":
            _address(result, host, of, entry, listing)
    return [result, *_domains({domain.name for domain in domains}, found)]


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _name(zone: str) -> str:
    return BY_ZONE[zone].name if zone in BY_ZONE else zone


def _listed(found: Reputation) -> Iterator[tuple[BlockList, str, Listing]]:
    """Each listing, with its list; those of a list that this release does not know are left out."""
    known: list[AskedList] = [one for one in found.lists if one.zone in BY_ZONE]
    for one in known:
        for entry, listing in one.listed.items():
            yield BY_ZONE[one.zone], entry, listing


def _text(of: BlockList, entry: str, listing: Listing) -> str:
    why = "; ".join(meaning(of, code) for code in listing.codes)
    return f"{entry} is listed by {of.name} since {listing.since[:10]} or before ({why})"


def _remedy(of: BlockList, entry: str) -> str:
    return f"First find what was sent: {PAGE}. Then look {entry} up at {of.page}, and ask there"


def _address(result: Result, host: Host, of: BlockList, entry: str, listing: Listing) -> None:
    text, remedy = _text(of, entry, listing), _remedy(of, entry)
    if entry != host.address:
        result.warn(
            "spare-listed",
            f"{text}: mail would be refused if it left from there",
            f"It is not in use. Take another one: ./relay address replace {host.name} --back, then "
            "begin again",
        )
    elif set(listing.codes) <= set(POLICY):
        result.error(
            "address-policy",
            f"{text}: receivers that ask it refuse all mail of {host.name}",
            f"It is no accusation. Look {entry} up at {of.page}: whoever has the address can take "
            f"it out there, once its reverse name is {host.name}",
        )
    elif of.refuses:
        result.error("address-listed", f"{text}: many receivers refuse mail from it", remedy)
    else:
        result.warn("address-scored", f"{text}: filters count it as a sign of spam", remedy)


def _domains(wanted: set[str], found: Reputation) -> list[Result]:
    """The listed domains that are ours or above ours."""
    results: dict[str, Result] = {}
    for of, entry, listing in _listed(found):
        ours = any(name == entry or name.endswith(f".{entry}") for name in wanted)
        if of.kind != "domain" or not ours:
            continue
        result = results.setdefault(entry, Result(CHECK, entry))
        text, remedy = _text(of, entry, listing), _remedy(of, entry)
        if of.refuses:
            result.error("domain-listed", f"{text}: many receivers refuse mail with it", remedy)
        else:
            result.warn("domain-scored", f"{text}: filters count it as a sign of spam", remedy)
    return list(results.values())

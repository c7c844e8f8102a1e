"""Ask block lists for this gateway's address and the stack's domains: `block_lists.py [--domains]`.

Run by a systemd timer; it asks once a day, at a time that differs from host to host, and more often
while something is listed. Each list's own name servers are asked directly: lists refuse AWS's
resolver, by which they cannot tell one user from another. All lists are asked in parallel, and one
that is dead delays nobody. With `--domains` no list of addresses is asked: a smarthost's address is
what receivers see.
"""

import dataclasses
import datetime
import json
import random
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from agent import host_status, state_file
from agent.host_status import AskedList, Listing, Reputation
from agent.install import write
from mail.block_lists import LISTS, BlockList, CannotBeAsked, check_points, codes, query

FILE = Path("/srv/mail/block_lists.json")
BUNDLE = Path("/srv/mail/tables/bundle.json")
METADATA = "http://169.254.169.254/latest"
# For an answer of a server, for all of a list, and for the process as a whole.
SECONDS, ALL_SECONDS = 4.0, 90.0
SERVERS = 3  # of a list's, chosen at random
DAY = 86_400.0
# While something is listed its removal is looked for, and while no list answers (a boot without
# network, say) it is tried again.
LISTED, NONE = DAY / 4, 3600.0
# A list that does not answer any more says nothing after this time.
REMEMBERED = datetime.timedelta(days=3)
NO_ANSWER = (dns.exception.DNSException, OSError, EOFError)
# Asks a list for a name: the addresses in its answer, () if there is none. Raises CannotBeAsked.
Ask = Callable[[str], Sequence[str]]


def own_address() -> str:
    """This host's public address, by EC2's metadata service; "" without one. Raises OSError."""
    token = urllib.request.Request(  # noqa: S310
        f"{METADATA}/api/token",
        method="PUT",
        headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"},
    )
    with urllib.request.urlopen(token, timeout=SECONDS) as answer:  # noqa: S310
        held = {"X-aws-ec2-metadata-token": answer.read().decode()}
    wanted = urllib.request.Request(f"{METADATA}/meta-data/public-ipv4", headers=held)  # noqa: S310
    try:
        with urllib.request.urlopen(wanted, timeout=SECONDS) as answer:  # noqa: S310
            return str(answer.read().decode()).strip()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return ""
        raise


def entries(bundle: Mapping[str, Any], host: str, address: str) -> dict[str, list[str]]:
    """What is asked for, by the kind of list; no address if the host's own is "".

    The tables name what the host does not know: an address that is to replace its own, and the
    domains above those that sign.
    """
    more = bundle.get("asked", {})
    others = more.get("addresses", {}).get(host, [])
    return {
        "address": sorted({address, *others}) if address else [],
        "domain": sorted({*bundle["domains"], *more.get("domains", [])}),
    }


def is_due(last: Reputation | None, about: Sequence[str], now: datetime.datetime) -> bool:
    """Whether it is time to ask: once a day, or sooner as LISTED and NONE say."""
    if last is None or tuple(about) != last.about:
        return True
    age = (now - datetime.datetime.fromisoformat(last.asked)).total_seconds()
    every = DAY
    if any(one.listed for one in last.lists):
        every = LISTED
    if all(one.problem for one in last.lists):
        every = NONE
    return not 0 <= age < every  # a clock that was ahead has left a future time


def asker(zone: str, until: float) -> Ask:
    """A function that asks the list's own servers; raises CannotBeAsked if it has none."""
    resolver = dns.resolver.Resolver()

    def resolve(name: str, kind: str) -> list[str]:
        resolver.lifetime = max(min(2 * SECONDS, until - time.monotonic()), 0.01)
        return [str(value) for value in resolver.resolve(name, kind)]

    try:
        names = resolve(zone, "NS")
    except NO_ANSWER as error:
        raise CannotBeAsked(f"it has no name servers ({type(error).__name__})") from None
    servers: list[str] = []
    for name in random.sample(names, min(SERVERS, len(names))):
        try:
            servers += resolve(name, "A")[:1]
        except NO_ANSWER:
            continue

    def ask(name: str) -> Sequence[str]:
        problem = "its name servers have no addresses"
        while servers:
            left = min(SECONDS, until - time.monotonic())
            try:
                if left <= 0:
                    raise CannotBeAsked("there was no time left for it")
                return _answer(name, servers[0], left)
            except (*NO_ANSWER, _Unusable) as error:
                problem = str(error) if isinstance(error, _Unusable) else "no answer"
                servers.pop(0)
        raise CannotBeAsked(f"its name servers give no answer: {problem}")

    return ask


class _Unusable(Exception):
    """An answer that says nothing, such as REFUSED."""


def _answer(name: str, server: str, seconds: float) -> Sequence[str]:
    question = dns.message.make_query(name, dns.rdatatype.A)
    question.flags &= ~dns.flags.RD
    answer, _ = dns.query.udp_with_fallback(question, server, timeout=seconds)
    rcode = answer.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise _Unusable(dns.rcode.to_text(rcode))
    if not answer.flags & dns.flags.AA:  # a referral elsewhere is no "not listed"
        raise _Unusable("no authority")
    return [
        str(record)
        for rrset in answer.answer
        if rrset.rdtype == dns.rdatatype.A
        for record in rrset
    ]


def asked(
    of: BlockList, wanted: Sequence[str], last: AskedList | None, now: datetime.datetime, ask: Ask
) -> AskedList:
    """What a list says of the entries; what it said last if it cannot be asked."""
    moment = now.isoformat(timespec="seconds")
    before = last.listed if last else {}
    listed: dict[str, Listing] = {}
    try:
        point = query(of.point, of.zone)
        check_points(of, ask(point), ask(of.never))
        for entry in wanted:
            if found := codes(of, ask(query(entry, of.zone))):
                since = before[entry].since if entry in before else moment
                listed[entry] = Listing(since, found)
    except CannotBeAsked as error:
        return unasked(of.zone, str(error), last, now)
    return AskedList(of.zone, moment, "", listed)


def unasked(zone: str, problem: str, last: AskedList | None, now: datetime.datetime) -> AskedList:
    """A list that could not be asked: what it said last is kept for some days."""
    if last is None or not last.answered:
        return AskedList(zone, "", problem, {})
    old = now - datetime.datetime.fromisoformat(last.answered) > REMEMBERED
    return AskedList(zone, last.answered, problem, {} if old else last.listed)


def ask_all(
    wanted: Mapping[str, Sequence[str]], last: Reputation | None, now: datetime.datetime
) -> Reputation:
    """Ask all lists that have something to be asked for."""
    until = time.monotonic() + ALL_SECONDS
    before = {one.zone: one for one in last.lists} if last else {}
    chosen = [one for one in LISTS if wanted[one.kind]]

    def one(of: BlockList) -> AskedList:
        try:
            ask = asker(of.zone, until)
        except CannotBeAsked as error:
            return unasked(of.zone, str(error), before.get(of.zone), now)
        return asked(of, wanted[of.kind], before.get(of.zone), now, ask)

    pool = ThreadPoolExecutor(max(len(chosen), 1))
    looks = [pool.submit(one, of) for of in chosen]
    wait(looks, timeout=ALL_SECONDS + 3 * SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    found = []
    for of, look in zip(chosen, looks, strict=True):
        if look.done() and not look.cancelled() and look.exception() is None:
            found.append(look.result())
        else:
            why = look.exception() if look.done() and not look.cancelled() else "no time was left"
            found.append(unasked(of.zone, f"{why!s:.200}", before.get(of.zone), now))
    about = tuple(sorted({entry for entries_ in wanted.values() for entry in entries_}))
    return Reputation(now.isoformat(timespec="seconds"), about, tuple(found))


def say_changes(last: Reputation | None, now: Reputation) -> None:
    """A line in the journal for each listing that is new or gone."""
    held, found = _all(last), _all(now)
    for zone, entry in sorted(found - held):
        print(f"<4>{entry} is listed by {zone}: see ./relay verify", flush=True)
    for zone, entry in sorted(held - found):
        print(f"<5>{entry} is not listed by {zone} any more", flush=True)


def _all(reputation: Reputation | None) -> set[tuple[str, str]]:
    lists = reputation.lists if reputation else ()
    return {(one.zone, entry) for one in lists for entry in one.listed}


def main() -> int:
    """Ask if it is time to, and keep what was said."""
    bundle = state_file.read(BUNDLE, lambda found: {**found, "domains": [*found["domains"]]}, {})
    if not bundle:  # the next run finds the tables
        return 0
    now = datetime.datetime.now(datetime.UTC)
    with_address = "--domains" not in sys.argv[1:]
    address = own_address() if with_address else ""
    if with_address and not address:  # it is being replaced
        return 0
    wanted = entries(bundle, socket.getfqdn(), address)
    last = state_file.read(FILE, host_status.reputation, None)
    about = sorted({entry for each in wanted.values() for entry in each})
    if not is_due(last, about, now):
        return 0
    found = ask_all(wanted, last, now)
    say_changes(last, found)
    write(FILE, json.dumps(dataclasses.asdict(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

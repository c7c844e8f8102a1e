"""The next step of a replacement: pure, from a gateway's settings and the stack's state.

A gateway gets a spare Elastic IP, which both SPF policies name; once no resolver remembers them
without it, the two change places; the former one is kept for some days, and then given back.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from components.naming import eip_name
from mail import txt
from mail.records import TTL, own_name
from settings import Gateway

# Resolvers may remember the records of before for this long; the double of it is margin.
PUBLISHED = datetime.timedelta(seconds=2 * TTL)
# Receivers judge mail when it comes, and some once more when it is read or forwarded. By then a
# removal from a list may also have been granted, and one could go back.
WAIT = datetime.timedelta(days=7)
EIP = "aws:ec2/eip:Eip"
POINTER = "aws:ec2/eipDomainName:EipDomainName"
RECORD = "aws:route53/record:Record"

Kind = Literal["prepare", "switch", "release"]


@dataclass(frozen=True)
class Held:
    """What the stack's state has of a gateway.

    `addresses` and `pointers` (reverse names) are by number. `named` is the address that the host's
    name leads to, `since` the last change of that record, `policies` the SPF policies of the
    gateways and of the host's name, and `settled` the last change of anything that a receiver looks
    up before mail leaves from the spare address.
    """

    addresses: Mapping[int, str]
    pointers: Mapping[int, str]
    named: str
    since: datetime.datetime
    policies: tuple[str, ...]
    settled: datetime.datetime


@dataclass(frozen=True)
class Step:
    """The next step, the settings it makes, and the time from which it is due.

    `at` is None if an `up` must come first: the last step is not in force yet.
    """

    kind: Kind
    address: int | None
    spare: int | None
    at: datetime.datetime | None


def held(resources: Sequence[Mapping[str, Any]], gateway: Gateway, include: str) -> Held | None:
    """What the state has; None if the gateway is not up. `include` is the SPF record's name."""
    host = gateway.name
    names = {number: eip_name(host, number) for number in gateway.addresses}
    eips = {r["urn"].rpartition("::")[2]: r for r in resources if r["type"] == EIP}
    pointers = {r["urn"].rpartition("::")[2]: r for r in resources if r["type"] == POINTER}
    records = {
        (r["inputs"]["name"], r["inputs"]["type"]): r for r in resources if r["type"] == RECORD
    }
    named, policies = records.get((host, "A")), [(include, "TXT"), (host, "TXT")]
    found = [records[key] for key in policies if key in records]
    if named is None or len(found) < len(policies):
        return None
    own = [records[key] for n in names if (key := (own_name(host, n), "A")) in records]
    known = {n: eips[name] for n, name in names.items() if name in eips}
    set_ = {n: pointers[name] for n, name in names.items() if name in pointers}
    changes = [_time(r["modified"]) for r in (named, *found, *own, *set_.values())]
    return Held(
        {n: str(r.get("outputs", {}).get("publicIp", "")) for n, r in known.items()},
        {n: str(r["inputs"]["domainName"]) for n, r in set_.items()},
        str(named["inputs"]["records"][0]),
        _time(named["modified"]),
        tuple("".join(map("".join, map(txt.strings, r["inputs"]["records"]))) for r in found),
        max(changes),
    )


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def step(gateway: Gateway, now: Held, wait: datetime.timedelta) -> Step:
    """The next step of a replacement; `wait` is for how long the former address is kept.

    If that is shorter than resolvers remember records, the switch waits no longer either.
    """
    used, spare = gateway.address_in_use, gateway.spare_address
    if spare is None:
        return Step("prepare", gateway.address, used + 1, now.since)
    if spare < used:
        moved = in_force(gateway, now)
        return Step("release", used, None, now.since + wait if moved else None)
    ready = in_force(gateway, now)
    return Step("switch", spare, used, now.settled + min(PUBLISHED, wait) if ready else None)


def back(gateway: Gateway) -> Step | None:
    """The step back: a spare address that was never used is given up, else the two change places.

    None if there is no spare one.
    """
    used, spare = gateway.address_in_use, gateway.spare_address
    if spare is None:
        return None
    now = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    if spare > used:
        return Step("release", gateway.address, None, now)
    return Step("switch", spare, used, now)


def in_force(gateway: Gateway, now: Held) -> bool:
    """Whether the last `up` has made what the settings say."""
    used, spare = gateway.address_in_use, gateway.spare_address
    wanted = {used: gateway.name}
    if spare is not None:
        wanted[spare] = own_name(gateway.name, spare)
    addresses = [now.addresses.get(number, "") for number in gateway.addresses]
    return (
        all(addresses)
        and now.named == addresses[0]
        and dict(now.pointers) == wanted
        and all(
            f"ip4:{address}" in policy.split() for address in addresses for policy in now.policies
        )
    )

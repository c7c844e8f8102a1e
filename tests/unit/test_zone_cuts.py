"""A zone that the one above it does not delegate is one fault, whatever a resolver remembers."""

from collections.abc import Iterator
from typing import Any

import pytest
from verify_look import Loopback, skipped, wrong
from verify_world import (
    FACTS,
    KEY,
    PORTS,
    RIGHT,
    ROLES,
    SERVERS,
    WANTED,
    Literal,
    Port,
    certificates,
    serving,
)

from mail import zonefile
from ops.outputs import Domain, Outputs
from ops.verify.zones import delegation

LISTS = "lists.shop.example"
NS = f"{LISTS} NS"
PREFIX = f"{LISTS}. 300 IN"
SPF, DMARC = "v=spf1 include:_spf.relay.example ~all", "v=DMARC1; p=none"
ADDED = f"""\
{PREFIX} MX 10 mail.relay.example.
{PREFIX} TXT "{SPF}"
s1._domainkey.{PREFIX} TXT "{KEY[:255]}" "{KEY[255:]}"
_dmarc.{PREFIX} TXT "{DMARC}"
"""
SOA = f"{LISTS} SOA"
DELEGATED: dict[str, list[str] | str] = {
    **RIGHT,
    NS: [f"{server}." for server in SERVERS],
    SOA: RIGHT["shop.example SOA"],
    f"{LISTS} MX": ["10 mail.relay.example."],
    f"{LISTS} TXT": [SPF],
    f"s1._domainkey.{LISTS} TXT": [KEY],
    f"_dmarc.{LISTS} TXT": [DMARC],
}
REMEMBERED = {f"{NS} @{server}": list[str]() for server in SERVERS}
# Names of the zone at servers that serve the zone above it and know of no cut.
UNKNOWN = {
    f"{name} @{server}": list[str]()
    for name in DELEGATED
    if name.split()[0].endswith(LISTS)
    for server in SERVERS
}


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    trust, contexts = certificates(tmp_path_factory.mktemp("certificates"))
    ports = {**PORTS, 25: Port(takes=(*ROLES, f"postmaster@{LISTS}", f"abuse@{LISTS}"))}
    with serving(ports, contexts) as there:
        yield Loopback(trust, contexts, there)


def _outputs(records: str = ADDED) -> Outputs:
    added = {
        "domains": (*WANTED.domains, Domain(name=LISTS, selectors=("s1",))),
        "zones": {**WANTED.zones, LISTS: tuple(SERVERS)},
        "records": (*WANTED.records, *zonefile.read(records)),
    }
    return WANTED.model_copy(update=added)


def _looked(loopback: Loopback, names: dict[str, Any], records: str = ADDED) -> Any:
    signing = {"relay.example": "s1", "shop.example": "s2", LISTS: "s1"}
    facts = {**FACTS, "i-1": {**FACTS["i-1"], "signing": signing}}
    return loopback.look(names, _outputs(records), facts)


@pytest.mark.parametrize("said", [[f"{server}." for server in SERVERS], "not authoritative"])
def test_a_zone_that_the_one_above_delegates_is_right(loopback: Loopback, said: Any) -> None:
    """A server that has both zones answers; another one refers to the zone's own."""
    names = {**DELEGATED, **{f"{NS} @{server}": said for server in SERVERS}}
    assert wrong(_looked(loopback, names)) == set()


@pytest.mark.parametrize("records", [ADDED, ADDED.partition("\n")[2]], ids=["MX", "no MX"])
@pytest.mark.parametrize(
    "names",
    [
        pytest.param({**DELEGATED, **UNKNOWN}, id="the resolver remembers all"),
        pytest.param({**DELEGATED, **REMEMBERED}, id="the zone's servers have its records"),
        pytest.param({**RIGHT, NS: []}, id="nobody knows a name of it"),
    ],
)
def test_a_zone_that_the_one_above_does_not_delegate_is_the_one_thing_said(
    loopback: Loopback, names: dict[str, Any], records: str
) -> None:
    results = _looked(loopback, names, records)
    assert wrong(results) == {("zone-not-delegated", LISTS)}
    (zone,) = [result for result in results if result.errors]
    lines = "\n".join(f"{LISTS}. 172800 IN NS {server}." for server in SERVERS)
    assert zone.instructions == [f"In the zone shop.example, or by whoever runs it: {lines}"]
    about = {("mx", LISTS), ("spf", LISTS), ("dkim", f"s1._domainkey.{LISTS}"), ("dmarc", LISTS)}
    assert about <= skipped(results)


def test_servers_of_the_zone_above_that_do_not_answer_are_no_fault_of_the_delegation() -> None:
    silent = {f"{NS} @{server}": "no answer" for server in SERVERS}
    assert delegation(Literal({**DELEGATED, **silent}), LISTS, SERVERS).errors == []


def test_the_zone_above_is_looked_for_past_names_that_are_no_zone() -> None:
    """`eu.shop.example` is a name in the zone shop.example."""
    deep = "lists.eu.shop.example"
    names = {**RIGHT, f"{deep} NS @resolver": SERVERS}
    (problem,) = delegation(Literal(names), deep, SERVERS).errors
    assert problem.text.startswith(f"the zone shop.example has no NS record for {deep}")

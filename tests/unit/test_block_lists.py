"""Block lists: what an answer means, when they are asked, and that a refusal is no listing."""

import dataclasses
import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent import block_lists as agent
from agent import host_status
from agent.host_status import AskedList, Listing, Reputation
from lab.region import block_lists as lab
from lab.region.memory import Memory
from lab.region.names import lookup
from mail.block_lists import BY_ZONE, LISTS, CannotBeAsked, check_points, codes, meaning, query

NOW = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
ZEN, DBL, URIBL = (BY_ZONE[z] for z in ("zen.spamhaus.org", "dbl.spamhaus.org", "multi.uribl.com"))
ADDRESS, DOMAIN = "203.0.113.9", "shop.example"


def test_an_address_is_asked_for_in_reverse_and_a_domain_as_it_is() -> None:
    assert query(ADDRESS, ZEN.zone) == "9.113.0.203.zen.spamhaus.org"
    assert query(DOMAIN, DBL.zone) == "shop.example.dbl.spamhaus.org"


@pytest.mark.parametrize(
    ("zone", "answers", "listing"),
    [
        ("zen.spamhaus.org", [], ()),
        ("zen.spamhaus.org", ["127.0.0.4", "127.0.0.2"], ("127.0.0.2", "127.0.0.4")),
        ("dbl.spamhaus.org", ["127.0.1.2"], ("127.0.1.2",)),
        ("multi.uribl.com", ["127.0.0.2"], ("127.0.0.2",)),
        # grey and red are notes
        ("multi.uribl.com", ["127.0.0.12"], ()),
        ("multi.uribl.com", ["127.0.0.6"], ("127.0.0.6",)),
        ("multi.surbl.org", ["127.0.0.80"], ("127.0.0.80",)),
        # bits that mean nothing any more, beside others
        ("multi.surbl.org", ["127.0.0.254"], ("127.0.0.254",)),
        ("multi.uribl.com", ["127.0.0.34"], ("127.0.0.34",)),
    ],
)
def test_a_listing_has_an_answer_that_the_list_documents(
    zone: str, answers: list[str], listing: tuple[str, ...]
) -> None:
    assert codes(BY_ZONE[zone], answers) == listing


@pytest.mark.parametrize(
    ("zone", "answer", "why"),
    [
        ("zen.spamhaus.org", "127.255.255.252", "mistyped"),
        ("zen.spamhaus.org", "127.255.255.254", "no questions from public resolvers"),
        ("zen.spamhaus.org", "127.255.255.255", "too many questions"),
        ("dbl.spamhaus.org", "127.255.255.254", "no questions from public resolvers"),
        # an address was asked for where only domains are
        ("dbl.spamhaus.org", "127.0.1.255", "its documentation has no answer"),
        ("multi.uribl.com", "127.0.0.1", "refuses questions from this address"),
        ("multi.surbl.org", "127.0.0.1", "refuses questions from this address"),
        ("psbl.surriel.com", "192.0.2.99", "it may have ended"),  # a registrar's page
        ("zen.spamhaus.org", "127.0.0.77", "its documentation has no answer"),
        ("multi.uribl.com", "127.0.0.32", "its documentation has no answer"),
        ("multi.surbl.org", "127.0.0.2", "its documentation has no answer"),
        # the lowest bit, whatever stands beside it
        ("multi.uribl.com", "127.0.0.3", "refuses questions from this address"),
        ("multi.uribl.com", "127.0.9.2", "its documentation has no answer"),
    ],
)
def test_a_refusal_or_an_unknown_answer_is_no_listing(zone: str, answer: str, why: str) -> None:
    with pytest.raises(CannotBeAsked, match=why) as said:
        codes(BY_ZONE[zone], [answer])
    assert answer in str(said.value)


@pytest.mark.parametrize("of", LISTS, ids=lambda of: of.name)
def test_a_list_that_has_ended_is_known_by_its_test_entries(of: Any) -> None:
    points = lab.POINTS[of.zone]
    check_points(of, points, [])
    with pytest.raises(CannotBeAsked, match="its test entry is not listed"):
        check_points(of, [], [])
    with pytest.raises(CannotBeAsked, match="lists what nobody has"):
        check_points(of, points, points)


def test_each_answer_has_a_meaning_in_words() -> None:
    assert meaning(ZEN, "127.0.0.11").startswith("PBL")
    assert meaning(BY_ZONE["multi.surbl.org"], "127.0.0.80") == (
        "MW: it is used for malware, ABUSE: spam names it"
    )
    assert meaning(ZEN, "from a later release") == "from a later release"


def answering(of: Any, listed: Mapping[str, str]) -> agent.Ask:
    """A list that works."""
    held = {query(of.point, of.zone): lab.POINTS[of.zone]}
    held |= {query(entry, of.zone): [code] for entry, code in listed.items()}
    return lambda name: held.get(name, [])


def refusing(_: str) -> Sequence[str]:
    return ["127.255.255.254"]


def later(days: float) -> datetime.datetime:
    return NOW + datetime.timedelta(days=days)


def test_a_listing_is_told_since_it_was_first_seen() -> None:
    first = agent.asked(ZEN, [ADDRESS], None, NOW, answering(ZEN, {ADDRESS: "127.0.0.2"}))
    assert first.listed == {ADDRESS: Listing("2026-03-01T12:00:00+00:00", ("127.0.0.2",))}
    again = agent.asked(ZEN, [ADDRESS], first, later(1), answering(ZEN, {ADDRESS: "127.0.0.3"}))
    assert again.listed == {ADDRESS: Listing("2026-03-01T12:00:00+00:00", ("127.0.0.3",))}
    assert agent.asked(ZEN, [ADDRESS], again, later(2), answering(ZEN, {})).listed == {}


def test_a_list_that_refuses_or_is_dead_lists_nothing() -> None:
    found = agent.asked(ZEN, [ADDRESS], None, NOW, refusing)
    assert (found.listed, found.answered) == ({}, "")
    assert "public resolvers" in found.problem
    assert "may have ended" in agent.asked(ZEN, [ADDRESS], None, NOW, lambda _: []).problem


def test_what_a_list_said_is_kept_for_three_days_without_an_answer() -> None:
    first = agent.asked(ZEN, [ADDRESS], None, NOW, answering(ZEN, {ADDRESS: "127.0.0.2"}))
    kept = agent.asked(ZEN, [ADDRESS], first, later(2.9), refusing)
    assert (kept.listed, kept.answered) == (first.listed, first.answered)
    assert agent.asked(ZEN, [ADDRESS], kept, later(3.1), refusing).listed == {}


def reputation(listed: bool = False, problem: str = "") -> Reputation:
    entries = {ADDRESS: Listing(NOW.isoformat(), ("127.0.0.2",))} if listed else {}
    one = AskedList(ZEN.zone, "" if problem else NOW.isoformat(), problem, entries)
    return Reputation(NOW.isoformat(), (ADDRESS, DOMAIN), (one,))


@pytest.mark.parametrize(
    ("last", "about", "hours", "due"),
    [
        (None, (ADDRESS, DOMAIN), 0, True),
        (reputation(), (ADDRESS, DOMAIN), 23.9, False),
        (reputation(), (ADDRESS, DOMAIN), 24, True),
        # another address, or another domain
        (reputation(), (ADDRESS,), 0.1, True),
        (reputation(listed=True), (ADDRESS, DOMAIN), 5.9, False),
        (reputation(listed=True), (ADDRESS, DOMAIN), 6, True),
        (reputation(problem="no network"), (ADDRESS, DOMAIN), 0.9, False),
        (reputation(problem="no network"), (ADDRESS, DOMAIN), 1, True),
        # the clock was ahead
        (reputation(), (ADDRESS, DOMAIN), -2, True),
    ],
)
def test_they_are_asked_once_a_day_and_sooner_if_something_is_listed(
    last: Reputation | None, about: tuple[str, ...], hours: float, due: bool
) -> None:
    assert agent.is_due(last, about, NOW + datetime.timedelta(hours=hours)) is due


def test_no_address_is_asked_for_behind_a_smarthost() -> None:
    bundle = {
        "domains": {DOMAIN: {}},
        "asked": {"domains": ["example"], "addresses": {"mail.x.example": ["192.0.2.7"]}},
    }
    with_address = agent.entries(bundle, "mail.x.example", ADDRESS)
    assert with_address == {"address": ["192.0.2.7", ADDRESS], "domain": ["example", DOMAIN]}
    assert agent.entries(bundle, "mail.y.example", ADDRESS)["address"] == [ADDRESS]
    assert agent.entries(bundle, "mail.x.example", "")["address"] == []


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gateway with tables, whose lists are what the test sets."""
    bundle = tmp_path / "bundle.json"
    bundle.write_text(json.dumps({"domains": {DOMAIN: {}}}))
    monkeypatch.setattr(agent, "FILE", tmp_path / "block_lists.json")
    monkeypatch.setattr(agent, "BUNDLE", bundle)
    monkeypatch.setattr(agent, "own_address", lambda: ADDRESS)
    monkeypatch.setattr(agent.sys, "argv", ["block_lists.py"])
    return tmp_path / "block_lists.json"


def playing(monkeypatch: pytest.MonkeyPatch, ask: Callable[[Any], agent.Ask]) -> list[str]:
    """The lists that were asked."""
    called: list[str] = []

    def asker(zone: str, _: float) -> agent.Ask:
        called.append(zone)
        return ask(BY_ZONE[zone])

    monkeypatch.setattr(agent, "asker", asker)
    return called


def test_a_dead_list_costs_the_others_nothing_and_all_is_remembered(
    host: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(of: Any) -> agent.Ask:
        if of is DBL:
            raise CannotBeAsked("it has no name servers (NXDOMAIN)")
        if of is URIBL:
            raise RuntimeError("a fault of ours")
        return answering(of, {ADDRESS: "127.0.0.2"} if of is ZEN else {})

    called = playing(monkeypatch, ask)
    assert agent.main() == 0
    assert sorted(called) == sorted(of.zone for of in LISTS)
    found = host_status.reputation(json.loads(host.read_text()))
    assert {one.zone: one.problem for one in found.lists if one.problem} == {
        DBL.zone: "it has no name servers (NXDOMAIN)",
        URIBL.zone: "a fault of ours",
    }
    assert [one.zone for one in found.lists if one.listed] == [ZEN.zone]
    assert f"{ADDRESS} is listed by {ZEN.zone}" in capsys.readouterr().out
    assert agent.main() == 0  # it is too early
    assert len(called) == len(LISTS)


def test_while_the_host_has_no_address_nothing_is_asked(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = playing(monkeypatch, lambda of: answering(of, {}))
    monkeypatch.setattr(agent, "own_address", lambda: "")
    assert agent.main() == 0
    assert (called, host.exists()) == ([], False)


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "[]",
        '{"asked": 1}',
        json.dumps({**dataclasses.asdict(reputation()), "asked": "yesterday"}),
        json.dumps({**dataclasses.asdict(reputation()), "asked": ""}),
        json.dumps({**dataclasses.asdict(reputation()), "asked": "2026-03-01T12:00:00"}),
    ],
)
def test_a_damaged_file_is_made_anew(
    host: Path, monkeypatch: pytest.MonkeyPatch, damaged: str
) -> None:
    playing(monkeypatch, lambda of: answering(of, {}))
    host.write_text(damaged)
    assert agent.main() == 0
    assert host_status.reputation(json.loads(host.read_text())).about == (ADDRESS, DOMAIN)


@pytest.mark.parametrize("mode", ["answers", "refuses", "empty", "everything"])
def test_the_labs_lists_do_as_told(mode: Any) -> None:
    memory = Memory()
    lab.put_all(memory)
    lab.put(memory, ZEN.zone, mode, {ADDRESS: ["127.0.0.2"]})

    def ask(name: str) -> list[str]:
        return [v for kind, _, v in lookup(memory, f"{name}.").records if kind == "A"]

    found = agent.asked(ZEN, [ADDRESS], None, NOW, ask)
    assert (ADDRESS in found.listed) == (mode == "answers")
    assert bool(found.problem) == (mode != "answers")

"""Which DKIM keys receivers can find, as the agent asks for them."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.resolver
import pytest

from agent import published
from mail import dkim

KEY = dkim.generate()
RIGHT = [dkim.record(KEY)]
NAME = "s1._domainkey.shop.example"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ([RIGHT, RIGHT], True),
        ([RIGHT, []], False),
        ([RIGHT, None], None),
        ([None, RIGHT], None),
        ([None, None], None),
        ([None, []], False),
        ([["v=DKIM1; k=rsa; p="]], False),
        ([[dkim.record(dkim.generate())]], False),
        ([[*RIGHT, *RIGHT]], False),
    ],
)
def test_a_key_is_shown_if_every_name_server_has_it_and_denied_if_one_has_not(
    given: list[list[str] | None], shown: bool | None
) -> None:
    def ask(name: str, domain: str, until: float) -> Iterable[list[str] | None]:
        assert (name, domain) == ("s1._domainkey.shop.example", "shop.example")
        return given

    assert published.shown("s1", "shop.example", KEY, 0.0, ask) is shown


@pytest.mark.parametrize(
    ("rcode", "flags", "texts"),
    [
        ("NOERROR", "QR AA", []),
        ("NXDOMAIN", "QR AA", []),
        ("SERVFAIL", "QR", None),
        ("SERVFAIL", "QR AA", None),
        ("REFUSED", "QR", None),
        ("NOTIMP", "QR", None),
        ("FORMERR", "QR", None),
        # one that has not got the zone leads elsewhere (RFC 1034, 4.3.2), or asks for us
        ("NOERROR", "QR", None),
        ("NXDOMAIN", "QR RA", None),
    ],
)
def test_a_name_server_that_errs_says_nothing_of_a_key(
    rcode: str, flags: str, texts: list[str] | None
) -> None:
    question = f";QUESTION\n{NAME}. IN TXT\n;ANSWER\n;AUTHORITY\n;ADDITIONAL"
    text = f"id 1\nopcode QUERY\nrcode {rcode}\nflags {flags}\n{question}\n"
    assert published.texts(dns.message.from_text(text)) == texts


@pytest.mark.parametrize("error", [EOFError("EOF"), OSError("reset"), dns.exception.Timeout()])
def test_a_name_server_that_ends_the_connection_says_nothing_of_a_key(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Over TCP, after a truncated answer."""

    def ends(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(published, "_servers", lambda *_: ["192.0.2.1", "192.0.2.2"])
    monkeypatch.setattr(dns.query, "udp_with_fallback", ends)
    until = time.monotonic() + 5
    assert [*published.texts_at_all_servers(NAME, "shop.example", until)] == [None, None]


def test_a_host_without_a_resolver_says_nothing_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise dns.resolver.NoResolverConfiguration

    monkeypatch.setattr(dns.resolver, "Resolver", missing)
    assert [*published.texts_at_all_servers(NAME, "shop.example", time.monotonic() + 5)] == [None]


def test_a_domain_that_cannot_be_looked_for_keeps_no_other_from_its_key(
    capsys: pytest.CaptureFixture[str],
) -> None:
    selectors = [{"name": "s1", "privateKey": KEY}]
    domains = {name: {"selectors": selectors} for name in ("a.example", "b.example", "new.example")}
    _, seen = published.in_use({"a.example": domains["a.example"]}, {}, 1000.0, lambda *_: True)

    def ask(_: str, domain: str, *__: object) -> bool:
        if domain != "b.example":
            raise RuntimeError("whatever it is")
        return True

    signing, after = published.in_use(domains, seen, 2000.0, ask)
    assert signing == {"a.example": "s1", "b.example": "s1"}
    assert after["a.example"] == seen["a.example"]
    said = capsys.readouterr().out
    assert "<4>new.example: its key was not looked for: RuntimeError('whatever it is')" in said


def test_a_key_that_has_been_seen_is_asked_for_rarely_and_a_newer_one_at_every_look() -> None:
    asked: list[str] = []
    old, new = ({"name": n, "privateKey": k} for n, k in (("s1", KEY), ("s2", "another")))
    says: dict[str, bool | None] = {"s1": True, "s2": False}

    def shows(selector: str, domain: str, key: str, until: float) -> bool | None:
        asked.append(selector)
        return says[selector]

    def look(selectors: list[Any], seen: Any, now: float) -> tuple[dict[str, str], Any]:
        asked.clear()
        return published.in_use({"shop.example": {"selectors": selectors}}, seen, now, shows)

    signing, seen = look([old], {}, 1000.0)
    assert (signing, asked) == ({"shop.example": "s1"}, ["s1"])
    signing, seen = look([old], seen, 1000.0 + published.SEEN_SECONDS - 1)
    assert (signing, asked) == ({"shop.example": "s1"}, [])
    signing, seen = look([old], seen, 1000.0 + published.SEEN_SECONDS)
    assert (signing, asked) == ({"shop.example": "s1"}, ["s1"])
    signing, seen = look([old, new], seen, 1310.0)
    assert (signing, asked) == ({"shop.example": "s1"}, ["s2", "s1"])
    assert seen["shop.example"].since == 1000.0
    says["s2"] = True
    signing, seen = look([old, new], seen, 1340.0)
    assert (signing, asked) == ({"shop.example": "s2"}, ["s2"])
    assert seen["shop.example"].since == 1340.0
    # a clock that was set back does not make a key last for ever
    signing, seen = look([old, new], seen, 900.0)
    assert asked == ["s2"]
    assert look([new], seen, 910.0)[0] == {"shop.example": "s2"}


def test_a_key_that_was_seen_stays_in_use_while_nobody_can_tell_and_goes_when_denied() -> None:
    domains = {"shop.example": {"selectors": [{"name": "s1", "privateKey": KEY}]}}
    _, seen = published.in_use(domains, {}, 1000.0, lambda *_: True)
    assert published.in_use(domains, {}, 1000.0, lambda *_: None) == ({}, {})
    signing, seen = published.in_use(domains, seen, 9000.0, lambda *_: None)
    assert signing == published.known(domains, seen) == {"shop.example": "s1"}
    assert published.in_use(domains, seen, 9000.0, lambda *_: False) == ({}, {})


def test_three_hundred_domains_are_asked_for_in_seconds_whatever_name_servers_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(published, "ALL_SECONDS", 1.0)
    selectors = [{"name": "s1", "privateKey": KEY}]
    domains = {f"d{number}.example": {"selectors": selectors} for number in range(300)}
    _, seen = published.in_use(domains, {}, 1000.0, lambda *_: True)

    def hangs(_: str, __: str, ___: str, until: float) -> bool | None:
        time.sleep(max(until - time.monotonic(), 0) / 2)
        return None

    begin = time.monotonic()
    signing, after = published.in_use(domains, seen, 2000.0, hangs)
    assert time.monotonic() - begin < 5
    assert (len(signing), after) == (300, seen)


def test_a_look_that_never_ends_is_not_waited_for_and_counts_as_it_last_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(published, "ALL_SECONDS", 1.0)
    # one ends, three hang, and the last one does not begin
    monkeypatch.setattr(published, "THREADS", 3)
    names = ["a.example", "b.example", "c.example"]
    selectors = [{"name": "s1", "privateKey": KEY}]
    domains = {name: {"selectors": selectors} for name in [*names, "new.example", "well.example"]}
    _, seen = published.in_use({n: domains[n] for n in names}, {}, 1000.0, lambda *_: True)
    released, asked, before = threading.Event(), list[str](), set(threading.enumerate())

    def hangs(_: str, domain: str, __: str, ___: float) -> bool:
        asked.append(domain)
        # what it says in the end is not what was known
        return domain == "well.example" or (released.wait(10) and False)

    try:
        signing, after = published.in_use(domains, seen, 2000.0, hangs)
    finally:
        released.set()
        for thread in set(threading.enumerate()) - before:
            thread.join()
    assert len(asked) == 4
    assert signing == dict.fromkeys([*names, "well.example"], "s1")
    assert {name: after[name] for name in names} == seen


@pytest.mark.parametrize("text", ["", "{", "[]", '{"shop.example": "abc"}', '{"a": {"key": 1}}'])
def test_what_was_seen_is_forgotten_where_it_cannot_be_read(tmp_path: Path, text: str) -> None:
    file = tmp_path / "seen.json"
    assert published.read_seen(file) == {}
    file.write_text(text)
    assert published.read_seen(file) == {}

"""The agent's decisions: which bundle is good, what the files say, which key may be used."""

import copy
import grp
import json
import os
import pwd
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

from agent import gateway_files, mailbox_files, main, published
from agent.bundle import BadBundle, parse
from agent.install import File, current, install
from mail import dkim

KEY = dkim.generate()
GATEWAY: dict[str, Any] = {
    "version": 2,
    "gateways": ["mail.relay.example"],
    "operator": "ops@inbox.example",
    "domains": {
        "relay.example": {"selectors": [{"name": "s1", "privateKey": KEY}]},
        "shop.example": {"selectors": [{"name": "s1", "privateKey": KEY}]},
    },
    "logins": {
        "me@shop.example": {"password": "secret-123", "sendAs": ["me@shop.example"]},
        "relay@app.shop.example": {"password": "secret-456", "sendAs": ["@shop.example"]},
    },
    "forwards": {"info@shop.example": ["me@far.example", "you@far.example"]},
    "srsSecret": "a-secret-of-SRS",
}

MAILBOXES: dict[str, Any] = {
    "me@shop.example": {"quotaMiB": 100, "aliases": ["hello@shop.example"]},
}


def bad(path: list[Any], value: Any) -> bytes:
    bundle = copy.deepcopy(GATEWAY)
    node = bundle
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    return json.dumps(bundle).encode()


def kept(address: str, **keys: Any) -> bytes:
    mailbox = {**MAILBOXES["me@shop.example"], **keys}
    return bad(["mailboxes"], {address: mailbox})


def test_a_good_bundle_is_taken() -> None:
    parsed = parse(json.dumps(GATEWAY).encode(), "mail.relay.example", "gateway")
    assert parsed == GATEWAY
    kept = {**GATEWAY, "mailboxes": MAILBOXES}
    assert parse(json.dumps(kept).encode(), "mail.relay.example", "gateway") == kept


def test_a_mailbox_without_a_login_takes_mail_and_is_read_by_nobody() -> None:
    """Its login is disabled; a host that refused such tables would get no others either."""
    logins = {k: v for k, v in GATEWAY["logins"].items() if k != "me@shop.example"}
    bundle = {**GATEWAY, "logins": logins, "mailboxes": MAILBOXES}
    assert parse(json.dumps(bundle).encode(), "mail.relay.example", "gateway") == bundle
    files = main.gateway_set(bundle, {})
    assert b"me@shop.example" in files["mailbox_users"].octets
    assert b"me@shop.example me@shop.example\n" in files["forwards"].octets
    assert files["passwords.imap"].octets == b""
    for name in ("passwords.smtp", "guard.json", "sender_logins"):
        assert b"me@shop.example" not in files[name].octets


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "keys"),
        (bad(["version"], 1), "version"),
        (bad(["gateways"], ["other.example"]), "it is for \\['other.example'\\]"),
        (bad(["gateways"], "mail.relay.example"), "gateways: not host names"),
        (bad(["gateways"], []), "it is for \\[\\]"),
        (bad(["gateways"], None), "gateways: not host names"),
        (bad(["gateways"], {"mail.relay.example": 1}), "gateways: not host names"),
        (bad(["gateways"], ["mail.relay.example", 5]), "gateways: not host names"),
        (bad(["gateways"], ["mail.relay.example", "a b"]), "gateways: not host names"),
        (bad(["extra"], 1), "keys"),
        (bad(["draining"], [["mail.relay.example"]]), "draining: no gateways"),
        (bad(["draining"], [{}]), "draining: no gateways"),
        (bad(["forwards", "info@else.example"], ["me@far.example"]), "not in our domains"),
        (bad(["forwards", "info@shop.example"], []), "no targets"),
        (bad(["forwards", "info@shop.example"], ["|/bin/sh"]), "a target is no address"),
        (bad(["forwards", "info"], ["me@far.example"]), "neither an address nor @domain"),
        (bad(["srsSecret"], ""), "srsSecret"),
        (bad(["domains", "a b"], {"selectors": []}), "not a domain"),
        (bad(["domains", "shop.example"], {"selectors": []}), "no selectors"),
        (bad(["domains", "shop.example", "selectors", 0, "privateKey"], "x"), "PEM"),
        (bad(["logins", "me@shop.example", "password"], "a\nb-34567"), "password"),
        (bad(["logins", "me@shop.example", "sendAs"], ["@else.example"]), "our domains"),
        (bad(["logins", "Me\n@x.example"], {}), "not an address"),
        (bad(["mailboxes"], []), "mailboxes: not an object"),
        (bad(["mailboxes"], {"me@shop.example": {}}), "keys"),
        (kept("/../me@shop.example"), "not a mailbox's name"),
        (kept("me@shop.example", aliases=["a:b@shop.example"]), "not a mailbox's name"),
        (kept("me@shop.example", aliases=["me@else.example"]), "not in our domains"),
        (kept("me@shop.example", quotaMiB="1M\nx"), "not a number of MiB"),
        (kept("me@shop.example", quotaMiB=True), "not a number of MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bundle",  # which holds a new key
)
def test_a_bad_bundle_is_refused_as_a_whole(content: bytes, why: str) -> None:
    with pytest.raises(BadBundle, match=why) as caught:
        parse(content, "mail.relay.example", "gateway")
    assert "secret" not in str(caught.value)


def test_an_address_lists_the_logins_that_own_its_whole_domain() -> None:
    assert gateway_files.sender_logins(GATEWAY) == (
        "@shop.example relay@app.shop.example\n"
        "me@shop.example me@shop.example,relay@app.shop.example\n"
    )


def test_the_hosts_own_name_is_signed_by_the_domain_above_it() -> None:
    signing = {"relay.example": "s1", "shop.example": "s2"}
    assert gateway_files.signing_table(GATEWAY, signing) == (
        "*@relay.example relay.example\n"
        "*@shop.example shop.example\n"
        "*@mail.relay.example relay.example\n"
    )
    assert "shop.example shop.example:s2:" in gateway_files.key_table(signing)


RIGHT = [dkim.record(KEY)]


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


NAME = "s1._domainkey.shop.example"


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


def test_files_are_swapped_as_a_whole_and_one_older_set_is_kept(tmp_path: Path) -> None:
    owner, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    for number in range(1, 5):
        install(tmp_path, {"table": File(f"{number}\n", owner, group, 0o640)})
        assert (current(tmp_path) / "table").read_text() == f"{number}\n"
    assert oct((current(tmp_path) / "table").stat().st_mode & 0o777) == "0o640"
    assert sorted(p.name for p in (tmp_path / "versions").iterdir()) == ["3", "4"]


def test_a_domain_that_receives_has_its_forwards_and_its_roles() -> None:
    assert gateway_files.receives(GATEWAY) == "mail.relay.example -\nshop.example -\n"
    assert gateway_files.forwards(GATEWAY).splitlines() == [
        "abuse@shop.example ops@inbox.example",
        "info@shop.example me@far.example, you@far.example",
        "postmaster@shop.example ops@inbox.example",
    ]
    own = {**GATEWAY, "forwards": {"abuse@shop.example": ["me@far.example"]}}
    assert "abuse@shop.example me@far.example\n" in gateway_files.forwards(own)


def test_each_gateway_takes_what_is_for_any_of_them() -> None:
    both = {**GATEWAY, "gateways": ["mx1.relay.example", "mx2.relay.example"]}
    users = dict(line.split(" ") for line in gateway_files.gateway_users(both).splitlines())
    for host in both["gateways"]:
        assert parse(json.dumps(both).encode(), host, "gateway") == both
        assert f"{host} -\n" in gateway_files.receives(both)
        assert users[f"root@{host}"] == "ops@inbox.example"
        assert users[f"nobounce@{host}"] == "nobounce@nobody.invalid"
        assert f"nobounce@{host} notices_only\n" in gateway_files.notices_only(both)
        assert host in gateway_files.postsrsd(both).rstrip().removeprefix("OWN_DOMAINS=").split(",")
        assert f"*@{host} relay.example\n" in gateway_files.signing_table(
            both, {"relay.example": "s"}
        )
    kept = json.loads(gateway_files.guard(both, {"relay.example": "s"}))
    assert {kept["signedBy"][host] for host in kept["gateways"]} == {"relay.example"}


def test_a_gateway_with_a_key_of_its_own_is_signed_by_that_and_the_others_by_theirs() -> None:
    own = {"selectors": [{"name": "s1", "privateKey": KEY}]}
    both = {
        **GATEWAY,
        "gateways": ["mx1.relay.example", "mx2.relay.example"],
        "domains": {**GATEWAY["domains"], "mx1.relay.example": own},
    }
    signing = {"relay.example": "s1", "mx1.relay.example": "s1"}
    assert gateway_files.signing_table(both, signing) == (
        "*@mx1.relay.example mx1.relay.example\n"
        "*@relay.example relay.example\n"
        "*@mx2.relay.example relay.example\n"
    )
    signed = json.loads(gateway_files.guard(both, signing))["signedBy"]
    assert signed["mx1.relay.example"] == "mx1.relay.example"
    assert signed["mx2.relay.example"] == "relay.example"


def test_what_is_for_another_gateway_does_not_leave() -> None:
    """Its notices would go round by way of the others."""
    both = {
        **GATEWAY,
        "gateways": ["mx1.relay.example", "mx2.relay.example"],
        "operator": "ops@mx2.relay.example",
    }
    assert "mx2.relay.example" not in gateway_files.targets(both)
    assert "me@far.example" in gateway_files.targets(both)


def test_forwarded_mail_of_our_own_senders_is_not_rewritten() -> None:
    assert gateway_files.postsrsd(GATEWAY) == (
        "OWN_DOMAINS=mail.relay.example,relay.example,shop.example\n"
    )


def test_a_mailbox_is_reached_although_its_domain_has_a_catch_all() -> None:
    bundle = {
        **GATEWAY,
        "mailboxes": MAILBOXES,
        "forwards": {"@shop.example": ["me@far.example"], "@relay.example": ["me@far.example"]},
    }
    assert gateway_files.receives(bundle) == "mail.relay.example -\nrelay.example -\n"
    assert "me@shop.example me@shop.example\n" in gateway_files.forwards(bundle)
    texts = mailbox_files.texts(bundle)
    assert texts["mailbox_domains"] == "shop.example -\n"
    assert texts["mailboxes"] == "me@shop.example -\n"


def test_a_mailbox_and_its_aliases_have_one_home_and_one_quota() -> None:
    home = "/srv/mail/mailboxes/shop.example/me::userdb_quota_storage_size=100M"
    assert mailbox_files.users({**GATEWAY, "mailboxes": MAILBOXES}) == (
        f"hello@shop.example:::::{home}\nme@shop.example:::::{home}\n"
    )


def test_dovecot_has_the_passwords_of_those_who_may_use_a_protocol() -> None:
    assert gateway_files.passwords(GATEWAY, GATEWAY["logins"]) == (
        "me@shop.example:{PLAIN}secret-123\nrelay@app.shop.example:{PLAIN}secret-456\n"
    )
    assert gateway_files.passwords(GATEWAY, MAILBOXES) == "me@shop.example:{PLAIN}secret-123\n"

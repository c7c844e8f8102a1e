"""One look of the agent against a fake bucket: what it installs, says and exits with."""

import json
from pathlib import Path
from typing import Any

import pytest
from agent_host import AFTER, BEFORE, Host, tables

from agent import main

CLIENT: dict[str, Any] = {
    "version": 2,
    "host": "mail.relay.example",
    "gateway": "gw.relay.example",
    "login": "relay@mail.relay.example",
    "password": "secret-123",
    "ownSender": "@relay.example",
}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path / "host", monkeypatch)


def key_table(host: Host) -> dict[str, str]:
    """The selector that signs for each domain."""
    lines = (host.base / "current" / "KeyTable").read_text().splitlines()
    return {line.split()[0]: line.split(":")[1] for line in lines}


@pytest.mark.parametrize(
    ("invisible", "signs"),
    [
        (set(), {"relay.example": "s1", "shop.example": "s2"}),
        ({"s2.shop.example"}, {"relay.example": "s1", "shop.example": "s1"}),
        ({"s1.shop.example"}, {"relay.example": "s1", "shop.example": "s2"}),
        ({"s1.shop.example", "s2.shop.example"}, {"relay.example": "s1"}),
        ({"s1.relay.example"}, {"shop.example": "s2"}),
    ],
)
def test_the_newest_selector_that_every_name_server_shows_signs(
    host: Host, invisible: set[str], signs: dict[str, str]
) -> None:
    host.invisible = invisible
    host.put(AFTER)
    assert host.look() == 0
    assert key_table(host) == signs


def test_a_newer_selector_takes_over_once_it_is_visible(host: Host) -> None:
    host.invisible = {"s2.shop.example"}
    host.put(AFTER)
    assert host.look() == 0
    assert key_table(host)["shop.example"] == "s1"
    host.invisible = set()
    assert host.look() == 0  # the bucket says 304
    assert key_table(host)["shop.example"] == "s2"


def test_a_domain_whose_key_nobody_shows_is_said_and_its_mail_waits(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.invisible = {"s1.shop.example"}
    host.put(BEFORE)
    assert host.look() == 0
    line = "<4>shop.example: no selector is visible at its name servers; its mail waits"
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b'{"version": 2', "not JSON"),
        (json.dumps({**BEFORE, "version": 1}).encode(), "version"),
        (
            json.dumps({**BEFORE, "gateways": ["other.example"]}).encode(),
            "it is for ['other.example']",
        ),
        (json.dumps({**BEFORE, "more": 1}).encode(), "keys"),
        (json.dumps(CLIENT).encode(), "keys"),
    ],
    # not the content: its keys are others in each process
    ids=["empty", "torn", "version", "host", "more", "a client's"],
)
def test_an_object_that_is_refused_is_an_error_and_the_last_good_tables_serve(
    host: Host, content: bytes, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    host.put(BEFORE)
    assert host.look() == 0
    good, was = host.object, key_table(host)
    capsys.readouterr()
    for _ in range(2):  # it goes on being one
        host.object = content
        assert host.look() == 1
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("<3>s3://bucket/gateway.json cannot be used: ")
        assert why in line
        assert line.endswith("The last good tables keep serving.")
    assert why in json.loads((host.run / "tables.json").read_text())["problem"]
    host.object = good
    assert host.is_right(BEFORE, was) == ""


def test_a_refused_object_on_a_new_host_installs_nothing(host: Host) -> None:
    host.put({**BEFORE, "gateways": ["other.example"]})
    assert host.look() == 1
    assert not (host.base / "current").exists()
    assert not host.secret.exists()


def test_a_bucket_that_has_nothing_new_makes_no_line_in_the_journal(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.put(BEFORE)
    assert host.look() == 0
    capsys.readouterr()
    for _ in range(3):
        assert host.look() == 0
        assert (capsys.readouterr().out, host.told) == ("", [])


def test_what_only_some_may_read_has_its_mode(host: Host) -> None:
    host.put(BEFORE)
    assert host.look() == 0
    current = host.base / "current"
    modes = {p.relative_to(current).as_posix(): p.stat().st_mode & 0o777 for p in files(current)}
    assert {path for path, mode in modes.items() if mode & 0o007 == 0} == {
        "keys/relay.example/s1.pem",
        "keys/shop.example/s1.pem",
        "passwords.smtp",
        "passwords.imap",
        "guard.json",
    }
    assert modes["keys/shop.example/s1.pem"] == 0o600
    assert modes["passwords.smtp"] == modes["passwords.imap"] == 0o640
    assert host.secret.stat().st_mode & 0o777 == 0o600


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_secret_is_written_to_the_journal(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    for bundle in (BEFORE, AFTER, tables(srsSecret="a b"), {**BEFORE, "logins": {"x": 1}}):
        host.put(bundle)
        host.look()
    said = capsys.readouterr().out
    for secret in ("secret-123", "other-123", "a-secret-of-SRS", "BEGIN PRIVATE KEY"):
        assert secret not in said


def test_a_client_gets_its_login_and_nothing_else(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = host.base.with_name("client")
    monkeypatch.setitem(main.BASES, "client", base)
    monkeypatch.setattr(main.sys, "argv", ["main.py", "client", "s3://bucket/clients/x.json"])
    monkeypatch.setattr(main, "GATEWAY", base.with_name("own"))
    main.GATEWAY.write_text("gw.relay.example\n")
    host.put(CLIENT)
    assert host.look() == 0
    files = {p.name: p for p in (base / "current").iterdir()}
    assert files.keys() == {"sasl_passwords", "tls_policy", "own_senders"}
    assert files["sasl_passwords"].read_text() == (
        "[gw.relay.example]:587 relay@mail.relay.example:secret-123\n"
    )
    assert files["sasl_passwords"].stat().st_mode & 0o777 == 0o600
    assert files["own_senders"].read_text() == "@mail.relay.example @relay.example\n"
    policy = files["tls_policy"].read_text()
    assert policy == "[gw.relay.example]:587 secure match=gw.relay.example\n"
    host.put({**CLIENT, "gateways": ["mx1.relay.example", "mx2.relay.example"]})
    assert host.look() == 0
    policy = (base / "current" / "tls_policy").read_text()
    assert policy.endswith(" secure match=gw.relay.example:mx1.relay.example:mx2.relay.example\n")
    host.put({**CLIENT, "gateways": ["mx1.relay.example match=x"]})
    assert host.look() == 1
    assert (base / "current" / "tls_policy").read_text() == policy
    # the gateways have got another name, and this host is not rebuilt yet
    host.put({**CLIENT, "gateway": "mail.relay.example"})
    assert host.look() == 1
    kept = (base / "current" / "sasl_passwords").read_text()
    assert kept.startswith("[gw.relay.example]:587 ")
    host.put(BEFORE)  # a gateway's tables
    assert host.look() == 1

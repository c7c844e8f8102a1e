"""`relay users test` logs in for real; `show` says what a mail program is told."""

import json
import os
import smtplib
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import verify_world
from typer.testing import CliRunner
from verify_world import GATEWAY

from ops import arrival, status
from ops.cli import app
from ops.errors import StackError
from ops.outputs import Host
from ops.target import AwsTarget

LOGIN = "me@shop.example"
OUTPUTS = {
    **verify_world.OUTPUTS,
    "sendAs": {LOGIN: [LOGIN, "sales@shop.example"]},
    "mailboxes": [LOGIN],
}


class Server:
    """An SMTP server inside TLS that knows one password."""

    tried: list[tuple[str, int, str, str]]
    password = "secret-123"

    def __init__(self, name: str, port: int, **_: Any) -> None:
        self.name, self.port = name, port
        self.sock = SimpleNamespace(version=lambda: "TLSv1.3")
        self.esmtp_features = {"auth": " PLAIN LOGIN"}

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def starttls(self, **_: Any) -> None:
        pass

    def ehlo(self) -> None:
        pass

    def login(self, user: str, password: str) -> None:
        self.tried.append((self.name, self.port, user, password))
        if password != self.password:
            raise smtplib.SMTPAuthenticationError(535, b"5.7.8 Error: authentication failed")


@dataclass(frozen=True)
class Tables:
    """What the gateway says of its tables at each look, and whether it says anything."""

    etags: list[str]

    def read(self, _: object, host: Host) -> Any:
        etag = self.etags.pop(0) if len(self.etags) > 1 else self.etags[0]
        if not etag:
            raise status.NoStatus(f"{host.name} has written nothing of itself yet")
        return SimpleNamespace(status=SimpleNamespace(tables=SimpleNamespace(etag=etag)))


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    """The stack's own, unless a test says otherwise."""
    found = Tables(["e1"])
    monkeypatch.setattr(AwsTarget, "account", lambda _: nullcontext(None))
    monkeypatch.setattr(status, "read", found.read)
    monkeypatch.setattr(arrival, "LOOK_SECONDS", 0)
    return found


def relay(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, text: str = "", **outputs: Any
) -> Any:
    """A command, with a `pulumi` that knows the stack's outputs alone."""
    engine = folder / "pulumi"
    known = json.dumps({**OUTPUTS, **outputs})
    engine.write_text(f"#!/bin/sh\ncat <<'END'\n{known}\nEND\n")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(Server, "tried", [], raising=False)
    for name in ("SMTP", "SMTP_SSL"):
        monkeypatch.setattr(smtplib, name, Server)
    command = [*arguments, "--stack", "dev", "--json"]
    return CliRunner().invoke(app, command, input=text)


def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, text: str = "", **outputs: Any
) -> Any:
    command = ("users", "test", LOGIN, *arguments)
    return relay(folder, monkeypatch, *command, text=text, **outputs)


def test_the_stacks_password_is_tried_on_both_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, monkeypatch)
    assert Server.tried == [(GATEWAY, port, LOGIN, "secret-123") for port in (587, 465)]
    assert [row["login"] for row in json.loads(result.stdout)] == ["taken", "taken"]
    assert result.exit_code == 0


@pytest.mark.usefixtures("tables")
def test_a_password_that_the_server_refuses_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, monkeypatch, "--password-stdin", text="another-1\n")
    assert [password for *_, password in Server.tried] == ["another-1", "another-1"]
    for row in json.loads(result.stdout):
        assert row["login"] == "refused: 535 5.7.8 Error: authentication failed"
    assert result.exit_code == 1


def refusals(result: Any) -> set[str]:
    assert result.exit_code == 1
    return {row["login"] for row in json.loads(result.stdout)}


def test_a_refusal_before_the_gateway_has_the_tables_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: Tables
) -> None:
    monkeypatch.setattr(Server, "password", "not there yet")
    for etag in ("of-before", ""):
        tables.etags[:] = [etag]
        (said,) = refusals(run(tmp_path, monkeypatch))
        assert said.endswith(
            "mail.relay.example has not got the tables of the last `up` yet: --wait waits for them"
        )
    tables.etags[:] = ["e1"]
    assert refusals(run(tmp_path, monkeypatch)) == {
        "refused: 535 5.7.8 Error: authentication failed"
    }


@pytest.mark.usefixtures("tables")
def test_a_refusal_of_a_disabled_login_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "password", "in no table")
    (said,) = refusals(run(tmp_path, monkeypatch, disabled=[LOGIN]))
    assert said.endswith("; the login is disabled")


def test_who_waits_logs_in_once_the_gateway_has_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: Tables
) -> None:
    tables.etags[:] = ["", "of-before", "of-before", "e1"]
    result = run(tmp_path, monkeypatch, "--wait")
    assert result.exit_code == 0
    assert tables.etags == ["e1"]
    assert "waiting for the tables of the last `up` on mail.relay.example" in result.stderr


@pytest.mark.parametrize("command", [("users", "test", LOGIN), ("verify",)])
def test_who_waits_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: Tables, command: tuple[str, ...]
) -> None:
    tables.etags[:] = ["of-before"]
    monkeypatch.setattr(arrival, "SECONDS", 0)
    result = relay(tmp_path, monkeypatch, *command, "--wait")
    assert isinstance(result.exception, StackError)
    assert "./relay verify --stack dev says why" in str(result.exception)
    assert Server.tried == []


def test_what_a_mail_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = relay(tmp_path, monkeypatch, "users", "show", LOGIN)
    way = {"server": "mail.relay.example", "user": LOGIN}
    assert json.loads(result.stdout) == {
        "login": LOGIN,
        "enabled": True,
        "smtp": [
            {**way, "port": 465, "tls": "SSL/TLS"},
            {**way, "port": 587, "tls": "STARTTLS"},
        ],
        "password": None,
        "sendAs": [LOGIN, "sales@shop.example"],
        "mailbox": LOGIN,
        "imap": {**way, "port": 993, "tls": "SSL/TLS"},
    }
    assert "secret-123" not in result.output


def test_a_password_is_printed_if_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = relay(
        tmp_path, monkeypatch, "users", "show", LOGIN, "--password", disabled=[LOGIN], mailboxes=[]
    )
    found = json.loads(given.stdout)
    assert found["password"] == "secret-123"
    assert (found["enabled"], found["mailbox"], found["imap"]) == (False, None, None)


def test_nobody_is_shown_who_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = relay(tmp_path, monkeypatch, "users", "show", "you@shop.example")
    assert str(result.exception) == (
        f"'you@shop.example' is no login of the running stack; there is {LOGIN}"
    )

"""`relay users test` logs in for real; `show` says what a mail program is told."""

import json
import os
import smtplib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import verify_world
from typer.testing import CliRunner
from verify_world import GATEWAY, GATEWAYS

from ops import arrival, status
from ops.cli import app
from ops.errors import StackError
from ops.instances import Down
from ops.outputs import Host
from ops.target import AwsTarget

LOGIN = "me@shop.example"
REFUSAL = "refused: 535 5.7.8 Error: authentication failed"
ANOTHER = {
    **GATEWAYS[0],
    "name": "mx2.relay.example",
    "address": "203.0.113.7",
}
OUTPUTS = {
    **verify_world.OUTPUTS,
    "sendAs": {LOGIN: [LOGIN, "sales@shop.example"]},
    "mailboxes": [LOGIN],
}


class Server:
    """An SMTP server inside TLS that knows one password; of some gateways, no answer."""

    tried: list[tuple[str, int, str, str]]
    knows = "secret-123"
    silent: Sequence[str] = ()
    refusing: Sequence[str] = ()
    user = password = ""

    def __init__(self, name: str, port: int) -> None:
        if name in self.silent:
            raise TimeoutError("timed out")
        self.name, self.port = name, port
        self.sock = SimpleNamespace(version=lambda: "TLSv1.3")
        self.esmtp_features = {"auth": " PLAIN LOGIN"}

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def quit(self) -> None:
        pass

    def auth_plain(self) -> str:
        return ""

    auth_login = auth_plain

    def auth(self, mechanism: str, answer: object) -> None:
        self.tried.append((self.name, self.port, self.user, self.password))
        if self.password != self.knows or self.name in self.refusing:
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
    monkeypatch.setattr(AwsTarget, "connect", lambda _, host, port, root: Server(host.name, port))
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
    assert [row["login"] for row in json.loads(result.stdout)] == ["accepted", "accepted"]
    assert result.exit_code == 0


@pytest.mark.usefixtures("tables")
def test_a_wrong_password_is_tried_once_at_one_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try more would count against the user's own address."""
    two: dict[str, Any] = {"gateways": [*GATEWAYS, ANOTHER]}
    result = run(tmp_path, monkeypatch, "--password-stdin", text="another-1\n", **two)
    assert Server.tried == [(GATEWAY, 587, LOGIN, "another-1")]
    rows = json.loads(result.stdout)
    assert [row["login"] for row in rows] == [
        REFUSAL,
        *["not tried"] * 3,
    ]
    assert {row["tls"] for row in rows} == {"TLSv1.3"}
    assert all("a wrong password is tried once" in row["why"] for row in rows[1:])
    assert result.exit_code == 1


@pytest.mark.usefixtures("tables")
def test_the_stacks_own_password_is_tried_at_each_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that refuses it has a fault of its own."""
    monkeypatch.setattr(Server, "refusing", [GATEWAY])
    two: dict[str, Any] = {"gateways": [*GATEWAYS, ANOTHER]}
    result = run(tmp_path, monkeypatch, **two)
    assert [(name, port) for name, port, *_ in Server.tried] == [
        (GATEWAY, 587),
        (ANOTHER["name"], 587),
        (ANOTHER["name"], 465),
    ]
    assert result.exit_code == 1


@pytest.mark.parametrize("is_down", [True, False])
def test_a_gateway_that_gives_no_answer_is_named_with_why_and_the_others_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_down: bool
) -> None:
    down = Down(f"{GATEWAY} is stopped", "aws ec2 start-instances") if is_down else None
    monkeypatch.setattr(Server, "silent", [GATEWAY])
    monkeypatch.setattr(AwsTarget, "down", lambda *_: down)
    two: dict[str, Any] = {"gateways": [*GATEWAYS, ANOTHER]}
    result = run(tmp_path, monkeypatch, **two)
    rows = json.loads(result.stdout)
    assert [(row["gateway"], row["login"]) for row in rows] == [
        (GATEWAY, "no answer: timed out"),
        (GATEWAY, "not tried" if is_down else "no answer: timed out"),
        (ANOTHER["name"], "accepted"),
        (ANOTHER["name"], "accepted"),
    ]
    said = (
        f"{GATEWAY} is stopped. To bring it back: aws ec2 start-instances"
        if is_down
        else f"{GATEWAY} may have banned this address for failed logins, for 30 min the first time"
    )
    assert all(row["why"].startswith(said) for row in rows[:2])
    assert f"... {GATEWAY}, port 587\n" in result.stderr
    assert result.exit_code == 1


def test_a_password_that_no_login_can_have_is_tried_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, monkeypatch, "--password-stdin", text="pässwörter\n")
    assert "8 to 128 printable ASCII characters" in str(result.exception)
    assert Server.tried == []


def refusals(result: Any) -> set[str]:
    assert result.exit_code == 1
    rows = json.loads(result.stdout)
    assert [row["login"] for row in rows] == [REFUSAL, "not tried"]
    return {rows[0]["why"]}


def test_a_refusal_before_the_gateway_has_the_tables_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tables: Tables
) -> None:
    monkeypatch.setattr(Server, "knows", "not there yet")
    for etag in ("of-before", ""):
        tables.etags[:] = [etag]
        (said,) = refusals(run(tmp_path, monkeypatch))
        assert said.endswith(
            "mail.relay.example has not got the tables of the last `up` yet: --wait waits for them"
        )
    tables.etags[:] = ["e1"]
    assert refusals(run(tmp_path, monkeypatch)) == {""}


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("secret-123\n", False),
        ("secret-123", False),
        ("secret-123\r\n\n", False),
        ("secret-123\nuser: me\n", True),
    ],
)
def test_of_standard_input_the_first_line_is_the_password_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: bool
) -> None:
    result = run(tmp_path, monkeypatch, "--password-stdin", text=text)
    assert {password for *_, password in Server.tried} == {"secret-123"}
    assert ("only the first line is taken as the password" in result.stderr) == told


@pytest.mark.usefixtures("tables")
def test_a_refusal_of_a_disabled_login_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "knows", "in no table")
    result = run(tmp_path, monkeypatch, disabled=[LOGIN])
    (said,) = refusals(result)
    assert said == f"the login is disabled: ./relay users enable {LOGIN} --stack dev"
    # whether the password is right plays no part
    assert {row["why"] for row in json.loads(result.stdout)} == {said}


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


@pytest.mark.parametrize("verb", ["test", "show"])
def test_a_login_that_is_spelled_otherwise_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    assert relay(tmp_path, monkeypatch, "users", verb, LOGIN.upper()).exit_code == 0
    result = relay(tmp_path, monkeypatch, "users", verb, "mee@shop.example")
    assert str(result.exception).endswith(f"of the running stack; did you mean {LOGIN}?")

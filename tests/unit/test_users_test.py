"""`relay users test` logs in for real: what the server says to the password is what is shown."""

import json
import os
import smtplib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner
from verify_world import GATEWAY, OUTPUTS

from ops.cli import app

LOGIN = "me@shop.example"


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


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str, text: str = "") -> Any:
    """The command, with a `pulumi` that knows the stack's outputs alone."""
    engine = folder / "pulumi"
    engine.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(OUTPUTS)}\nEND\n")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(Server, "tried", [], raising=False)
    for name in ("SMTP", "SMTP_SSL"):
        monkeypatch.setattr(smtplib, name, Server)
    command = ["users", "test", LOGIN, "--stack", "dev", "--json", *arguments]
    return CliRunner().invoke(app, command, input=text)


def test_the_stacks_password_is_tried_on_both_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, monkeypatch)
    assert Server.tried == [(GATEWAY, port, LOGIN, "secret-123") for port in (587, 465)]
    assert [row["login"] for row in json.loads(result.stdout)] == ["taken", "taken"]
    assert result.exit_code == 0


def test_a_password_that_the_server_refuses_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, monkeypatch, "--password-stdin", text="another-1\n")
    assert [password for *_, password in Server.tried] == ["another-1", "another-1"]
    for row in json.loads(result.stdout):
        assert row["login"] == "refused: 535 5.7.8 Error: authentication failed"
    assert result.exit_code == 1

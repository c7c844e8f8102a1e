"""What `relay trace` finds on a host, by the very script that runs there, on a log of ours."""

import gzip
import io
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import trace
from ops.cli import app
from ops.errors import StackError
from ops.outputs import Host

HOST = Host(name="mail.relay.example", instance_id="i-1", tables="", status="")
LOGIN = "me@shop.example"
ARGUMENT = 128 * 1024  # MAX_ARG_STRLEN
MANY = 12_000


class Logs:
    """A target whose hosts' mail logs are in a folder here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, *lines: str) -> None:
        (self.folder / "mail.log").write_text("".join(f"{line}\n" for line in lines))

    def run_on(self, host: Host, *command: str, text: str = "", fine: tuple[int, ...]) -> str:
        assert max(map(len, command)) < ARGUMENT
        here = [part.replace("/var/log/mail/", f"{self.folder}/") for part in command]
        result = subprocess.run(here, input=text, capture_output=True, text=True, check=False)
        assert result.returncode in fine, result.stderr
        return result.stdout


@pytest.fixture
def logs(tmp_path: Path) -> Any:
    return Logs(tmp_path)


def identity(number: int) -> str:
    digits = "BCDFGHJKLM"
    return "4jZ3Sy" + "".join(digits[int(d)] for d in f"{number:06}") + "z2xBg"


def lines(number: int, sender: str = LOGIN) -> list[str]:
    """A message as Postfix tells of it."""
    head = f"2026-11-25T02:26:10.{number:06}+00:00 mail postfix/"
    who = identity(number)
    return [
        f"{head}submission/smtpd[1]: {who}: client=unknown[192.0.2.1], sasl_method=PLAIN, "
        f"sasl_username={LOGIN}",
        f"{head}cleanup[1]: {who}: message-id=<{number}@shop.example>",
        f"{head}qmgr[1]: {who}: from=<{sender}>, size=1, nrcpt=1 (queue active)",
    ]


def deferred(number: int) -> str:
    return (
        f"2026-11-25T02:27:10.{number:06}+00:00 mail postfix/smtp[1]: {identity(number)}: "
        "to=<you@far.example>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (x)"
    )


def by_hand(number: int, what: str) -> str:
    return f"2026-11-25T02:28:10+00:00 mail postfix/postsuper[1]: {identity(number)}: {what}"


def found(logs: Any, what: str) -> list[Any]:
    return trace.search(logs, [HOST], what)


def test_a_login_with_thousands_of_messages_is_found_whole(logs: Any) -> None:
    logs.write(*(line for number in range(MANY) for line in lines(number)))
    messages = found(logs, LOGIN)
    assert len(messages) == MANY
    assert {m.login for m in messages} == {LOGIN}


def test_a_warning_with_the_word_brings_no_other_message(logs: Any) -> None:
    warning = f"2026-11-25T02:26:11+00:00 mail postfix/smtpd[1]: warning: {LOGIN}: odd"
    other = "2026-11-25T02:26:12+00:00 mail postfix/smtpd[1]: warning: hostname x.example: no"
    logs.write(warning, other, *lines(1))
    assert [m.id for m in found(logs, LOGIN)] == [identity(1)]


def test_forwarded_mail_is_found_by_its_true_sender_with_all_that_is_told_of_it(logs: Any) -> None:
    forwarded = lines(2, "SRS0=AbCd=XY=far.example=friend@mail.relay.example")
    logs.write(*lines(1), *forwarded, deferred(2))
    (message,) = found(logs, "Friend@far.example")
    assert (message.id, message.sender) == (identity(2), "friend@far.example")
    assert [a.status for a in message.attempts] == ["deferred 4.4.1"]


@pytest.mark.parametrize(
    ("what", "told"), [("removed", "deleted by hand"), ("placed on hold", "held by hand")]
)
def test_what_became_of_mail_by_hand_is_shown_after_what_was_tried(
    logs: Any, what: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.write(*lines(1), deferred(1), by_hand(1, what))
    (message,) = found(logs, identity(1))
    text = io.StringIO()
    monkeypatch.setattr(trace.results, "_file", text)
    trace._print(message, [LOGIN], [])
    shown = text.getvalue()
    assert shown.index("deferred") < shown.index(told)


def test_mail_that_its_program_took_back_is_told_so_and_shows_no_empty_sender(
    logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    canceled = by_hand(1, "removed (canceled)").replace("postsuper", "cleanup")
    logs.write(lines(1)[0], canceled)
    (message,) = found(logs, LOGIN)
    text = io.StringIO()
    monkeypatch.setattr(trace.results, "_file", text)
    trace._print(message, [LOGIN], [])
    shown = text.getvalue()
    assert "took it back" in shown
    assert "<>" not in shown
    assert "nothing was tried yet" not in shown


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_a_limit_is_at_least_one_message(limit: str) -> None:
    assert CliRunner().invoke(app, ["trace", LOGIN, f"--limit={limit}"]).exit_code == 2


def asked_by_the_command(logs: Any, monkeypatch: pytest.MonkeyPatch, *hosts: Host) -> None:
    outputs = SimpleNamespace(hosts=[*hosts], logins=[LOGIN], disabled=[], clients=[], logs=None)
    monkeypatch.setattr(logs, "outputs", lambda: outputs, raising=False)
    monkeypatch.setattr(logs, "has_shell", lambda _: True, raising=False)
    monkeypatch.setattr(trace, "target", lambda *_: logs)


def test_who_finds_nothing_is_told_since_when_the_logs_know(
    logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest file says so, compressed or not, and a host without mail yet says that."""
    asked_by_the_command(logs, monkeypatch, HOST)
    answer = CliRunner().invoke(app, ["trace", "nobody@shop.example"])
    assert f"{HOST.name}'s log is empty" in answer.stderr
    logs.write(*lines(1))
    old = logs.folder / "mail.log.2.gz"
    old.write_bytes(gzip.compress(b"2026-11-13T12:00:00+00:00 mail postfix/qmgr[1]: old\n" * 9999))
    os.utime(old, (1, 1))
    answer = CliRunner().invoke(app, ["trace", "nobody@shop.example"])
    assert f"{HOST.name}'s log begins at 2026-11-13T12:00:00+00:00" in answer.stderr
    assert answer.exit_code == 1
    (logs.folder / "mail.log.2.gz").unlink()
    answer = CliRunner().invoke(app, ["trace", "nobody@shop.example"])
    assert f"{HOST.name}'s log begins at 2026-11-25T02:26:10" in answer.stderr


def test_a_host_that_is_down_is_named_and_the_others_are_searched(
    logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = HOST.model_copy(update={"name": "mx2.relay.example"})
    asked = logs.run_on

    def run_on(host: Host, *command: str, **options: Any) -> str:
        if host == dead:
            raise StackError("mx2.relay.example is stopped. To bring it back: start it")
        return asked(host, *command, **options)

    logs.write(*lines(1))
    monkeypatch.setattr(logs, "run_on", run_on)
    asked_by_the_command(logs, monkeypatch, dead, HOST)
    result = CliRunner().invoke(app, ["trace", LOGIN, "--json"])
    assert [message["id"] for message in json.loads(result.stdout)] == [identity(1)]
    assert "not asked: mx2.relay.example is stopped. To bring it back: start it" in result.stderr
    assert result.exit_code == 1  # as `queue list` does
    with pytest.raises(StackError, match="is stopped"):
        trace.search(logs, [dead, HOST], LOGIN)

"""`relay queue` by sender and recipient: what is meant, what is shown, and what Postfix gets."""

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from mail import queue as lifetimes
from ops import queue
from ops.cli import app
from ops.errors import StackError
from ops.outputs import Host

ME, YOU = "me@shop.example", "you@far.example"
SRS = "SRS0=AbCd=XY=far.example=friend@mail.relay.example"
# a message by its id: host, sender, the recipients that it waits for
MESSAGES: Mapping[str, tuple[str, str, Sequence[str]]] = {
    "A1": ("mail", ME, [YOU]),
    "A2": ("mail", ME, ["You@Far.example", "they@other.example"]),
    "A3": ("mail", "MAILER-DAEMON", ["who@deep.far.example"]),
    "A4": ("mail", SRS, ["me@inbox.example"]),
    "A5": ("mail", '"a b"@other.example', ['"x \\"y@z"@[192.0.2.1]']),
    "B1": ("app", "app@shop.example", [YOU]),
}


class Hosts:
    """A stack of two hosts with these messages; it keeps what Postfix is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[str, ...], str]] = []
        self.held: set[str] = set()
        self.silent: set[str] = set()

    def has_shell(self, _: object) -> bool:
        return True

    def outputs(self) -> Any:
        hosts = [Host(name=name, instance_id="i", tables="", status="") for name in ("mail", "app")]
        found: Any = type("Outputs", (), {"hosts": hosts})()
        found.host = {host.name: host for host in hosts}.__getitem__
        return found

    def run_on(self, host: Host, *command: str, text: str = "") -> str:
        if host.name in self.silent:
            raise StackError(f"{host.name} is without power. To bring it back: mend it")
        if command != ("postqueue", "-j"):
            self.told.append((host.name, command, text))
            return ""
        return "".join(
            json.dumps(
                {
                    "queue_name": "hold" if identity in self.held else "deferred",
                    "queue_id": identity,
                    "arrival_time": 1_800_000_000 + number,
                    "message_size": 1_000,
                    "sender": sender,
                    "recipients": [{"address": a, "delay_reason": "450 later"} for a in to],
                }
            )
            + "\n"
            for number, (identity, (where, sender, to)) in enumerate(MESSAGES.items())
            if where == host.name
        )


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    found = Hosts()
    monkeypatch.setattr(queue, "target", lambda *_: found)
    return found


def run(*arguments: str, text: str = "") -> Any:
    return CliRunner().invoke(app, ["queue", *arguments], input=text)


def ids(hosts: Hosts) -> list[str]:
    return [identity for *_, text in hosts.told for identity in text.split()]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--from", ME], ["A1", "A2"]),
        (["--from", "ME@shop.example"], ["A1", "A2"]),
        (["--from", "@shop.example"], ["A1", "A2", "B1"]),
        (["--from", "<>"], ["A3"]),
        (["--from", "friend@far.example"], ["A4"]),
        (["--from", SRS], ["A4"]),
        (["--to", YOU], ["A1", "A2", "B1"]),
        (["--to", "@far.example"], ["A1", "A2", "B1"]),
        (["--from", ME, "--to", "@other.example"], ["A2"]),
        (["--from", "app@shop.example", "--to", "@other.example"], []),
        (["--from", "MAILER-DAEMON"], ["A3"]),
        (["--from", '"A b"@other.example'], ["A5"]),
        (["--from", "@other.example"], ["A5"]),
        (["--to", '"x \\"y@z"@[192.0.2.1]'], ["A5"]),
        (["--to", "@[192.0.2.1]"], ["A5"]),
        (["--all"], ["A1", "A2", "A3", "A4", "A5", "B1"]),
        (["A3", "B1"], ["A3", "B1"]),
    ],
)
def test_messages_are_meant_by_sender_and_recipient(
    hosts: Hosts, arguments: list[str], meant: list[str]
) -> None:
    result = run("flush", *arguments, "--json")
    assert result.exit_code == (0 if meant else 1), result.output
    assert ids(hosts) == meant
    assert [row["id"] for row in json.loads(result.stdout)] == meant


def test_each_host_gets_its_ids_at_once_by_standard_input(hosts: Hosts) -> None:
    run("delete", "--to", YOU, "--yes")
    command = ("postsuper", "-d", "-")
    assert hosts.told == [("mail", command, "A1\n"), ("app", command, "B1\n")]


@pytest.mark.parametrize("command", [["delete", "--yes"], ["hold"]])
def test_a_message_that_waits_for_others_too_is_left_and_told_of(
    hosts: Hosts, command: list[str]
) -> None:
    result = run(*command, "--to", YOU)
    assert ids(hosts) == ["A1", "B1"]
    assert "1 message also waits for others, and is left" in result.stderr
    assert "A2" in result.stderr
    hosts.told.clear()
    assert run(*command, "A2").exit_code == 0
    assert ids(hosts) == ["A2"]


def test_what_would_be_deleted_is_shown_before_it_is_asked(hosts: Hosts) -> None:
    result = run("delete", "--from", "@shop.example", text="n\n")
    assert result.exit_code == 1
    assert hosts.told == []
    asked = result.stderr.index("Delete 3 messages? Nobody is told.")
    assert result.stderr.index("3 messages, 3,000 bytes:") < asked
    assert result.stderr.index(f"A1  {ME} -> {YOU}") < asked
    run("delete", "--from", "@shop.example", text="y\n")
    assert ids(hosts) == ["A1", "A2", "B1"]


def test_of_many_messages_the_first_are_shown(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "FIRST", 2)
    assert "and 4 more" in run("delete", "--all", text="n\n").stderr


@pytest.mark.parametrize("verb", ["flush", "hold", "release", "delete"])
def test_all_of_an_empty_queue_is_done(
    hosts: Hosts, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name is mistyped there; a host that cannot be asked may have something."""
    monkeypatch.setattr(queue, "_on", lambda *_: [])
    result = run(verb, "--all")
    assert (result.exit_code, hosts.told) == (0, [])
    assert "nothing waits" in result.stderr
    monkeypatch.undo()
    monkeypatch.setattr(queue, "target", lambda *_: hosts)
    hosts.silent = {"mail", "app"}
    assert run(verb, "--all").exit_code == 1


@pytest.mark.parametrize("verb", ["flush", "hold", "release", "delete"])
def test_where_nothing_is_meant_nothing_is_asked_and_that_is_an_error(
    hosts: Hosts, verb: str
) -> None:
    hosts.held = set(MESSAGES) if verb == "release" else set()
    for arguments in (
        ["--from", "nobody@shop.example"],
        ["--from", "nobody@shop.example", "--json"],
    ):
        result = run(verb, *arguments)
        assert (result.exit_code, hosts.told) == (1, [])
        assert "none that waits fits" in result.stderr or json.loads(result.stdout) == []


@pytest.mark.parametrize(
    ("verb", "held", "meant", "said"),
    [
        ("release", {"A2", "B1"}, ["A2", "B1"], "4 messages are not on hold, and left"),
        ("hold", {"A2", "B1"}, ["A1", "A3", "A4", "A5"], "2 messages are on hold, and left"),
        ("flush", {"A2", "B1"}, ["A1", "A3", "A4", "A5"], "2 messages are on hold, and left"),
        ("release", set(), [], "6 messages are not on hold, and left"),
        ("hold", set(MESSAGES), [], "6 messages are on hold, and left"),
    ],
)
def test_only_what_changes_is_done_and_counted(
    hosts: Hosts, verb: str, held: set[str], meant: list[str], said: str
) -> None:
    hosts.held = held
    result = run(verb, "--all")
    assert ids(hosts) == meant
    assert said in result.stderr
    assert result.exit_code == 0  # all that waits is so already
    counted = re.search(r"(\d+) messages are (?:released|held|tried)", result.stderr)
    assert (int(counted[1]) if counted else 0) == len(meant)
    if not meant:
        assert result.stderr.splitlines()[1:] == ["nothing is changed"]


def test_what_has_one_attempt_left_is_told_before_it_is_released(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postfix counts from a message's arrival, whether it was on hold or not (qmgr_active.c)."""
    hosts.held = {"A1", "A3"}
    for days, told in ((0.3, False), (0.6, True), (4.4, True), (4.6, True)):
        arrived = 1_800_000_000 + days * 86_400
        now = datetime.datetime.fromtimestamp(arrived, datetime.UTC)
        moment = type("Moment", (datetime.datetime,), {"now": classmethod(lambda *_, n=now: n)})
        monkeypatch.setattr(lifetimes, "datetime", moment)
        said = run("release", "--all").stderr
        assert ("returned at once" in said) == told
        assert ("A1" in said) == (days > 4.5)
        monkeypatch.undo()
        monkeypatch.setattr(queue, "target", lambda *_: hosts)


def test_one_that_is_not_on_hold_is_not_released_by_its_id(hosts: Hosts) -> None:
    result = run("release", "A1")
    assert (result.exit_code, hosts.told) == (1, [])
    assert result.stderr == "1 message is not on hold, and left\nnothing is changed\n"
    hosts.held = {"A1"}
    assert run("hold", "A1").stderr == "1 message is on hold, and left\nnothing is changed\n"
    assert run("hold", "--to", "they@other.example").stderr.endswith("\nnothing is changed\n")


def test_a_host_that_is_down_is_named_and_the_others_are_listed(hosts: Hosts) -> None:
    hosts.silent = {"mail"}
    result = run("list", "--json")
    assert [row["id"] for row in json.loads(result.stdout)] == ["B1"]
    assert "not asked: mail is without power. To bring it back: mend it" in result.stderr
    assert result.exit_code == 1
    held = run("hold", "--all")
    assert ids(hosts) == ["B1"]
    assert "not asked: mail is without power" in held.stderr
    assert held.exit_code == 1


@pytest.mark.parametrize(
    "arguments", [["A1", "--all"], ["A1", "--to", YOU], ["--all", "--from", ME]]
)
def test_messages_are_named_in_one_way(hosts: Hosts, arguments: list[str]) -> None:
    result = run("delete", *arguments, "--yes")
    assert result.exit_code != 0
    assert hosts.told == []


@pytest.mark.parametrize("word", ["", "shop.example", "@", "a b@shop.example"])
def test_a_word_that_is_no_address_is_refused_with_the_option(hosts: Hosts, word: str) -> None:
    result = run("delete", "--from", word, "--yes")
    assert result.exit_code == 2
    assert "--from" in result.stderr
    assert hosts.told == []

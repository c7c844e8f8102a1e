"""What a host says of itself, with the system's commands played."""

import json
import smtplib
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.resolver
import pytest
from test_user_data import KEEPS_MAIL

from agent import answers, egress, looked_at, status, watch
from agent.host_status import parse
from cloudinit import files

RUNNING = {"UnitFileState": "enabled", "ActiveState": "active", "SubState": "running"}


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, dict[str, str]]:
    """The units as systemd has them, to change; all are well."""
    for path, text in files(KEEPS_MAIL).items():
        if "/status.d/" in path:
            (tmp_path / Path(path).name).write_text(text)
    monkeypatch.setattr(looked_at, "FOLDER", tmp_path)
    known: dict[str, dict[str, str]] = {
        unit: {**RUNNING, "NRestarts": "0"} for unit in looked_at.read().units
    }
    monkeypatch.setattr(status, "RUN", tmp_path)
    monkeypatch.setattr(status, "run", lambda *_: "")
    monkeypatch.setattr(status, "properties", lambda unit, *_: known.get(unit, {}))
    return known


@pytest.mark.parametrize(
    "broken",
    [
        {"ActiveState": "failed", "SubState": "failed"},
        {"ActiveState": "inactive", "SubState": "dead"},
        # systemd.service(5): between two starts of a unit that Restart= begins again
        {"ActiveState": "activating", "SubState": "auto-restart"},
        {"NRestarts": "3"},
    ],
)
def test_a_daemon_that_ends_at_each_start_does_not_run(
    units: dict[str, dict[str, str]], broken: dict[str, str]
) -> None:
    assert status.stopped(looked_at.read().units) == ()
    units["opendkim.service"] |= broken
    assert status.stopped(looked_at.read().units) == ("opendkim.service",)


def test_a_daemon_that_came_back_once_is_well_at_the_next_look(
    units: dict[str, dict[str, str]],
) -> None:
    units["opendkim.service"]["NRestarts"] = "1"
    assert status.stopped(looked_at.read().units) == ("opendkim.service",)
    assert status.stopped(looked_at.read().units) == ()


def test_a_unit_that_is_not_to_run_is_not_missed(units: dict[str, dict[str, str]]) -> None:
    units["dovecot.service"] = {"UnitFileState": "", "ActiveState": "inactive"}
    assert status.stopped(looked_at.read().units) == ()


def test_a_masked_unit_cannot_run(units: dict[str, dict[str, str]]) -> None:
    units["fail2ban.service"] = {"UnitFileState": "masked", "ActiveState": "inactive"}
    assert status.stopped(looked_at.read().units) == ("fail2ban.service",)


@pytest.mark.parametrize("torn", ["[1]", '{"postfix.service": "x"}', "null"])
def test_a_damaged_file_of_restarts_is_made_anew(
    units: dict[str, dict[str, str]], tmp_path: Path, torn: str
) -> None:
    assert units
    (tmp_path / "restarts.json").write_text(torn)
    assert status.stopped(looked_at.read().units) == ()
    assert "opendkim.service" in json.loads((tmp_path / "restarts.json").read_text())


def test_a_gateways_file_systems_are_the_systems_and_the_volume(
    units: dict[str, dict[str, str]],
) -> None:
    assert units
    assert looked_at.read().disks == ("/", "/srv/mail")


class Silent:
    """A network in which nobody answers: each try takes its whole time, by a clock of its own."""

    def __init__(self, addresses: int) -> None:
        self.now, self.addresses = 0.0, addresses

    def monotonic(self) -> float:
        return self.now

    def getaddrinfo(self, name: str, port: int, *_: Any) -> list[Any]:
        found = [(f"192.0.2.{number}", port) for number in range(self.addresses)]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in found]

    def connect(self, address: str, port: int, timeout: float) -> Any:
        self.now += timeout
        raise TimeoutError("timed out")


@pytest.mark.parametrize(("exchanges", "addresses"), [(1, 1), (3, 8), (20, 20)])
def test_a_closed_port_25_takes_seconds_to_be_seen_however_many_hosts_there_are(
    monkeypatch: pytest.MonkeyPatch, exchanges: int, addresses: int
) -> None:
    network = Silent(addresses)
    monkeypatch.setattr(egress.time, "monotonic", network.monotonic)
    monkeypatch.setattr(egress.socket, "getaddrinfo", network.getaddrinfo)
    monkeypatch.setattr(smtplib, "SMTP", network.connect)
    names = [f"mx{number}.inbox.example" for number in range(exchanges)]
    assert egress._try(names) == (", ".join(names), "TimeoutError: timed out")
    assert network.now <= 2 * egress.SECONDS


@pytest.mark.parametrize(
    ("bundle", "asked"),
    [
        ({"forwards": {}, "mailboxes": ["jane@example.com"]}, [egress.PROVIDER]),
        ({"forwards": {"jane@example.com": ["a@b.example"]}}, [egress.PROVIDER]),
        ({"forwards": {"jane@example.org": ["a@b.example"]}}, ["example.com", egress.PROVIDER]),
        ({}, ["example.com", egress.PROVIDER]),
    ],
)
def test_a_domain_whose_mail_is_taken_here_is_no_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: dict[str, Any], asked: list[str]
) -> None:
    seen: list[str] = []

    def resolve(name: str, *_: object, **__: object) -> list[Any]:
        seen.append(name)
        raise dns.resolver.NoAnswer

    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    monkeypatch.setattr(egress, "BUNDLE", tmp_path / "bundle.json")
    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    assert egress.exchanges("example.com", "mail.example.com") == []
    assert seen == asked


def test_how_a_host_is_is_written_before_others_are_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    order: list[str] = []
    done = tmp_path / "set-up"
    done.touch()
    for name, value in {
        "RUN": tmp_path,
        "DONE": done,
        "run": lambda *_: "",
        "stopped": lambda _: (),
        "queue": lambda: status.Queue(0, 0, 0.0, ()),
        "tables": lambda _: status.Tables("e", "", "success", 1.0, "", 0.0),
        "put": lambda _, text: order.append(str(json.loads(text)["egress"])) or 0,
    }.items():
        monkeypatch.setattr(status, name, value)

    def ask(ways: list[str]) -> tuple[str, str]:
        order.append("asked")
        return ways[0], "TimeoutError"

    monkeypatch.setattr(egress, "FILE", tmp_path / "egress.json")
    monkeypatch.setattr(egress, "_try", ask)
    monkeypatch.setattr(
        status.sys, "argv", ["status.py", "gateway", "s3://b/k", "smtp.x.example:587"]
    )
    assert status.main() == 0
    assert order[:2] == ["None", "asked"]
    assert "smtp.x.example:587" in order[2]
    order.clear()
    assert status.main() == 0  # nobody is asked again so soon
    assert len(order) == 1


def test_a_long_queue_is_counted_as_it_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    message = {
        "queue_name": "deferred",
        "arrival_time": 1_000,
        "recipients": [{"address": "you@x.example", "delay_reason": "450 later"}],
    }
    listing = tmp_path / "postqueue"
    held = {**message, "queue_name": "hold", "recipients": [{"address": "me@x.example"}]}
    listing.write_text("".join(json.dumps(m) + "\n" for m in [*[message] * 500, held]))
    popen = subprocess.Popen
    monkeypatch.setattr(
        status.subprocess, "Popen", lambda _, **options: popen(["cat", str(listing)], **options)
    )
    found = status.queue()
    assert (found.messages, found.held) == (501, 1)
    assert found.reasons == (status.Reason("450 later", 500),)
    assert found.seconds > 1e9


@pytest.mark.parametrize(
    ("restarts", "state", "said"),
    [("0", "running", ("line 8",)), ("1", "retrying", tuple(f"line {n}" for n in range(1, 9)))],
)
def test_a_set_up_that_goes_on_tells_its_last_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    restarts: str,
    state: str,
    said: tuple[str, ...],
) -> None:
    """The first fetch of the packages is one step of minutes; a failure has more to tell."""

    def journal(*words: str) -> str:
        lines = [f"line {n}" for n in range(1, 9)]
        return "\n".join(lines[-int(words[words.index("-n") + 1]) :])

    (tmp_path / "step").write_text("packages\n")
    monkeypatch.setattr(status, "RUN", tmp_path)
    monkeypatch.setattr(status, "DONE", tmp_path / "done")
    monkeypatch.setattr(status, "run", journal)
    monkeypatch.setattr(status, "properties", lambda *_: {"NRestarts": restarts})
    found = status.setup()
    assert (found.state, found.step, found.said) == (state, "packages", said)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_text('units = [\n    "mail-relay-gu'),
        lambda file: file.write_text(""),
        lambda file: file.write_bytes(b"\xff\0" * 100),
        lambda file: file.write_text('units = 5\ndisks = ["/srv/mail"]\n'),
        lambda file: (file.unlink(), file.mkdir()),
    ],
    ids=["torn", "empty", "other octets", "other types", "a directory"],
)
def test_a_damaged_file_is_told_and_the_others_are_looked_at(
    units: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], None],
) -> None:
    assert units
    damage(tmp_path / "gateway.toml")
    monkeypatch.setattr(answers, "silent", lambda _: set())
    found = status.look("gateway", "")
    assert [text.split(" cannot be read: ")[0] for text in found.unread] == [
        str(tmp_path / "gateway.toml")
    ]
    assert found.disks[0].path == "/"
    assert parse(found.to_json()).unread == found.unread
    monkeypatch.setattr(watch.sys, "argv", ["watch.py", "client"])
    assert watch.main() == 1
    assert "gateway.toml cannot be read" in capsys.readouterr().out


def test_a_host_without_those_files_says_so(
    units: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    assert units
    for file in tmp_path.glob("*.toml"):
        file.unlink()
    assert looked_at.read() == looked_at.LookedAt((), (), (f"{tmp_path} has no files",))


def ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "set-up").touch()
    monkeypatch.setattr(status, "DONE", tmp_path / "set-up")
    monkeypatch.setattr(answers, "silent", lambda _: set())


@pytest.mark.parametrize(
    "part", ["setup", "stopped", "tables", "signing", "signing_since", "queue", "disks", "limited"]
)
def test_a_part_that_fails_is_told_with_the_rest(
    units: dict[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    assert units
    ready(monkeypatch, tmp_path)
    monkeypatch.setattr(status, "queue", lambda: status.Queue(0, 0, 0.0, ()))

    def fails(*_: object) -> None:
        raise OSError("Input/output error")

    monkeypatch.setattr(status, part, fails)
    found = status.look("gateway", "")
    assert len(found.unread) == 1
    assert "OSError: Input/output error" in found.unread[0]
    assert found.missing  # it does not count as a host that serves
    assert parse(found.to_json()) == found


def test_a_daemon_that_hangs_is_told_and_not_asked_for_the_queue(
    units: dict[str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units["opendkim.service"]["ActiveState"] = "failed"
    ready(monkeypatch, tmp_path)
    asked: list[set[str]] = []
    monkeypatch.setattr(
        answers, "silent", lambda names: asked.append(set(names)) or {"postfix.service"}
    )
    monkeypatch.setattr(status, "queue", pytest.fail)
    found = status.look("gateway", "")
    assert (found.stopped, found.silent) == (("opendkim.service",), ("postfix.service",))
    assert asked == [set(units) - {"opendkim.service"}]
    assert {"opendkim.service", "postfix.service"} <= set(found.missing)


def test_a_list_of_the_queue_that_fails_is_no_empty_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen
    command = ["sh", "-c", "exit 70"]
    monkeypatch.setattr(status.subprocess, "Popen", lambda _, **options: popen(command, **options))
    with pytest.raises(OSError, match="postqueue ended with 70"):
        status.queue()


def test_a_list_of_the_queue_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen
    monkeypatch.setattr(status, "QUEUE_SECONDS", 0.2)
    monkeypatch.setattr(
        status.subprocess, "Popen", lambda _, **options: popen(["sleep", "60"], **options)
    )
    with pytest.raises(TimeoutError, match="no end after"):
        status.queue()

"""What the agent's programs leave for each other: whatever it has become, they go on."""

import contextlib
import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent import egress, install, limits_watch, looked_at, published, report, status
from agent.limits import KINDS
from agent.report import Report

NOW = 2_000_000_000.0
SURROGATE = json.dumps({"\ud800": ["x", NOW - 9]})
DEEP, LARGE = "[" * 100_000, '{"a": {"since": 1' + "0" * 400 + ', "at": 1e999, "key": "x"}}'
FOREIGN = [
    DEEP,
    LARGE,
    "",
    "{",
    "[]",
    "5",
    '"x"',
    "null",
    '{"a": 1}',
    '{"a": []}',
    '{"a": [[]]}',
    '{"a": null}',
]


@pytest.mark.parametrize("text", [*FOREIGN, "\udcff", '{"problem": "x"}'])
def test_a_foreign_report_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(report, "FILE", tmp_path / "report")
    report.FILE.write_text(text, errors="surrogateescape")
    assert report.read() == Report()


@pytest.mark.parametrize(
    "wrong",
    [
        {"unanswered_since": "x"},
        {"clock_off": []},
        {"clock_off": -1},
        {"clock_off": float("nan")},
        {"unanswered_since": float("inf")},
    ],
)
def test_a_report_with_a_foreign_value_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    monkeypatch.setattr(report, "FILE", tmp_path / "report")
    found = {"problem": "x", "unanswered_since": 5, "clock_off": None}
    report.FILE.write_text(json.dumps(found))
    assert report.read() == Report("x", 5.0, None)
    report.FILE.write_text(json.dumps(found | wrong))
    assert report.read() == Report()


@pytest.mark.parametrize(
    "text", [*FOREIGN, json.dumps({"a": [NOW + 9]}), '{"a": [NaN]}', SURROGATE]
)
def test_what_was_told_of_logins_is_forgotten_where_it_cannot_be_read(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "limits.json"
    file.write_text(json.dumps({"me@a.example": ["x", NOW - 9], "you@a.example": [NOW - 99]}))
    assert limits_watch.read(file, NOW, 60) == {"me@a.example": ["x", NOW - 9]}
    file.write_text(text)
    assert limits_watch.read(file, NOW, 60) == {}


@pytest.mark.parametrize("since", ["9e9", "Infinity", "NaN"])
def test_a_key_is_in_use_since_a_time_that_has_been(tmp_path: Path, since: str) -> None:
    domains = {"a.example": {"selectors": [{"name": "s1", "privateKey": "x"}]}}
    _, seen = published.in_use(domains, {}, NOW, lambda *_: True)
    file = tmp_path / "seen.json"
    key = seen["a.example"].key
    file.write_text(f'{{"a.example": {{"key": "{key}", "at": {NOW + 9e8}, "since": {since}}}}}')
    status.signing_since(tmp_path)  # tells what it can
    _, seen = published.in_use(domains, published.read_seen(file), NOW, lambda *_: True)
    assert seen["a.example"].since == NOW


@pytest.mark.parametrize("text", ["", "x = 1", 'units = "a.service"', "units = 5", "units = ["])
def test_a_foreign_list_of_what_is_looked_at_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(looked_at, "FOLDER", tmp_path)
    (tmp_path / "a.toml").write_text('units = ["postfix.service"]')
    (tmp_path / "b.toml").write_text(text)
    found = looked_at.read()
    assert found.units == ("postfix.service",)
    assert "b.toml cannot be read" in found.unread[0]


FILES = {"restarts.json": {}, "egress.json": None, "limited.json": {}}


EGRESS = {"way": "smtp.far.example:587", "exchange": "x", "problem": "", "at": 0.0}


@pytest.mark.parametrize(
    "text", [*FOREIGN, *(json.dumps(EGRESS | {"at": at}) for at in ("x", 1e12, -1e999)), "a folder"]
)
def test_what_status_kept_is_forgotten_where_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    for name in FILES:
        if text == "a folder":
            (tmp_path / name / "x").mkdir(parents=True)
        else:
            (tmp_path / name).write_text(text)
    monkeypatch.setattr(status, "RUN", tmp_path)
    monkeypatch.setattr(egress, "FILE", tmp_path / "egress.json")
    monkeypatch.setattr(status, "LIMITED", tmp_path / "limited.json")
    monkeypatch.setattr(status, "run", lambda *_: "")
    monkeypatch.setattr(egress, "_try", lambda _: ("smtp.far.example:587", ""))
    assert status.stopped(("postfix.service",)) == ()
    assert egress.last("smtp.far.example:587") is None
    assert status.limited() == {}
    # and it is written anew
    assert json.loads((tmp_path / "restarts.json").read_text()) == {}
    assert egress.tried("smtp.far.example:587", "mail.relay.example")
    assert egress.last("smtp.far.example:587") is not None


@pytest.mark.parametrize("at", ["yesterday", 5, None])
def test_a_time_that_is_none_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: object
) -> None:
    """The readers of a status refuse it as a whole."""
    monkeypatch.setattr(status, "run", lambda *_: "")
    (tmp_path / "bundle.json").write_text("{}")
    etag = status.tables(tmp_path).etag
    (tmp_path / "taken.json").write_text(json.dumps({etag: "2026-01-02T03:04:05+00:00"}))
    assert status.tables(tmp_path).taken == "2026-01-02T03:04:05+00:00"
    (tmp_path / "taken.json").write_text(json.dumps({etag: at}))
    assert status.tables(tmp_path).taken == ""


@pytest.mark.parametrize("text", ["{}", '"postfix.service"', "5", "null", "{"])
def test_a_list_of_whom_to_tell_that_is_none_means_everybody(tmp_path: Path, text: str) -> None:
    (tmp_path / "untold.json").write_text(text)
    assert install.untold(tmp_path, ["a.service", "b.service"]) == {"a.service", "b.service"}


@pytest.mark.parametrize("text", FOREIGN)
def test_tables_are_told_whatever_says_when_they_were_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(status, "run", lambda *_: "")
    for name in ("taken.json", "seen.json"):
        (tmp_path / name).write_text(text)
    (tmp_path / "bundle.json").write_text("{}")
    found = status.tables(tmp_path)
    assert (len(found.etag), found.taken) == (32, "")
    assert status.signing_since(tmp_path) == {}
    (tmp_path / "bundle.json").write_text(text)
    assert status.signing(tmp_path) == {}


class Counter:
    """policyd-rate-limit's databases, the watch's files, and a sendmail that may fail."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.fails, self.letters = folder, False, list[str]()
        patch.setattr(limits_watch, "RUN", folder)
        patch.setattr(limits_watch, "TOLD", folder / "told.json")
        patch.setattr(limits_watch, "LIMITED", folder / "limited.json")
        patch.setattr(limits_watch, "as_counter", contextlib.nullcontext)
        patch.setattr(limits_watch.subprocess, "run", self.sendmail)
        for kind in KINDS:
            (folder / kind).mkdir()
            with sqlite3.connect(folder / kind / "counts.sqlite3") as database:
                database.execute("CREATE TABLE limit_report (id, delta, hit)")
                database.execute("CREATE TABLE mail_count (date)")

    def refuse(self, kind: str, login: str) -> None:
        with sqlite3.connect(self.folder / kind / "counts.sqlite3") as database:
            database.execute("INSERT INTO limit_report VALUES (?, 3600, 1)", (login,))

    def sendmail(self, command: list[str], *, text: str = "", input: str, check: bool) -> None:
        if self.fails:
            raise subprocess.CalledProcessError(75, command)
        self.letters.append(input.splitlines()[0])

    def limited(self) -> set[str]:
        return set(json.loads((self.folder / "limited.json").read_text()))


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(tmp_path, monkeypatch)


def test_a_letter_about_a_limit_that_did_not_leave_is_sent_by_the_next_look(
    counter: Counter, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind, login in zip(KINDS, ("me@shop.example", "you@shop.example"), strict=True):
        counter.refuse(kind, login)
    counter.fails = True
    assert limits_watch.main() == 1
    assert "<3>no letter about me@shop.example: " in capsys.readouterr().out
    assert counter.limited() == {"me@shop.example", "you@shop.example"}
    counter.fails = False
    assert limits_watch.main() == 0
    assert [line.split()[1] for line in counter.letters] == ["me@shop.example", "you@shop.example"]
    assert limits_watch.main() == 0
    assert len(counter.letters) == 2


def test_a_damaged_count_does_not_hide_the_other(counter: Counter) -> None:
    first, second = KINDS
    (counter.folder / first / "counts.sqlite3").write_text("no database" * 100)
    counter.refuse(second, "you@shop.example")
    assert limits_watch.main() == 1
    assert counter.limited() == {"you@shop.example"}

"""What the agent's programs leave for each other: whatever it has become, they go on."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent import limits_watch, looked_at, published, report, status
from agent.report import Report

NOW = 2_000_000_000.0
FOREIGN = ["", "{", "[]", "5", '"x"', "null", '{"a": 1}', '{"a": []}', '{"a": [[]]}', '{"a": null}']


@pytest.mark.parametrize("text", [*FOREIGN, "\udcff", '{"problem": "x"}'])
def test_a_foreign_report_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(report, "FILE", tmp_path / "report")
    report.FILE.write_text(text, errors="surrogateescape")
    assert report.read() == Report()


@pytest.mark.parametrize("wrong", [{"unanswered_since": "x"}, {"clock_off": []}])
def test_a_report_with_a_foreign_value_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    monkeypatch.setattr(report, "FILE", tmp_path / "report")
    found = {"problem": "x", "unanswered_since": 5, "clock_off": None}
    report.FILE.write_text(json.dumps(found))
    assert report.read() == Report("x", 5.0, None)
    report.FILE.write_text(json.dumps(found | wrong))
    assert report.read() == Report()


@pytest.mark.parametrize("text", [*FOREIGN, json.dumps({"a": [NOW + 9]}), '{"a": [NaN]}'])
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

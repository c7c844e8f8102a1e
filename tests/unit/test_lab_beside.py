"""What was there before a command of a lab: its stack file, another command, other labs."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from editing import new_lab

from lab import control
from lab import lab as lab_
from lab.lab import Lab
from ops import stack_yaml
from ops.lab import stack
from ops.lab.target import up_here


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return new_lab(tmp_path, monkeypatch)


@pytest.mark.parametrize("text", ["{}", "[]", '{"config": {"mail-relay:protect": false}}'])
def test_a_stack_file_of_one_line_is_taken_beside_the_labs_salt(
    lab: Lab, tmp_path: Path, text: str
) -> None:
    stack.prepare(lab, None)
    own = stack.own_file(lab)
    own.write_text(f"encryptionsalt: v1:abc\n{own.read_text()}")
    given = tmp_path / "Pulumi.other.yaml"
    given.write_text(text)
    stack.prepare(lab, given)
    assert stack_yaml.content(own)["encryptionsalt"] == "v1:abc"
    assert stack_yaml.config(own) == (yaml.safe_load(text) or {"config": {}})["config"]


def test_who_waits_for_another_command_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(stack.notes, "print", told.append)
    locks = lab.directory / "pulumi-home/state/.pulumi/locks/organization/mail-relay/lab"
    locks.mkdir(parents=True)
    (locks / "a.json").write_text(json.dumps({"pid": 4711}))
    held = [True, True, False]
    monkeypatch.setattr(stack, "_held", lambda _: held.pop(0))
    monkeypatch.setattr(stack, "captured", lambda *_, **__: SimpleNamespace(returncode=1))
    assert stack.settle(lab)
    assert told[0].startswith("a `pulumi` (pid 4711) works on lab in the lab dev")


def test_labs_that_were_never_taken_away_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_, "HOME", tmp_path)
    for name in ("dev", "old"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(control, "running", lambda lab: lab.name == "dev")
    said = up_here("new")
    assert said == " (up here: --lab dev; not running, and not taken away: --lab old)"

"""A lab that goes: what is left of a stack, and what is meant to stay of it on AWS."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab import control
from lab import lab as lab_
from ops.cli import app
from ops.lab import command, stack


@pytest.mark.parametrize(("left", "code"), [([], 0), (["role gateway-1"], 1)])
def test_last_snapshots_are_no_fault_of_a_lab_that_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: list[str], code: int
) -> None:
    (tmp_path / "dev" / "pulumi").mkdir(parents=True)
    monkeypatch.setattr(lab_, "HOME", tmp_path)
    monkeypatch.setattr(control, "running", lambda lab: True)
    monkeypatch.setattr(stack, "settle", lambda lab: True)
    monkeypatch.setattr(command, "_destroy", lambda lab: ["snapshot snap-1", *left])
    monkeypatch.setattr(control, "remove", lambda lab: None)
    monkeypatch.setattr(control, "remains", lambda lab: [])
    result = CliRunner().invoke(app, ["lab", "down", "--json"])
    assert (result.exit_code, json.loads(result.stdout)["left"]) == (code, left)
    assert "snapshot snap-1: the last ones of data volumes" in " ".join(result.stderr.split())

"""An edit that is made counts, whoever can read what the command says of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from editing import stack_file

CALL = """
import sys
from pathlib import Path
from ops import cli, target
target.engine.PROJECT = Path(sys.argv.pop(1))
cli.main()
"""
ADD = ["users", "add", "new@shop.example", "--stack=prod"]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stack_file(tmp_path, monkeypatch)


def run(file: Path, redirected: str, *options: str, buffered: bool) -> tuple[int, str]:
    """The exit code and the standard error of `users add`, redirected by the shell."""
    command = [sys.executable, "-c", CALL, str(file.parent), *ADD, *options]
    given = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    result = subprocess.run(
        ["bash", "-c", f'set -o pipefail; "$@" {redirected}', "bash", *command],
        env=given if buffered else {**given, "PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stderr


def is_added(file: Path) -> bool:
    listed = yaml.safe_load(file.read_text())["config"]["mail-relay:logins"]
    return [login["address"] for login in listed] == ["me@shop.example", "new@shop.example"]


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(
    ("redirected", "options"),
    [
        ("2>/dev/full", []),
        ("2>&-", []),
        ("2>&1 | true", []),
        ("| true", ["--json"]),
        ("2>/dev/full", ["--json"]),
    ],
)
def test_an_edit_that_nobody_reads_of_has_succeeded(
    file: Path, redirected: str, options: list[str], buffered: bool
) -> None:
    code, said = run(file, redirected, *options, buffered=buffered)
    assert (code, said) == (0, "")
    assert is_added(file)


@pytest.mark.parametrize("buffered", [True, False])
def test_a_result_that_cannot_be_written_is_told_with_what_is_done(
    file: Path, buffered: bool
) -> None:
    code, said = run(file, ">/dev/full", "--json", buffered=buffered)
    assert code == 1
    assert said == (
        f"error: new@shop.example is added in {file}, but the result cannot be written: "
        "No space left on device\n"
    )
    assert is_added(file)

"""Where nobody can be asked, a command does nothing and names the option that answers."""

import io
from types import SimpleNamespace
from typing import Any

import pytest
from test_queue import Hosts
from typer.testing import CliRunner

from lab import tools
from ops import queue
from ops.cli import app
from ops.environments import command

ANSWER = "nobody is there to answer: --yes does it without asking"


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    found = Hosts()
    monkeypatch.setattr(queue, "target", lambda *_: found)
    return found


@pytest.fixture
def destroyed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The environments that `env down` has destroyed; there is one, `try`."""
    found: list[object] = []
    environment = SimpleNamespace(
        target=SimpleNamespace(operate=lambda *_: None), export={}, name="try"
    )
    nothing: dict[str, Any] = {"refuse_protected": lambda _: None, "destroy": found.append}
    for name, stub in nothing.items():
        monkeypatch.setattr(command.destroy, name, stub)
    monkeypatch.setattr(command.backend, "get", lambda *_: environment)
    monkeypatch.setattr(command.backend, "restore_file", lambda _: None)
    monkeypatch.setattr(command, "keep_export", lambda *_: "export.json")
    monkeypatch.setattr(command, "dev_stack", lambda _: None)
    return found


@pytest.mark.parametrize("words", [["queue", "delete", "--all"], ["env", "down", "try"]])
@pytest.mark.parametrize(("answer", "code"), [("", 1), ("n\n", 1), ("y\n", 0)])
def test_nothing_is_done_without_a_yes(
    hosts: Hosts, destroyed: list[object], words: list[str], answer: str, code: int
) -> None:
    result = CliRunner().invoke(app, words, input=answer)
    assert result.exit_code == code, result.output
    assert bool(hosts.told or destroyed) is (code == 0)
    assert (str(result.exception) == ANSWER) is (answer == "")


@pytest.mark.parametrize(("answer", "told"), [("", True), ("n\n", False)])
def test_the_labs_packages_are_not_installed_without_a_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, told: bool
) -> None:
    monkeypatch.setattr(tools, "missing", lambda **_: {"qemu": "runs a host"})
    monkeypatch.setattr(tools.sys, "argv", ["tools"])
    monkeypatch.setattr(tools.sys, "stdin", io.StringIO(answer))
    assert tools.main() == 1
    assert (ANSWER in capsys.readouterr().err) is told

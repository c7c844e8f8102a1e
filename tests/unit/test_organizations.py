"""A stack may be named with its organization, which neither files nor AWS have in their names."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from editing import stack_file
from typer.testing import CliRunner

from ops import backups
from ops.cli import app
from ops.doctor import command as doctor
from ops.leftovers import command as leftovers
from ops.settle import settle
from ops.target import AwsTarget

WITH = "org/prod"


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """By which names of the stack the account is asked; the stack has no state."""
    file, found = stack_file(tmp_path, monkeypatch), list[Any]()
    (file.parent / "Pulumi.yaml").write_text("name: mail-relay\n")

    def note(stack: Any, *_: Any) -> list[Any]:
        found.append(stack)
        return []

    def tagged(_: Any, tags: Mapping[str, str]) -> list[Any]:
        return note(tags["Stack"])

    monkeypatch.setattr(AwsTarget, "account", lambda *_: nullcontext(lambda _: None))
    monkeypatch.setattr(AwsTarget, "regions", lambda *_: nullcontext(lambda *_: None))
    monkeypatch.setattr(AwsTarget, "pulumi", lambda *_, **__: '{"deployment": {}}')
    monkeypatch.setattr(leftovers, "find", lambda stack: note(stack.name))
    monkeypatch.setattr(doctor, "examine", lambda account: note(account.stack))
    monkeypatch.setattr(backups, "_found", tagged)
    monkeypatch.setattr(backups, "_making", lambda *_: None)
    return found


@pytest.mark.parametrize("command", ["leftovers", "doctor", "backups"])
def test_the_account_is_asked_by_the_stacks_own_name(asked: list[str], command: str) -> None:
    result = CliRunner().invoke(app, [command, f"--stack={WITH}"])
    assert result.exit_code == 0, result.exception
    assert asked == ["prod"]


def test_a_password_is_encrypted_for_a_stack_of_an_organization(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack_file(tmp_path, monkeypatch)

    def encrypts(_: AwsTarget, *words: str, text: str = "") -> str:
        file = Path(words[words.index("--config-file") + 1])
        file.write_text(f'{{"config": {{"mail-relay:new": {{"secure": "{len(text)}"}}}}}}')
        return ""

    monkeypatch.setattr(AwsTarget, "pulumi", encrypts)
    monkeypatch.setattr(AwsTarget, "outputs", lambda _: None)
    words = ["users", "change", "me@shop.example", "--password-stdin", f"--stack={WITH}"]
    result = CliRunner().invoke(app, words, input="correct-horse-battery\n")
    assert result.exit_code == 0, result.exception
    assert "secure" in (tmp_path / "Pulumi.prod.yaml").read_text()


def test_the_state_of_a_stack_of_an_organization_is_kept_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    kept = settle.keep_export(AwsTarget(WITH), {"deployment": {}})
    assert kept.name.startswith("prod-")

"""A stack's file that the edit commands work on, and what they say."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from lab import lab as lab_
from lab.lab import Lab
from ops import target
from ops.cli import app
from settings import SettingsError

CONFIG = {
    "mail-relay:operator": "ops@inbox.example",
    "mail-relay:gateway": {"name": "mail.relay.example"},
    "mail-relay:domains": [{"name": "shop.example"}, {"name": "club.example"}],
    "mail-relay:clients": [{"name": "app.club.example"}],
    "mail-relay:logins": [{"address": "me@shop.example"}],
    "mail-relay:forwards": [{"address": "info@club.example", "to": ["me@inbox.example"]}],
    "mail-relay:mailboxes": [{"address": "me@shop.example"}],
}


def stack_file(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """The file of the stack `prod`, in a project of its own."""
    patch.setattr(target.engine, "PROJECT", folder)
    made = folder / "Pulumi.prod.yaml"
    made.write_text(yaml.safe_dump({"config": CONFIG}))
    return made


def new_lab(folder: Path, patch: pytest.MonkeyPatch) -> Lab:
    """The lab `dev`, with nothing in it yet."""
    patch.setattr(lab_, "HOME", folder)
    made = Lab("dev")
    made.directory.mkdir()
    return made


def edit(*arguments: str) -> BaseException | None:
    return CliRunner().invoke(app, [*arguments, "--stack=prod"]).exception


def refused(file: Path, *arguments: str) -> list[str]:
    before = file.read_text()
    error = edit(*arguments)
    assert isinstance(error, SettingsError), error
    assert file.read_text() == before
    return error.lines


def domain(file: Path, name: str) -> dict[str, Any] | None:
    listed = yaml.safe_load(file.read_text())["config"]["mail-relay:domains"]
    return next((item for item in listed if item["name"] == name), None)

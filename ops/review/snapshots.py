"""The settings before and after a change, with their secrets, which are compared.

The settings here have secrets in clear, as in the program: never print them as a whole.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import stack_yaml
from ops.edit.encrypted import PREFIX, readable
from ops.engine import PROJECT
from ops.errors import StackError
from settings import Settings, read

UPDATES = 20  # entries of the stack's history that are searched for the last successful one

Pulumi = Callable[..., str]


@dataclass(frozen=True)
class Snapshot:
    """Settings, and those of their keys that have a secret.

    Without `secrets_read`, the secrets are placeholders.
    """

    settings: Settings
    secret: frozenset[str]
    secrets_read: bool = True


def of_file(pulumi: Pulumi, file: Path) -> Snapshot:
    """The settings of a stack file; SettingsError if it is invalid."""
    arguments = ("config", "--json", "--show-secrets", "--config-file", str(file))
    return _snapshot(json.loads(pulumi(*arguments)))


def deployed(pulumi: Pulumi) -> Snapshot | None:
    """The settings of the last successful `up`; None if nothing is up."""
    arguments = ("--json", "--show-secrets", f"--page-size={UPDATES}", "--page=1")
    for entry in json.loads(pulumi("stack", "history", *arguments)):
        if entry["result"] == "succeeded" and entry["kind"] in ("update", "destroy"):
            return _snapshot(entry["config"]) if entry["kind"] == "update" else None
    return None


def of_commit(pulumi: Pulumi, reference: str, stack: str) -> Snapshot | None:
    """The settings of the stack's file at a commit; None if it did not exist."""
    name = f"Pulumi.{stack}.yaml"
    _git("rev-parse", "--verify", f"{reference}^{{commit}}")
    if not _git("ls-tree", "--name-only", reference, name):
        return None
    text = _git("show", f"{reference}:./{name}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_text(text)
        try:
            return of_file(pulumi, file)
        except StackError:  # encrypted for another passphrase or key than today's
            where = f"{name} at {reference}"
            config = stack_yaml.config(file, where)
            given = readable(config)
            return Snapshot(read(given, config, where), frozenset(given), secrets_read=False)


def _git(*arguments: str) -> str:
    result = subprocess.run(
        ["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        said = result.stderr.strip() or "there is no such commit"
        raise StackError(f"git {' '.join(arguments)}: {said}")
    return result.stdout


def _snapshot(config: Mapping[str, Mapping[str, Any]]) -> Snapshot:
    ours = {k.removeprefix(PREFIX): v for k, v in config.items() if k.startswith(PREFIX)}
    given = {key: value.get("objectValue", value.get("value")) for key, value in ours.items()}
    secret = frozenset(key for key, value in ours.items() if value.get("secret"))
    return Snapshot(read(given, config), secret)

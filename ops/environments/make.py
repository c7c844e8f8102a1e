"""Making an environment: its stack, its file, its resources."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ops import stack_yaml
from ops.edit.stack_file import PREFIX, readable
from ops.environments import backend, roots
from ops.environments.mapping import Wanted, environment, expiry
from ops.outputs import Outputs
from ops.plain_words import unreadable
from ops.settle.settle import settle
from ops.target import Target
from ops.terminal import shown_path, step
from settings import Settings, SettingsError, read


def make(
    name: str,
    lifetime: timedelta,
    source: Path,
    acme_root: Path | None,
    target: Target,
    *,
    wait: bool,
) -> Outputs:
    """Create or update the environment, with `wait` until its hosts serve; return its outputs."""
    config, base, kept = _read(source)
    target.prepare()
    root = _text(acme_root) if acme_root else roots.staging_roots(target)
    wanted = Wanted(name, datetime.now(UTC) + lifetime, root)
    found = target.adapted(environment(config, base, wanted))
    if not wait:
        found[f"{PREFIX}wait"] = {"minutes": 0}
    _check(found, source)
    _select(target, kept.get("secretsprovider"))
    target.pulumi("stack", "tag", "set", backend.EXPIRES, expiry(wanted.expires))
    _write(target.file, found)
    with step(f"pulumi up of {target.stack}, until its hosts serve"):
        settle(target)  # after an earlier `up` that was killed
        target.operate("up", "--yes", "--skip-preview")
    return target.outputs()


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeError) as error:
        raise SettingsError([unreadable(file, error)]) from None


def _read(source: Path) -> tuple[dict[str, Any], Settings, dict[str, Any]]:
    """The dev stack's `config`, its settings, and the rest of its file."""
    content = stack_yaml.content(source)
    config = content.pop("config", None) or {}
    return config, read(readable(config), config, shown_path(source)), content


def _check(config: Mapping[str, Any], source: Path) -> None:
    """SettingsError if the program would refuse the settings."""
    try:
        read(readable(dict(config)))
    except SettingsError as error:
        why = (
            f"this is the environment's own setting, whose names are longer than those in {source}:"
            " choose a shorter NAME, or shorter names there"
        )
        raise SettingsError([*error.lines, why]) from None


def _select(target: Target, provider: str | None) -> None:
    """Create the stack unless it exists, with the secrets provider of the dev stack."""
    if target.stack not in target.stacks():
        arguments = ("--secrets-provider", provider) if provider else ()
        target.pulumi_here("stack", "init", "--no-select", target.stack, *arguments)


def _write(file: Path, config: Mapping[str, Any]) -> None:
    content = stack_yaml.content(file) if file.exists() else {}
    text = yaml.safe_dump({**content, "config": dict(config)}, sort_keys=False, width=1000)
    file.write_text(f"# Written by `./relay env up`; it goes with the environment.\n{text}")

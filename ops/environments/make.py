"""Making an environment: its stack, its file, its resources."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ops import stack_yaml
from ops.edit.encrypted import PREFIX, readable
from ops.environments import backend, roots
from ops.environments.mapping import EXPIRES, Wanted, environment, expiry
from ops.errors import StackError
from ops.outputs import Outputs
from ops.plain_words import unreadable
from ops.settle.settle import settle
from ops.target import Target
from ops.terminal import shown_path, step
from settings import Settings, SettingsError, read

# A line of an environment's file; the digest of the settings that were written follows.
WRITTEN = "# Written by `./relay env up`; it goes with the environment. Settings: "
TAGS = f"{PREFIX}tags"


def make(
    name: str,
    lifetime: timedelta,
    source: Path,
    acme_root: Path | None,
    target: Target,
    *,
    wait: bool,
) -> Outputs:
    """Create or update the environment, with `wait` until its hosts serve; return its outputs.

    StackError if its file has changes of somebody's, which would be lost.
    """
    config, base, kept = _read(source)
    target.prepare()
    root = _text(acme_root) if acme_root else roots.staging_roots(target)
    wanted = Wanted(name, datetime.now(UTC) + lifetime, root)
    found = target.adapted(environment(config, base, wanted))
    if not wait:
        found[f"{PREFIX}wait"] = {"minutes": 0}
    _check(found, source)
    _check_unedited(target, found, source)
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


def _check_unedited(target: Target, wanted: Mapping[str, Any], source: Path) -> None:
    """StackError if somebody has changed the environment's file, and this would be lost."""
    if not target.file.exists():
        return
    held, lines = stack_yaml.config(target.file), target.file.read_text().splitlines()
    if not held or WRITTEN + _digest(held) in lines:
        return
    has, gets = _texts(held), _texts(wanted)
    keys = sorted(k for k in {*has, *gets} if has.get(k) != gets.get(k))
    if not keys:
        return
    raise StackError(
        f"{shown_path(target.file)} was changed after `env up` had written it, and it would be "
        f"written anew, from {shown_path(source)}; different are {', '.join(keys)}. Make the "
        f"change there, or apply the file as it is: {target.apply_command}; to do without it, move "
        "the file away"
    )


def _digest(config: Mapping[str, Any]) -> str:
    text = json.dumps(_texts(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _texts(config: Mapping[str, Any]) -> dict[str, str]:
    """The settings as text, since `pulumi config` writes false as "false"; without the expiry."""
    found = dict(config)
    if isinstance(tags := found.get(TAGS), dict):
        found[TAGS] = {key: value for key, value in tags.items() if key != EXPIRES}
    return {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        for key, value in found.items()
    }


def _select(target: Target, provider: str | None) -> None:
    """Create the stack unless it exists, with the secrets provider of the dev stack."""
    if target.stack not in target.stacks():
        arguments = ("--secrets-provider", provider) if provider else ()
        target.pulumi_here("stack", "init", "--no-select", target.stack, *arguments)


def _write(file: Path, config: Mapping[str, Any]) -> None:
    content = stack_yaml.content(file) if file.exists() else {}
    text = yaml.safe_dump({**content, "config": dict(config)}, sort_keys=False, width=1000)
    file.write_text(f"{WRITTEN}{_digest(config)}\n{text}")

"""Destroying an environment from its state alone: without its file, its program, its maker."""

import json
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import yaml

from lab.access import entered
from ops import engine, lab_stack
from ops.environments import orphans
from ops.environments.backend import Environment, restore_file
from ops.lab_stack import StackError
from ops.leftovers.find import owned
from ops.output import notes
from ops.target import Target

_LOCK = re.compile(r"created by \S+@(\S+) \(pid (\d+)\) at (\S+)")
# Nothing of ours holds a lock for so long.
_STALE = timedelta(hours=1)


def keep_export(environment: Environment) -> Path:
    """Write the state to a file of its user's alone, and give its path; secrets are encrypted."""
    lab = environment.target.lab
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = lab.directory / "exports" if lab else home / "mail-relay" / "exports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / f"{environment.target.stack}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    file.touch(mode=0o600)
    file.write_text(environment.target.pulumi("stack", "export"))
    return file


def refuse_protected(environment: Environment) -> None:
    """StackError if `pulumi destroy` would stop in the middle; it names the way out."""
    if environment.protected:
        stack, lab = environment.target.stack, environment.target.lab
        pulumi = f"./relay pulumi --lab {lab.name}" if lab else "pulumi"
        ways = "\n".join(
            f"  {pulumi} state unprotect --yes --stack {stack} '{urn}'"
            for urn in environment.protected
        )
        raise StackError(
            f"{environment.name} holds what is protected, so nothing was destroyed. If it is to go:"
            f"\n{ways}"
        )


def destroy(environment: Environment) -> None:
    """Destroy all of it and remove the stack. Raises StackError with what Pulumi said."""
    refuse_protected(environment)
    restore_file(environment)
    target = environment.target
    _settle(environment)
    if environment.resources:
        try:
            unlocked(target, "destroy", "--yes", "--skip-preview")
        except StackError:
            # an address whose PTR was just taken back cannot be released for some minutes
            notes.print("not everything could be destroyed at once: once more")
            unlocked(target, "destroy", "--yes", "--skip-preview", "--refresh")
    _check_left(environment)
    unlocked(target, "stack", "rm", "--yes", "--remove-backups")
    target.file.unlink(missing_ok=True)


def _check_left(environment: Environment) -> None:
    if environment.provider is None:
        return
    with _account(environment, environment.provider) as client:
        if left := list(owned(_project(), environment.target.stack, client)):
            lines = "\n".join(f"  {item.what} {item.name}: {item.remove}" for item in left)
            raise StackError(f"{environment.name} is destroyed, and this is left:\n{lines}")


def _project() -> str:
    return yaml.safe_load((engine.PROJECT / "Pulumi.yaml").read_text())["name"]


def _settle(environment: Environment) -> None:
    """Let the state have what an `up` that was killed has made, and no pending operations."""
    if not environment.state.get("pending_operations"):
        return
    found: dict[str, str] = {}
    if environment.provider is not None:
        with _account(environment, environment.provider) as client:
            found = orphans.ids(environment.state, client)
    settled = json.dumps({"version": 3, "deployment": orphans.adopted(environment.state, found)})
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(settled)
        file.flush()
        unlocked(environment.target, "stack", "import", "--file", file.name)
    # what is only supposed to be there is forgotten if it is not, and the rest is read
    unlocked(environment.target, "refresh", "--yes", "--skip-preview")


@contextmanager
def _account(environment: Environment, provider: dict[str, Any]) -> Iterator[Any]:
    """What makes clients of the account that the environment is in."""
    lab = environment.target.lab
    if lab:
        with entered(lab.namespace):
            yield lambda service: lab_stack.client(lab, service)
        return
    session = boto3.Session(
        region_name=provider.get("region"), profile_name=provider.get("profile")
    )
    yield session.client


def unlocked(target: Target, *arguments: str) -> None:
    """A command that changes the stack; a lock that nobody holds any more is taken away for it."""
    try:
        target.operate(*arguments)
    except StackError as error:
        locks = _LOCK.findall(str(error))
        if not locks or not all(_stale(*lock) for lock in locks):
            raise
        notes.print("the last `pulumi` here was killed: its lock is taken away")
        target.pulumi("cancel", "--yes")
        target.operate(*arguments)


def _stale(host: str, pid: str, made: str) -> bool:
    if host == socket.gethostname():
        try:
            return b"pulumi" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            return True
    return datetime.now(UTC) - datetime.fromisoformat(made) > _STALE

"""This program's own releases, by git, and the engine that runs it."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from common.release import numbers, release
from ops.update.part import Part, Unknown

PAGE = "docs/tasks/take-a-new-version.md"
UPSTREAM, ORIGIN = "upstream", "origin"
# Minor versions; Pulumi has one a week. Engine and SDK go together over a long time.
A_YEAR = 50
_SECONDS = 60


def releases(project: Path, remote: str | None) -> Part:
    """This program against the newest tag of a remote, by default `upstream`, else `origin`."""
    remotes = _run(("git", "remote"), project).split()
    chosen = remote or next((name for name in (UPSTREAM, ORIGIN) if name in remotes), None)
    if chosen is None:
        raise Unknown(f"git knows no remote to ask: git remote add {UPSTREAM} URL ({PAGE})")
    said = _run(("git", "ls-remote", "--tags", "--refs", "--", chosen, "v*"), project)
    tags = [line.rpartition("refs/tags/")[2] for line in said.splitlines()]
    newest = max(tags, key=numbers, default="").removeprefix("v")
    old = numbers(newest) > numbers(release())
    note = f"it is in CHANGELOG.md what it means; {PAGE}" if old else f"by the tags of {chosen}"
    return Part("mail-relay", release(), newest, old, note)


def engine(sdk: str) -> Part:
    """`pulumi` on the PATH against the newest SDK, which is released with it under one number.

    Without one there, the engine is this program's own, and is raised by its releases.
    """
    found = shutil.which("pulumi")
    if found is None:
        return Part("pulumi command", "built here", note="it comes with this program's releases")
    here = _run((found, "version"), Path.cwd()).strip().removeprefix("v")
    try:
        ours, theirs = Version(here), Version(sdk)
    except InvalidVersion:  # one that was built from its sources
        raise Unknown(f"{found} calls its version {here!r}, which is no release") from None
    old = (ours.major, ours.minor + A_YEAR) < (theirs.major, theirs.minor)
    note = f"{found}: raise it as it was installed" if old else ""
    return Part("pulumi command", here, sdk, old, note)


def _run(command: Sequence[str], folder: Path) -> str:
    """What a command says; Unknown if it fails or asks for something."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise Unknown(f"{command[0]} is not on PATH") from None
    except subprocess.TimeoutExpired:
        raise Unknown(f"{command[0]} has no answer after {_SECONDS} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise Unknown(f"{' '.join(command[:2])}: {said[0]}")
    return done.stdout

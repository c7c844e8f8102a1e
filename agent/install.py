"""Install files that services read as a whole: built beside the live set, swapped by one rename.

No function trusts what it finds: a run may have been killed, or the power cut, at any line.
Installed files are compared with the wanted ones by content, and the services that must reload are
written down before a change is made.
"""

import contextlib
import grp
import json
import os
import pwd
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent import state_file

DIRECTORY_MODE = 0o755  # whoever may read which file is decided by the file


@dataclass(frozen=True)
class File:
    """A file's content and who may read it; owner and group by name."""

    content: str | bytes
    owner: str = "root"
    group: str = "root"
    mode: int = 0o600

    @property
    def octets(self) -> bytes:
        """The content as it is on the disk."""
        return self.content.encode() if isinstance(self.content, str) else self.content

    def is_at(self, path: Path) -> bool:
        """Whether exactly this file is at a path."""
        try:
            with path.open("rb") as file:
                found, held = file.read(), os.fstat(file.fileno())
        except OSError:
            return False
        try:
            ids = pwd.getpwnam(self.owner).pw_uid, grp.getgrnam(self.group).gr_gid
        except KeyError as error:
            raise OSError(f"{path}: {error.args[0]}") from None
        return (found, held.st_uid, held.st_gid, held.st_mode & 0o7777) == (
            self.octets,
            *ids,
            self.mode,
        )


def current(base: Path) -> Path:
    """The link to the set in use."""
    return base / "current"


def write(path: Path, content: str | bytes) -> None:
    """Write one file, for root only; after a power cut the old or the new one is there, whole."""
    beside = path.with_name(f"{path.name}.new")
    remove(beside)
    _write(beside, File(content).octets)
    if path.is_dir():
        remove(path)
    beside.replace(path)
    _sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file or a directory, if it exists."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def differing(base: Path, files: dict[str, File]) -> set[str]:
    """The names at which the set in use differs from these files, in content, owner or mode."""
    live = current(base)
    there = {p.relative_to(live).as_posix() for p in live.rglob("*") if not p.is_dir()}
    wrong = {name for name, file in files.items() if not file.is_at(live / name)}
    closed = [name for name in files if not _lets_in(live, name)]
    return wrong | set(closed) | (there - set(files))


def _lets_in(live: Path, name: str) -> bool:
    """Whether the directories above a file have the mode and owner that `install` gives them."""
    for directory in (live, *(live / parent for parent in Path(name).parents)):
        try:
            held = directory.stat()
        except OSError:
            return False
        if (held.st_mode & 0o7777, held.st_uid) != (DIRECTORY_MODE, os.geteuid()):
            return False
    return True


def install(base: Path, files: dict[str, File]) -> None:
    """Make `base/current` lead to a new directory with exactly these files."""
    versions, live, number = base / "versions", current(base), upcoming(base)
    versions.mkdir(mode=0o755, parents=True, exist_ok=True)
    # half-made sets of runs that were killed, or that found no room
    for left in (n for n in _numbers(versions) if n >= number):
        remove(versions / str(left))
    new = versions / str(number)
    new.mkdir(mode=0o755)
    for name, file in files.items():
        target = new / name
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _write(target, file.octets)
        shutil.chown(target, file.owner, file.group)
        target.chmod(file.mode)
    for directory in (new, *(p for p in new.rglob("*") if p.is_dir())):
        directory.chmod(DIRECTORY_MODE)  # whatever the umask is: each file has its own mode
        _sync(directory)
    _sync(versions)
    link = base / "current.new"
    remove(link)
    link.symlink_to(new.relative_to(base))
    if live.is_dir() and not live.is_symlink():
        remove(live)  # somebody's copy, which no link can replace
    link.replace(live)
    _sync(base)
    # One older set is kept, for programs that have its files open and for people to compare.
    for old in sorted(_numbers(versions))[:-2]:
        remove(versions / str(old))


def upcoming(base: Path) -> int:
    """The number of the set that `install` makes next: `base/current` will lead to it."""
    live = current(base)
    used = live.readlink().name if live.is_symlink() else ""
    return 1 + (int(used) if used.isdigit() else max(_numbers(base / "versions"), default=0))


def _numbers(versions: Path) -> list[int]:
    return [int(p.name) for p in versions.glob("*") if p.name.isdigit()]


def untold(base: Path, everybody: Iterable[str]) -> set[str]:
    """The readers that have not reloaded since the last change; all if the list is damaged."""
    file = base / "untold.json"
    if not file.exists():
        return set()
    found = state_file.read(file, _names, None)
    if found is None:
        remove(file)
        return set(everybody)
    return found


def _names(found: object) -> set[str]:
    """Of a list of names; ValueError for anything else."""
    if not isinstance(found, list):
        raise ValueError("no list")
    return {str(name) for name in found}


def to_tell(base: Path, names: set[str]) -> None:
    """Write down which readers must reload, before the change; an empty set removes the list."""
    file = base / "untold.json"
    if names:
        write(file, json.dumps(sorted(names)))
    else:
        remove(file)


def _write(path: Path, octets: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        output.write(octets)
        output.flush()
        os.fsync(output.fileno())


def _sync(directory: Path) -> None:
    """Write a directory's names to disk, as its files already are (fsync(2))."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

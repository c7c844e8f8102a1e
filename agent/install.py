"""Installing a set of files as a whole: built beside the live one, then swapped by one rename."""

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class File:
    """A file's content and who may read it; owner and group by name."""

    content: str | bytes
    owner: str = "root"
    group: str = "root"
    mode: int = 0o600


def current(base: Path) -> Path:
    """The link to the set in use."""
    return base / "current"


def write(path: Path, text: str) -> None:
    """Write one file that is root's alone, as a whole whenever the power goes."""
    beside = path.with_name(f"{path.name}.new")
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    beside.replace(path)


def install(base: Path, files: dict[str, File]) -> None:
    """Make `base/current` lead to a new directory with exactly these files."""
    versions = base / "versions"
    versions.mkdir(mode=0o755, parents=True, exist_ok=True)
    numbers = [int(p.name) for p in versions.iterdir() if p.name.isdigit()]
    new = versions / str(max(numbers, default=0) + 1)
    new.mkdir(mode=0o755)
    for name, file in files.items():
        target = new / name
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        content = file.content.encode() if isinstance(file.content, str) else file.content
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        shutil.chown(target, file.owner, file.group)
        target.chmod(file.mode)
    for directory in [new, *(p for p in new.rglob("*") if p.is_dir())]:
        directory.chmod(0o755)  # whatever the umask: the files guard themselves
    link = base / "current.new"
    with contextlib.suppress(FileNotFoundError):
        link.unlink()
    link.symlink_to(new.relative_to(base))
    link.rename(current(base))
    os.sync()
    # One older set is kept, for those who have its files open and for the curious.
    for old in sorted(int(p.name) for p in versions.iterdir())[:-2]:
        shutil.rmtree(versions / str(old))

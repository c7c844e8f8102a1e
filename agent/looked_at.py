"""The parts of a host that its status covers: each folder of its templates has a file for that."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/usr/local/lib/mail-relay/status.d")


@dataclass(frozen=True)
class LookedAt:
    """The units and the file systems that mail needs; `unread` are the files with an error."""

    units: tuple[str, ...]
    disks: tuple[str, ...]
    unread: tuple[str, ...]


def read() -> LookedAt:
    """Read all files; a damaged one is reported in `unread`, and the others count."""
    found: dict[str, list[str]] = {"units": [], "disks": []}
    files, unread = sorted(FOLDER.glob("*.toml")), list[str]()
    for file in files:
        try:
            content = tomllib.loads(file.read_text())
            if not content.keys() & found.keys():  # empty, as a power cut may leave it
                raise ValueError("it names no units and no disks")
            if not all(isinstance(names, list) for names in content.values()):
                raise ValueError("it has something else than lists of names")
            for key in content.keys() & found.keys():
                found[key] += map(str, content[key])
        except (OSError, ValueError) as error:
            unread.append(f"{file} cannot be read: {error}")
    if not files:
        unread.append(f"{FOLDER} has no files")
    return LookedAt(tuple(found["units"]), tuple(found["disks"]), tuple(unread))

"""The lines that were added to a log since the last time, also while logrotate renames it."""

import os
from collections.abc import Iterator
from pathlib import Path

# How far each log was read, by its name: the file's inode, and the offset in bytes.
Read = dict[str, tuple[int, int]]


def added(log: Path, read: Read) -> Iterator[bytes]:
    """The whole lines since the last time, also of the log that was renamed since.

    `read` is where the next call goes on after each line that was taken. A log that it has no
    position of, or one that is in neither file, is new from its beginning on.
    """
    inode, offset = read.get(log.name, (None, 0))
    last = log.with_name(f"{log.name}.1")
    if _inode(last) == inode:
        yield from _lines(log.name, last, offset, read)
    if log.exists():
        known = _inode(log) == inode and offset <= log.stat().st_size
        yield from _lines(log.name, log, offset if known else 0, read)


def end(log: Path) -> tuple[int, int]:
    """The position behind all that a log has."""
    return _inode(log), log.stat().st_size


def _lines(name: str, file: Path, offset: int, read: Read) -> Iterator[bytes]:
    with file.open("rb") as lines:
        inode = os.fstat(lines.fileno()).st_ino
        read[name] = (inode, offset)
        lines.seek(offset)
        for line in lines:
            if not line.endswith(b"\n"):
                return  # the rest of it is yet to be written
            offset += len(line)
            read[name] = (inode, offset)
            yield line


def _inode(file: Path) -> int:
    """A file's inode; of none -1, which is nobody's."""
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return -1

"""A file replaced in one step: by its own owner's copy, and only if it is still what was read."""

import errno
import fcntl
import os
import pwd
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ops.errors import StackError
from ops.terminal import shown_path, slow

# Longer than Pulumi takes to encrypt a password; somebody who is asked for one may take longer.
PATIENCE_SECONDS = 30
POLL_SECONDS = 0.05
MOUNTED_ALONE = "; it is mounted alone, as Docker does with files: mount its folder instead"


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Hold the lock of the file's folder, which another edit waits for; StackError if it is held.

    It is the folder's, because an edit replaces the file. Without a lock, such as on NFS, which has
    none for folders, `replace` still refuses to undo what another edit has made.
    """
    try:
        folder = os.open(file.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # reading the file tells what is wrong
        yield
        return
    try:
        with slow(f"waiting for another command that edits {shown_path(file)}"):
            _lock(folder, file)
        yield
    finally:
        os.close(folder)


def _lock(folder: int, file: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise StackError(
                    f"{shown_path(file)}: another command has been editing it for "
                    f"{PATIENCE_SECONDS} s; nothing is changed: run the command again once that "
                    "one has ended"
                ) from None
            time.sleep(POLL_SECONDS)
        except OSError:
            return None


def replace(file: Path, was: bytes, octets: bytes) -> None:
    """Replace the content `was` of a file, of a link's true file; StackError leaves all as it is.

    Owner, group and mode stay.
    """
    name = shown_path(file)
    try:
        true = file.resolve(strict=True)
        with _beside(true) as (descriptor, copy):
            with os.fdopen(os.dup(descriptor), "wb") as written:
                written.write(octets)
            _keep_owner(descriptor, true.stat(), name)
            if true.read_bytes() != was:  # an editor's save, or a command without the lock
                raise StackError(
                    f"{name} was changed meanwhile; nothing is changed: run the command again"
                )
            copy.replace(true)
    except OSError as error:
        why = error.strerror or str(error)
        remedy = MOUNTED_ALONE if error.errno == errno.EBUSY else ""
        raise StackError(f"{name} cannot be written: {why}; nothing is changed{remedy}") from None


@contextmanager
def _beside(file: Path) -> Iterator[tuple[int, Path]]:
    """A new file in the same folder that nobody else can read; it is gone at the end."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        yield descriptor, Path(name)
    finally:
        os.close(descriptor)
        with suppress(OSError):  # it has its final name, or the file system has become read-only
            Path(name).unlink()


def _keep_owner(descriptor: int, was: os.stat_result, name: str) -> None:
    """Give a new file the owner, the group and the mode of the old one.

    Only root can give a file away, and others only to their own groups: StackError if then those
    who could read the file could no longer, or others could.
    """
    mode = stat.S_IMODE(was.st_mode)
    for owner in (was.st_uid, -1):
        with suppress(PermissionError):
            os.fchown(descriptor, owner, was.st_gid)
            break
    os.fchmod(descriptor, mode)
    now = os.fstat(descriptor)
    if now.st_gid != was.st_gid and mode >> 3 & 0o7 != mode & 0o7:
        what, remedy = f"its group {was.st_gid} is none of yours", "root"
    elif now.st_uid != was.st_uid and not _may_read(was.st_uid, now):
        remedy = _login(was.st_uid)
        what = f"it belongs to {remedy}, who could not read it afterwards"
    else:
        return
    raise StackError(
        f"{name} cannot be written: {what}; nothing is changed: run the command as {remedy}"
    )


def _may_read(user: int, file: os.stat_result) -> bool:
    """Whether a user who is not the owner may read a file."""
    try:
        entry = pwd.getpwuid(user)
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    except KeyError:  # an id without a name, such as in a container
        groups = []
    return bool(file.st_mode & (stat.S_IRGRP if file.st_gid in groups else stat.S_IROTH))


def _login(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)

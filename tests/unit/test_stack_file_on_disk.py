"""The stack's file on the disk: replaced as a whole or not at all, kept for its owner."""

import errno
import fcntl
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from editing import edit, stack_file

from common.errors import RelayError
from lab.wait import until
from ops import terminal
from ops.edit import replacing
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.target import AwsTarget

ADD = ("users", "add", "new@shop.example")
NOBODY = 65534
# The calls by which a copy is made, and takes the file's place.
MADE, REPLACED = (tempfile, "mkstemp"), (Path, "replace")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stack_file(tmp_path, monkeypatch)


@pytest.fixture
def untouched(file: Path) -> Iterator[None]:
    """The file and its folder are as before after the test."""
    before, status = file.read_bytes(), file.stat()
    yield
    assert file.read_bytes() == before
    assert (file.stat().st_ino, file.stat().st_mode) == (status.st_ino, status.st_mode)
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def fails(number: int) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return call


def logins(file: Path) -> list[str]:
    listed = yaml.safe_load(file.read_text())["config"]["mail-relay:logins"]
    return [login["address"] for login in listed]


def test_a_link_stays_one_and_its_true_file_is_edited(file: Path, tmp_path: Path) -> None:
    true = tmp_path / "elsewhere" / "prod.yaml"
    true.parent.mkdir()
    file.rename(true)
    file.symlink_to("middle")
    (tmp_path / "middle").symlink_to(true)
    assert edit(*ADD) is None
    assert file.is_symlink()
    assert (tmp_path / "middle").is_symlink()
    assert logins(true) == ["me@shop.example", "new@shop.example"]
    assert [path.name for path in true.parent.iterdir()] == ["prod.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_root_leaves_the_file_to_its_owner(file: Path) -> None:
    os.chown(file, NOBODY, NOBODY)
    file.chmod(0o640)
    assert edit(*ADD) is None
    status = file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (NOBODY, NOBODY, 0o640)


def _only_the_group(descriptor: int, owner: int, group: int) -> None:
    """What others than root may do: give their file to a group of their own."""
    if owner != -1:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
@pytest.mark.parametrize(("mode", "is_left"), [(0o600, True), (0o640, True), (0o644, False)])
def test_whoever_cannot_keep_the_owner_leaves_no_file_that_the_owner_cannot_read(
    file: Path, monkeypatch: pytest.MonkeyPatch, mode: int, is_left: bool
) -> None:
    os.chown(file, NOBODY, -1)
    file.chmod(mode)
    before = file.read_bytes()
    monkeypatch.setattr(replacing.os, "fchown", _only_the_group)
    error = edit(*ADD)
    assert (file.read_bytes() == before) == is_left
    assert (error is not None) == is_left
    if is_left:
        assert "it belongs to nobody, who could not read it afterwards; nothing is" in str(error)
        assert file.stat().st_uid == NOBODY


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("call", "number", "remedy"),
    [
        *((MADE, number, "") for number in (errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EIO)),
        (REPLACED, errno.EPERM, ""),
        (REPLACED, errno.EROFS, ""),
        (REPLACED, errno.EBUSY, replacing.MOUNTED_ALONE),
    ],
)
def test_what_the_disk_refuses_is_told_with_the_file_and_no_copy_is_left(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: tuple[Any, str], number: int, remedy: str
) -> None:
    monkeypatch.setattr(*call, fails(number))
    error = edit(*ADD)
    assert isinstance(error, StackError)
    why = os.strerror(number)
    assert str(error) == f"{file} cannot be written: {why}; nothing is changed{remedy}"


def test_what_an_editor_saves_meanwhile_is_kept(file: Path) -> None:
    found = StackFile(AwsTarget("prod"))
    found.add("logins", {"address": "new@shop.example"})
    file.write_text(f"{file.read_text()}# a note\n")
    saved = file.read_text()
    with pytest.raises(StackError, match="was changed meanwhile; nothing is changed: run the com"):
        found.save()
    assert file.read_text() == saved
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_edits_at_the_same_time_are_all_made(file: Path) -> None:
    names = [f"u{number}@shop.example" for number in range(4)]
    errors: list[BaseException] = []
    begun: list[str] = []

    def add(name: str) -> None:
        begun.append(name)
        with replacing.alone(file):
            found = StackFile(AwsTarget("prod"))
            found.add("logins", {"address": name})
            until("all have begun", lambda: len(begun) == len(names), 10)
            try:
                found.save()
            except RelayError as error:
                errors.append(error)

    threads = [threading.Thread(target=add, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sorted(logins(file)) == ["me@shop.example", *names]


@pytest.mark.usefixtures("untouched")
def test_an_edit_waits_for_another_and_says_so_but_not_for_ever(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(terminal.notes, "print", lambda *words: told.append(str(words[-1])))
    monkeypatch.setattr(terminal, "SLOW_SECONDS", 0.05)
    monkeypatch.setattr(replacing, "PATIENCE_SECONDS", 0.2)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        error = edit(*ADD)
    finally:
        os.close(folder)
    assert told == [f"waiting for another command that edits {file}"]
    assert isinstance(error, StackError)
    assert "another command has been editing it for 0.2 s; nothing is changed" in str(error)


def test_where_folders_have_no_locks_edits_are_made(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacing.fcntl, "flock", fails(errno.EBADF))  # as NFS answers
    assert edit(*ADD) is None
    assert logins(file) == ["me@shop.example", "new@shop.example"]

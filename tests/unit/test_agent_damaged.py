"""Any file of the agent may be damaged, and is whole again after two looks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from agent_host import AFTER, BEFORE, NEW, OLD, Host, settled


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that serves by the first tables."""
    return settled(Host(tmp_path / "host", monkeypatch))


def files_of(host: Host) -> list[str]:
    """What the agent keeps, and what it has installed."""
    names = ["bundle.json", "seen.json", "taken.json", "untold.json", "current", "../secret"]
    current = host.base / "current"
    return names + [f"current/{p.relative_to(current)}" for p in current.rglob("*") if p.is_file()]


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size or 7))


def away(path: Path) -> None:
    path.unlink(missing_ok=True)


def a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "x").touch()


def open_to_all(path: Path) -> None:
    path.chmod(0o666)


def too_deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def too_large(path: Path) -> None:
    """As large as no float is."""
    path.write_text('{"shop.example": {"key": "x", "at": 1' + "0" * 400 + "}}")


@pytest.mark.parametrize(
    "damage", [empty, half, zeros, away, a_folder, open_to_all, too_deep, too_large]
)
def test_any_file_may_be_damaged_and_is_whole_after_two_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    count = len(files_of(settled(Host(tmp_path / "one", monkeypatch))))
    assert count > 15
    for number in range(count):
        with monkeypatch.context() as patch:
            host = settled(Host(tmp_path / damage.__name__ / str(number), patch))
            name = files_of(host)[number]
            path = host.base / name
            if name == "untold.json":
                path.write_text('["postfix.service"]')
            if name == "current" and damage not in (away, a_folder):
                continue
            damage(path)
            host.boot()
            codes = [host.look(), host.look()]
            assert (host.is_right(BEFORE, OLD), codes[-1]) == ("", 0), name
            host.put(AFTER)
            assert host.look() == 0
            assert host.is_right(AFTER, NEW) == "", name


@pytest.mark.parametrize("damage", [empty, away, too_deep])
def test_a_key_that_signs_goes_on_while_no_name_server_answers(
    host: Host, damage: Callable[[Path], None]
) -> None:
    """Whatever became of the file that says which keys were seen."""
    host.dead_dns = True
    damage(host.base / "seen.json")
    assert host.look() == 0
    assert host.is_right(BEFORE, OLD) == ""
    host.put(AFTER)  # with a selector that nobody can look for
    assert host.look() == 0
    assert host.is_right(AFTER, OLD) == ""


@pytest.mark.parametrize("where", [".", "current", "current/keys", "current/keys/shop.example"])
def test_a_folder_that_lets_nobody_in_is_opened(host: Host, where: str) -> None:
    folder = host.base / where
    folder.chmod(0o700)
    assert host.look() == 0
    assert (host.base / where).stat().st_mode & 0o777 == 0o755
    assert host.is_right(BEFORE, OLD) == ""

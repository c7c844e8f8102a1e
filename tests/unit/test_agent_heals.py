"""The agent heals: from torn files, kills and power cuts at any line, full disks, no bucket."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agent_host import AFTER, BEFORE, NEW, OLD, SERVICES, Host, Killed, full_disk, settled

from agent import host_status, main, source


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that serves by the first tables."""
    return settled(Host(tmp_path / "host", monkeypatch))


def test_a_look_that_finds_nothing_new_tells_nobody_and_writes_nothing(host: Host) -> None:
    done: list[str] = []
    host.fault = lambda _, name, __: done.append(name)
    assert host.look() == 0
    assert (host.told, set(done) - {"mkdir"}) == ([], set())


def test_tables_are_put_in_force_and_whoever_lost_a_login_is_cut_off(host: Host) -> None:
    host.put(AFTER)
    assert host.look() == 0
    assert host.is_right(AFTER, NEW) == ""
    assert host.sessions == set()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"forwards": {}}, {"postfix.service"}),
        ({"srsSecret": "another-one-of-SRS"}, {"postsrsd.service"}),
        (
            {"logins": {**BEFORE["logins"], "me@shop.example": AFTER["logins"]["me@shop.example"]}},
            {"me@shop.example"},
        ),
        ({"domains": AFTER["domains"]}, {"opendkim.service"}),
    ],
)
def test_only_those_are_told_whom_a_change_concerns(
    host: Host, changed: dict[str, Any], told: set[str]
) -> None:
    host.put({**BEFORE, **changed})
    assert host.look() == 0
    assert set(host.told) - {"mail-relay-status.service"} == told


# What changes something, of all calls of a look.
EVERY = {"open", "replace", "symlink", "unlink", "mkdir", "rmtree", "chmod", "chown", "run"}
EVERY |= {"fsync"}


def about_to_change(host: Host, fresh: bool) -> Host:
    if not fresh:
        settled(host)
    host.put(AFTER)
    host.calls = 0
    return host


def calls_of_a_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool, kinds: set[str]
) -> list[int]:
    """The numbers of the calls of these kinds that the change makes."""
    found: list[int] = []
    with monkeypatch.context() as patch:
        host = about_to_change(Host(folder, patch), fresh)
        host.fault = lambda calls, name, _: found.append(calls) if name in kinds else None
        assert host.look() == 0
    return found


def kill_before(host: Host, number: int) -> Callable[..., None]:
    def fault(calls: int, name: str, arguments: tuple[Any, ...]) -> None:
        if calls == number:
            raise Killed

    return fault


def kill_with_half_a_file(host: Host, number: int) -> Callable[..., None]:
    def fault(calls: int, name: str, arguments: tuple[Any, ...]) -> None:
        if calls == number:
            if name == "fsync" and Path(f"/proc/self/fd/{arguments[0]}").is_file():
                os.ftruncate(arguments[0], os.fstat(arguments[0]).st_size // 2)
            raise Killed

    return fault


def no_room(host: Host, number: int) -> Callable[..., None]:
    def fault(calls: int, name: str, arguments: tuple[Any, ...]) -> None:
        if calls == number and name != "run":
            raise full_disk()

    return fault


def failing_command(host: Host, number: int) -> Callable[..., None]:
    def fault(calls: int, name: str, arguments: tuple[Any, ...]) -> None:
        host.failing = set(SERVICES) if calls >= number else set()

    return fault


@pytest.mark.parametrize(
    ("fault", "at", "reboots", "fresh"),
    [
        (kill_before, EVERY - {"fsync"}, False, False),
        (kill_before, EVERY - {"fsync"}, False, True),
        (kill_with_half_a_file, {"fsync"}, False, False),
        (kill_with_half_a_file, {"fsync"}, True, False),
        (no_room, {"open", "mkdir", "symlink"}, False, False),
        (failing_command, {"run"}, False, False),
        (failing_command, {"run"}, False, True),
    ],
)
def test_a_fault_at_any_call_is_mended_by_the_next_two_looks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[Host, int], Callable[..., None]],
    at: set[str],
    reboots: bool,
    fresh: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong, codes = [], set[int]()
    numbers = calls_of_a_change(tmp_path / "whole", monkeypatch, fresh, at)
    for number in numbers:
        with monkeypatch.context() as patch:
            host = about_to_change(Host(tmp_path / str(number), patch), fresh)
            host.fault = fault(host, number)
            with contextlib.suppress(Killed):
                codes.add(host.look())
            assert host.calls >= number
            host.fault, host.failing = lambda *_: None, set()
            if reboots:
                host.boot()
            ends = [host.look(), host.look()]
            if (left := host.is_right(AFTER, NEW)) or ends[-1] != 0 or host.sessions & gone(fresh):
                wrong.append((number, left, ends, host.sessions))
        shutil.rmtree(tmp_path / str(number))
    assert wrong == []
    assert len(numbers) > 3
    assert "Traceback" not in capsys.readouterr().out
    assert (1 in codes) is (fault in (no_room, failing_command))


def gone(fresh: bool) -> set[str]:
    """Whose sessions must have ended."""
    return set() if fresh else {"me@shop.example", "you@shop.example"}


def test_a_service_that_cannot_be_told_is_told_by_the_next_look(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.failing = {"postfix.service"}
    host.put(AFTER)
    assert host.look() == 1
    assert "<3>postfix.service could not be told of new tables" in capsys.readouterr().out
    assert host.look() == 1
    host.failing = set()
    assert host.look() == 0
    assert host.is_right(AFTER, NEW) == ""


def test_a_program_that_hangs_is_run_once_in_a_look_for_each_set(host: Host) -> None:
    """systemd would end the look before it has told the others."""
    host.hanging = {"systemctl"}
    host.put(AFTER)
    assert host.look() == 1
    told = [name for name in host.told if name.endswith(".service")]
    # once before name servers are asked, and once after
    assert len([name for name in told if name != "mail-relay-status.service"]) == 2
    host.hanging = set()
    assert host.look() == 0
    assert host.is_right(AFTER, NEW) == ""
    assert host.sessions == set()


def test_who_was_told_is_not_told_again_if_the_next_one_hangs(host: Host) -> None:
    host.hanging = {"systemctl"}
    host.put(AFTER)
    assert host.look() == 1
    owed = json.loads((host.base / "untold.json").read_text())
    assert [name for name in owed if name.startswith("imap ")] == []
    assert "postfix.service" in owed


def test_tables_that_the_network_cut_off_are_no_wrong_tables(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.put(AFTER)
    host.cut_off = True
    assert host.look() == 0
    assert "curl: (18) transfer closed" in capsys.readouterr().out
    host.cut_off = False
    assert host.look() == 0
    assert host.is_right(AFTER, NEW) == ""


def test_bad_tables_in_the_bucket_keep_nobody_from_mending_what_is_installed(host: Host) -> None:
    good = host.object
    host.put(b"[" * 100_000)
    (host.base / "current" / "KeyTable").write_text("")
    assert host.look() == 1
    host.object = good
    assert host.is_right(BEFORE, OLD) == ""


@pytest.mark.parametrize("key", ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_is_none_is_named_and_nothing_of_its_tables_is_installed(
    host: Host, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = host.object, json.loads(json.dumps(AFTER))
    bad["domains"]["shop.example"]["selectors"][1]["privateKey"] = key
    host.put(bad)
    assert host.look() == 1
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("<3>")]
    assert "domains.shop.example.selectors.s2: not an RSA private key in PEM" in line
    host.object = good
    assert host.is_right(BEFORE, OLD) == ""


@pytest.mark.parametrize("answer", ["AccessDenied", "404", "400", "no network"])
def test_a_bucket_that_gives_nothing_is_an_error_after_some_minutes(
    host: Host,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = main.time.monotonic()
    good, host.object = host.object, answer
    for minutes, code in ((0, 0), (4, 0), (6, 1), (7, 1)):
        monkeypatch.setattr(main.time, "monotonic", lambda m=minutes: now + 60 * m)
        assert host.look() == code, minutes
    assert "is not to be had" in capsys.readouterr().out
    assert json.loads((host.run / "tables.json").read_text())["problem"]
    host.object = good
    assert host.look() == 0
    assert json.loads((host.run / "tables.json").read_text())["problem"] == ""
    assert host.is_right(BEFORE, OLD) == ""


def test_a_host_that_has_no_tables_yet_asks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path / "new", monkeypatch)
    host.object = "404"
    assert host.look() == 0
    settled(host)


def test_what_is_installed_is_mended_while_the_bucket_is_away(host: Host) -> None:
    good, host.object = host.object, "AccessDenied"
    (host.base / "current" / "KeyTable").write_text("")
    assert host.look() == 0
    host.object = good
    assert host.is_right(BEFORE, OLD) == ""


def test_older_tables_are_taken_and_said(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.put(AFTER)
    assert host.look() == 0
    assert "logins: gone you@shop.example; changed me@shop.example" in capsys.readouterr().out
    host.put(BEFORE)
    assert host.look() == 0
    assert "<5>these tables were in use before, since 20" in capsys.readouterr().out
    assert host.is_right(BEFORE, NEW | {"shop.example": "s1"}) == ""


def test_a_clock_that_is_wrong_is_said_once(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.clock_off = 86_400
    assert host.look() == 0
    assert "<3>this host's clock and the bucket's differ by 864" in capsys.readouterr().out
    assert host.look() == 0
    assert "clock" not in capsys.readouterr().out
    assert json.loads((host.run / "tables.json").read_text())["clock_off"] > 86_000


def test_what_is_kept_is_its_own_etag(host: Host) -> None:
    assert isinstance(host.object, bytes)
    assert source.read_kept(host.base) == host.object
    assert host_status.VERSION == 5


def test_logins_do_not_wait_for_name_servers(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody_answers(*_: object) -> Any:
        (line,) = [x for x in passwords(host) if x.startswith("me@")]
        assert line == "me@shop.example:{PLAIN}other-123"
        return None

    monkeypatch.setattr("agent.published.shown", nobody_answers)
    host.put(AFTER)
    assert host.look() == 0
    assert host.is_right(AFTER, OLD) == ""


def passwords(host: Host) -> list[str]:
    return (host.base / "current" / "passwords.smtp").read_text().splitlines()


SMARTHOST = {"destination": "[smtp.x.example]:587", "accounts": []}


@pytest.mark.parametrize(
    ("made_with", "others", "why"),
    [
        (["mailbox_files"], {"mailboxes": None}, "it has no mailboxes, this host was made with"),
        ([], {}, "it needs mailbox_files.py, this host was made without"),
        (
            ["mailbox_files", "smarthost"],
            {},
            "it has no smarthost, this host was made with smarthost.py",
        ),
        (
            ["mailbox_files"],
            {"smarthost": SMARTHOST},
            "it needs smarthost.py, this host was made without",
        ),
    ],
)
def test_tables_of_a_host_with_other_parts_change_nothing(
    host: Host,
    capsys: pytest.CaptureFixture[str],
    made_with: list[str],
    others: dict[str, Any],
    why: str,
) -> None:
    """An older version that was put back, or the tables of the host that is to replace this one."""
    before = {p.name: p.read_bytes() for p in (host.base / "current").iterdir() if p.is_file()}
    for file in host.made_with.iterdir():
        file.unlink()
    for name in made_with:
        (host.made_with / f"{name}.py").touch()
    changed = {**AFTER, **others}
    host.put({key: value for key, value in changed.items() if value is not None})
    assert host.look() == 1
    assert why in capsys.readouterr().out
    assert host.told == []
    assert host.secret.read_text() == BEFORE["srsSecret"] + "\n"
    now = {p.name: p.read_bytes() for p in (host.base / "current").iterdir() if p.is_file()}
    assert now == before

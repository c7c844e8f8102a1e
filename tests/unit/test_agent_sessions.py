"""Sessions of a former password: how they end, and that nothing else waits for that."""

import json
from pathlib import Path

import pytest
from agent_host import AFTER, BEFORE, NEW, Host, settled

from agent import readers


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host that serves by the first tables."""
    return settled(Host(tmp_path / "host", monkeypatch))


def test_exchanges_that_are_half_done_end_before_the_sessions_and_these_are_ended_twice(
    host: Host,
) -> None:
    """DIGEST-MD5's password is checked before the last line of the exchange."""
    logins = {**BEFORE["logins"], "me@shop.example": AFTER["logins"]["me@shop.example"]}
    host.mechanisms = b"plain login digest-md5\n"
    host.put({**BEFORE, "logins": logins})
    assert host.look() == 0
    told = [name for name in host.told if not name.endswith(".service")]
    assert told == ["pid 70", "pid 72", "me@shop.example", "me@shop.example"]


def owed(host: Host) -> set[str]:
    file = host.base / "untold.json"
    return set(json.loads(file.read_text())) if file.exists() else set()


def test_with_dovecot_down_nobody_is_logged_in_and_it_is_asked_once(host: Host) -> None:
    """Each question takes five seconds then."""
    host.dovecot_down = True
    host.put(AFTER)
    assert host.look() == 0
    assert host.later == 5
    assert owed(host) == set()


def test_one_session_that_hangs_keeps_no_others(host: Host) -> None:
    host.hanging = {"me@shop.example"}
    host.put(AFTER)
    assert host.look() == 1
    assert host.sessions == {"me@shop.example"}
    assert owed(host) == {"imap me@shop.example"}


@pytest.mark.parametrize("fault", ["doveconf is away", "doveadm is away", "doveconf fails"])
def test_sessions_are_owed_while_nobody_knows_of_exchanges_and_all_others_are_told(
    host: Host, fault: str
) -> None:
    program, _, what = fault.partition(" ")
    host.absent, host.unanswered = ({program}, 0) if what == "is away" else (set(), 89)
    host.put(AFTER)
    assert host.look() == 1
    assert owed(host) == {"imap me@shop.example", "imap you@shop.example"}
    host.absent, host.unanswered = set(), 0
    assert host.look() == 0
    assert host.is_right(AFTER, NEW) == ""
    assert host.sessions == set()


def test_sessions_have_their_time_however_many_they_are(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd would end a look before it has done anything for good."""
    host.hanging = {"doveadm"}
    host.told.clear()
    seconds = readers.DOVEADM_SECONDS
    monkeypatch.setattr(readers.time, "monotonic", lambda: float(seconds * len(host.told)))
    names = {f"imap u{number}@shop.example" for number in range(200)}
    assert readers.end_sessions(names) == set()
    assert seconds * len(host.told) < 20

"""The guard's table: what is in it, and what a session goes by while it changes."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from agent import gateway_files, install, state_file
from agent.guard import originating, tables
from agent.guard.message import Message
from agent.guard.tables import SETTLED, Kept, Tables, read

ME, OTHER = "me@shop.example", "you@relay.example"


def bundle(chosen: str = "secret-1", send_as: tuple[str, ...] = (ME,)) -> dict[str, Any]:
    return {
        "gateways": ["mail.relay.example"],
        "srsSecret": "0123456789",
        "domains": {"shop.example": {}, "relay.example": {}},
        "logins": {ME: {"password": chosen, "sendAs": list(send_as)}},
    }


def test_the_table_says_who_signs_for_a_domain_and_what_a_login_may() -> None:
    text = gateway_files.guard(bundle(), {"relay.example": "s1"}, 1, {})
    found = read(text.encode())
    assert found.signed_by == {
        "shop.example": None,
        "relay.example": "relay.example",
        "mail.relay.example": "relay.example",
    }
    assert found.logins[ME].send_as == {ME}
    assert "secret-1" not in text


def test_a_logins_proof_changes_with_its_password_alone() -> None:
    def proof(*args: Any) -> str:
        return read(gateway_files.guard(bundle(*args), {}, 1, {}).encode()).logins[ME].proof

    assert proof() == proof() == proof("secret-1", (ME, OTHER))
    assert proof() != proof("secret-2")


def test_two_logins_of_one_password_have_two_proofs() -> None:
    both = bundle()
    both["logins"][OTHER] = both["logins"][ME]
    logins = read(gateway_files.guard(both, {}, 1, {}).encode()).logins
    assert logins[ME].proof != logins[OTHER].proof


def test_a_new_table_is_seen_at_the_next_message(tmp_path: Path) -> None:
    file = tmp_path / "guard.json"
    file.write_text(gateway_files.guard(bundle(), {}, 1, {}))
    kept = Kept(file)
    before = kept.now()
    assert kept.now() is before
    beside = tmp_path / "new"
    beside.write_text(gateway_files.guard(bundle("secret-2"), {}, 2, {}))
    beside.replace(file)
    assert kept.now() != before
    file.unlink()
    with pytest.raises(OSError, match="No such file"):
        kept.now()


class Live:
    """Tables that are installed as the agent does it, and a clock."""

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._base = base
        self.kept = Kept(base / "current" / "guard.json")
        self.later = 0.0
        real = time.time
        monkeypatch.setattr(tables.time, "time", lambda: real() + self.later)
        monkeypatch.setattr(shutil, "chown", lambda *_: None)

    def install(self, *args: Any) -> None:
        current = self._base / "current"
        lost = None if current.exists() else {}
        former = state_file.read(current / "guard.json", gateway_files.former_logins, lost)
        number = install.upcoming(self._base)
        text = gateway_files.guard(bundle(*args), {"shop.example": "s1"}, number, former)
        install.install(self._base, {"guard.json": install.File(text)})

    def refuses(self, begun: Tables) -> bool:
        """Whether a session that began with these tables hears that it shall log in again."""
        headers = [("DKIM-Signature", b" d=shop.example"), ("From", f" {ME}".encode())]
        verdict = originating.by_login(Message(login=ME, headers=headers), self.kept.now(), begun)
        assert verdict.code in ("", "421")
        return verdict.code == "421"


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    made = Live(tmp_path, monkeypatch)
    made.install()
    return made


@pytest.mark.parametrize("more", [(), (("secret-2", (ME, OTHER)),)], ids=["one", "another set"])
def test_a_session_of_the_second_in_which_its_password_changes_is_cut_off(
    live: Live, more: tuple[Any, ...]
) -> None:
    """Dovecot takes a former password until it looks at its file again."""
    live.install("secret-2")
    for args in more:
        live.install(*args)
    assert live.refuses(live.kept.begun())
    live.later = SETTLED
    assert not live.refuses(live.kept.begun())


def test_a_session_of_the_second_in_which_rights_change_goes_on(live: Live) -> None:
    before = live.kept.begun()
    live.install("secret-1", (ME, OTHER))
    assert not live.refuses(live.kept.begun())
    assert live.refuses(before)


def test_a_password_of_a_minute_ago_is_no_reason_when_rights_change(
    live: Live, tmp_path: Path
) -> None:
    live.install("secret-2")
    minute_ago = time.time() - 60
    os.utime(tmp_path / "versions" / "2", (minute_ago, minute_ago))
    live.install("secret-2", (ME, OTHER))
    assert not live.refuses(live.kept.begun())


def test_a_new_login_may_send_at_once(live: Live) -> None:
    assert not live.refuses(live.kept.begun())


def test_a_session_ends_even_if_its_password_has_come_back(live: Live) -> None:
    """It may have logged in by the one between, which nobody told the guard."""
    before = live.kept.begun()
    live.install("secret-2")
    live.install("secret-1")
    assert live.refuses(before)


@pytest.mark.parametrize("damage", ["", "{", '{"logins": {"me@shop.example": {"proof": "1"}}}'])
def test_without_the_former_table_every_password_counts_as_new(
    live: Live, damage: str, tmp_path: Path
) -> None:
    (tmp_path / "current" / "guard.json").write_text(damage)
    live.install("secret-2")
    assert live.kept.now().logins[ME].since == 2
    assert live.refuses(live.kept.begun())

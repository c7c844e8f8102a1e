"""How much is taken from whom, and what is told: the decisions that need no host."""

import copy
import datetime
import json
import os
import sqlite3
import subprocess
import time
import types
from pathlib import Path
from typing import Any

import pytest
from test_agent import GATEWAY
from test_user_data import GATEWAY as GATEWAY_HOST

from agent import guessing, limits, limits_watch, tell, watch
from agent.bundle import BadBundle, parse
from agent.guard import room
from agent.host_status import Disk
from cloudinit import files
from settings import SettingsError, read

BASE: dict[str, Any] = {
    "gateway": {"name": "mail.relay.example"},
    "domains": [{"name": "relay.example"}, {"name": "shop.example"}],
    "operator": "ops@inbox.example",
    "clients": [{"name": "app.shop.example"}],
    "logins": [{"address": "me@shop.example"}],
}
HOST = "mail.relay.example"


def limited(**values: int) -> dict[str, Any]:
    bundle = copy.deepcopy(GATEWAY)
    bundle["logins"]["me@shop.example"]["limits"] = dict.fromkeys(limits.KEYS, 0) | values
    return bundle


def test_a_login_has_the_stacks_limits_unless_it_has_its_own() -> None:
    own = {"address": "news@shop.example", "limits": {"recipientsPerHour": 9000}}
    settings = read(
        {
            **BASE,
            "limits": {"login": {"messagesPerHour": 7}},
            "logins": [*BASE["logins"], own],
        }
    )
    me, news = (settings.limits_of(login) for login in settings.logins)
    assert (me.messages_per_hour, me.recipients_per_hour) == (7, 1000)
    assert (news.messages_per_hour, news.recipients_per_hour) == (7, 9000)


def test_a_clients_programs_send_as_much_as_they_can_unless_told_otherwise() -> None:
    free = read(BASE)
    assert not any(free.limits_of(free.clients[0]).model_dump().values())
    client = {"name": "app.shop.example", "limits": {"messagesPerDay": 100}}
    held = read({**BASE, "clients": [client]})
    chosen = held.limits_of(held.clients[0])
    assert (chosen.messages_per_day, chosen.messages_per_hour) == (100, 0)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"login": {"messagesPerHour": -1}}, "limits.login.messagesPerHour"),
        ({"login": {"messages": 1}}, "limits.login.messages"),
        ({"guessing": {"failures": 1}}, "limits.guessing.failures"),
        ({"strangers": {"connections": 0}}, "limits.strangers.connections"),
    ],
)
def test_limits_that_cannot_be_are_refused(given: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsError, match=f"mail-relay:{key}"):
        read({**BASE, "limits": given})


def test_messages_and_recipients_are_counted_apart_by_the_hour_and_the_day() -> None:
    bundle = limited(messagesPerHour=5, messagesPerDay=50, recipientsPerHour=8)
    texts = limits.texts(parse(json.dumps(bundle).encode(), HOST, "gateway"))
    messages = json.loads(texts["limits/messages.yaml"])
    recipients = json.loads(texts["limits/recipients.yaml"])
    assert messages["limits_by_id"]["me@shop.example"] == [[5, 3600], [50, 86400]]
    assert recipients["limits_by_id"]["me@shop.example"] == [[8, 3600]]
    assert (messages["count_mode"], recipients["count_mode"]) == (2, 1)
    assert messages["fail_action"].startswith("450 4.7.1 ")
    assert messages["SOCKET"] != recipients["SOCKET"]
    assert texts["unlimited"] == "relay@app.shop.example OK\n"


@pytest.mark.parametrize("value", [-1, "5", 1.5, True, None])
def test_a_limit_that_is_no_number_makes_a_bad_bundle(value: Any) -> None:
    with pytest.raises(BadBundle, match="limits"):
        parse(json.dumps(limited(messagesPerHour=value)).encode(), HOST, "gateway")


@pytest.mark.parametrize("hosts", [["10.0.0.1/8"], ["::1"], "10.0.0.1", [1], ["10.0.0.01"]])
def test_hosts_are_addresses(hosts: Any) -> None:
    with pytest.raises(BadBundle, match="hosts"):
        parse(json.dumps({**GATEWAY, "hosts": hosts}).encode(), HOST, "gateway")


NOW = datetime.datetime(2030, 1, 1, 12, tzinfo=datetime.UTC)
SMTP = "postfix/submission/smtpd[7]: warning: unknown[{}]: SASL PLAIN authentication failed: "
IMAP = "dovecot: auth({},{},sasl:plain)<x7>: passwd-file: {}"


def failures(*lines: tuple[int, str]) -> str:
    times = [(NOW - datetime.timedelta(minutes=ago), said) for ago, said in lines]
    return "".join(f"{time.isoformat()} mail {said}\n" for time, said in times)


def of(text: str, address: str) -> set[str]:
    """The logins that count now."""
    return guessing.logins(text.splitlines(), address, NOW.timestamp(), 10)


def test_only_an_addresss_own_recent_failures_count() -> None:
    ours = SMTP.format("192.0.2.7") + "authentication failure, sasl_username={}"
    others = SMTP.format("192.0.2.77") + "authentication failure, sasl_username={}"
    text = "cut off\n" + failures(
        (1, ours.format("me@shop.example")),
        (2, ours.format("Me@shop.example")),
        (3, IMAP.format("you@shop.example", "192.0.2.7", "Password mismatch")),
        (3, IMAP.format("nobody@shop.example", "192.0.2.7", "unknown user")),
        (4, IMAP.format("else@shop.example", "192.0.2.70", "Password mismatch")),
        (5, others.format("other@shop.example")),
        (20, ours.format("old@shop.example")),
    )
    assert of(text, "192.0.2.7") == {f"{name}@shop.example" for name in ("me", "you", "nobody")}


def test_what_a_stranger_writes_is_nobodys_failure() -> None:
    name = (
        "a,192.0.2.7,sasl:plain)<a>: passwd-file: unknown user [192.0.2.7]: SASL, sasl_username=b"
    )
    refused = f'postfix/smtpd[7]: NOQUEUE: reject: RCPT from unknown[192.0.2.9]: 554 <"{name}"@'
    smtp = SMTP.format("192.0.2.9") + f"authentication failure, sasl_username={name}"
    imap = IMAP.format(name, "192.0.2.9", "unknown user")
    assert of(failures((1, refused), (1, smtp), (1, imap)), "192.0.2.7") == set()
    assert of(failures((1, smtp)), "192.0.2.9") == {name.lower()}
    assert of(failures((1, imap)), "192.0.2.9") == {name.lower()}


GUESSER, OTHER = "192.0.2.7", "192.0.2.8"
GUESSES = failures(
    *(
        (20 - n, SMTP.format(GUESSER) + f"authentication failure, sasl_username=u{n}@shop.example")
        for n in range(5)
    )
)
# of many addresses, as of a distributed attack: more than a megabyte since
FLOOD = failures(*[(1, SMTP.format(OTHER) + "x" * 400 + ", sasl_username=x")] * 4000)
JUDGED = NOW - datetime.timedelta(minutes=15)


@pytest.mark.parametrize(
    ("rotated", "log"),
    [
        ("", GUESSES),
        ("", GUESSES + FLOOD),
        (GUESSES, FLOOD),
        ("".join(GUESSES.splitlines(True)[:2]), "".join(GUESSES.splitlines(True)[2:])),
        (GUESSES, None),
    ],
    ids=["at once", "before a flood", "before the rotation", "around it", "no new log yet"],
)
def test_a_guesser_is_banned_whatever_was_logged_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rotated: str, log: str | None
) -> None:
    """fail2ban's verdict of a quarter of an hour ago, which it begins anew when it is started."""
    if log is not None:
        (tmp_path / "log").write_text(log)
    (tmp_path / "log.1").write_text(rotated)
    monkeypatch.setattr(guessing, "LOG", tmp_path / "log")
    monkeypatch.setattr(guessing, "ROTATED", tmp_path / "log.1")
    monkeypatch.setattr(guessing, "is_own", lambda _: False)
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(guessing, "nft", lambda *words: done.append(words))
    moment = f"{JUDGED.timestamp():.2f}"
    monkeypatch.setattr(guessing.sys, "argv", ["", GUESSER, "3600", moment, "10", "5"])
    guessing.main()
    assert done[-1] == ("add", "banned", f"{GUESSER} timeout 3600s")
    # guesses of another hour are none of this verdict's
    moment = f"{(JUDGED - datetime.timedelta(hours=1)).timestamp():.2f}"
    monkeypatch.setattr(guessing.sys, "argv", ["", GUESSER, "3600", moment, "10", "5"])
    guessing.main()
    assert done[-1] == ("add", "slowed", f"{GUESSER} timeout 3600s")


def test_fail2ban_tells_when_it_judged_and_of_longer_times() -> None:
    made = files(GATEWAY_HOST)
    action = made["etc/fail2ban/action.d/mail-relay.conf"]
    assert "guessing.py <ip> <bantime> <time> 10 5\n" in action
    assert "actionprolong = <actionban>\n" in action
    # what was rotated is read as it is
    rules = made["etc/logrotate.d/rsyslog"].partition("/var/log/mail-failures.log")[2]
    assert "\tdelaycompress\n" in rules


def counts(folder: Path, rows: list[tuple[str, int, int]]) -> Path:
    file = folder / "counts.sqlite3"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE limit_report (id TEXT, delta INT, hit INT)")
        database.execute("CREATE TABLE mail_count (id TEXT, date INT, recipient_count INT)")
        database.executemany("INSERT INTO limit_report VALUES (?, ?, ?)", rows)
        database.executemany(
            "INSERT INTO mail_count VALUES ('x', ?, 1)", [(0,), (int(NOW.timestamp()),)]
        )
    return file


def test_a_refusal_is_taken_once_and_old_counts_are_forgotten(tmp_path: Path) -> None:
    file = counts(tmp_path, [("me@shop.example", 3600, 4)])
    now = NOW.timestamp()
    assert limits_watch.refusals(file, now) == [("me@shop.example", 3600, 4)]
    assert limits_watch.refusals(file, now) == []
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT COUNT(*) FROM mail_count").fetchone() == (1,)


@pytest.mark.parametrize(
    ("life", "left", "told"),
    [(90, 31, False), (90, 21, False), (90, 19, True), (45, 12, False), (45, 10, True)],
)
def test_a_certificate_that_is_not_renewed_is_told_before_it_ends(
    life: int, left: int, told: bool
) -> None:
    ends = NOW + datetime.timedelta(days=left)
    said = watch.ends_soon(ends - datetime.timedelta(days=life), ends, NOW)
    assert (f"ends in {left} days" in said) is told


def test_a_certificate_that_has_ended_says_so() -> None:
    ended = NOW - datetime.timedelta(hours=1)
    assert "has ended" in watch.ends_soon(ended - datetime.timedelta(days=90), ended, NOW)


def test_a_file_system_is_told_when_bytes_or_files_run_out() -> None:
    def disk(free: int, inodes: float) -> Disk:
        return Disk("/srv/mail", free << 20, 1000 << 20, inodes)

    assert list(watch.room((disk(200, 0.5),))) == []
    assert "50 MiB left of 1000" in next(watch.room((disk(50, 0.5),)))
    assert "inodes" in next(watch.room((disk(200, 0.05),)))


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What `tell` sends of a daemon that was killed and runs again."""
    sent: list[str] = []
    shown = {"Type": "notify", "ActiveState": "active", "NRestarts": "1", "Description": "A daemon"}

    def run(command: list[str], **given: Any) -> Any:
        if command[0] == "sendmail":
            sent.append(given["input"])
        said = "killed\x1b[2J\n" if command[0] == "journalctl" else ""
        return subprocess.CompletedProcess(command, 0, said)

    monkeypatch.setattr(tell, "TOLD", tmp_path)
    monkeypatch.setattr(
        tell, "properties", lambda unit, *names: {n: shown.get(n, "") for n in names}
    )
    monkeypatch.setattr(tell.subprocess, "run", run)
    monkeypatch.setattr(tell.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(tell.sys, "argv", ["tell.py", "x.service"])
    return sent


def test_a_unit_is_told_once_a_day_and_its_words_cannot_move_a_terminal(
    letters: list[str], tmp_path: Path
) -> None:
    assert tell.main() == tell.main() == 0
    (letter,) = letters
    assert letter.startswith("Subject: x.service failed at ")
    assert "It runs again" in letter
    assert "killed?[2J" in letter
    yesterday = time.time() - tell.DAY - 1
    os.utime(tmp_path / "x.service", (yesterday, yesterday))
    tell.main()
    assert len(letters) == 2


@pytest.mark.parametrize(
    ("shown", "letter"),
    [
        ({"Type": "oneshot", "Result": "success", "ActiveState": "inactive"}, False),
        # the firewall's unit, which remains active
        ({"Type": "oneshot", "Result": "success", "ActiveState": "active"}, False),
        ({"Type": "oneshot", "Result": "success", "ActiveState": "activating"}, True),
        ({"Type": "oneshot", "Result": "exit-code", "ActiveState": "failed"}, True),
    ],
)
def test_what_succeeds_at_its_next_run_is_not_told(
    letters: list[str], monkeypatch: pytest.MonkeyPatch, shown: dict[str, str], letter: bool
) -> None:
    moments = iter(range(0, 1000, 10))
    monkeypatch.setattr(tell.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(
        tell, "properties", lambda unit, *names: {n: shown.get(n, "") for n in names}
    )
    assert tell.main() == 0
    assert bool(letters) is letter


@pytest.mark.parametrize(
    ("daemon", "free", "refused"),
    [("inbound", 50, True), ("submission", 50, False), ("submission", 10, True)],
)
def test_strangers_leave_files_for_our_own_users(
    monkeypatch: pytest.MonkeyPatch, daemon: str, free: int, refused: bool
) -> None:
    held = types.SimpleNamespace(f_files=1000, f_favail=free)
    monkeypatch.setattr(room.os, "statvfs", lambda path: held)
    found = room.refusal(daemon)
    assert (found is not None and found.code[0] == "4") is refused

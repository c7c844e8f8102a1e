"""Waiting for a host: what ends it, and what it says meanwhile."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agent.host_status import LIMIT, BadStatus, Queue, Setup, Status, Tables, parse
from components import serving
from components.serving import NotServing, Seen, wait

HOST, INSTANCE = "mail.relay.example", "i-1"


def status(missing: tuple[str, ...] = (), state: Any = "done", **changes: Any) -> Status:
    setup = Setup(state, missing[0] if missing else "", 0, ("last words",))
    fields = {
        "version": 1,
        "host": HOST,
        "instance": INSTANCE,
        "boot": "b",
        "written": "2026-01-01T00:00:00+00:00",
        "setup": setup,
        "missing": missing,
        "stopped": (),
        "tables": Tables("e", "success", 1.0),
        "signing": {},
        "queue": Queue(0, 0, 0.0, ()),
        "certificate": "",
        "disks": (),
        "egress": None,
    }
    return Status(**{**fields, **changes})


def waited(*seen: Seen, console: str = "", seconds: float = 5.0) -> list[str]:
    """What is told while the looks show these one after another, the last one for ever."""
    told: list[str] = []
    left = list(seen)
    look: Callable[[], Seen] = lambda: left.pop(0) if len(left) > 1 else left[0]  # noqa: E731
    asyncio.run(wait(HOST, INSTANCE, look, lambda: console, seconds, told.append))
    return told


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(serving, "CONSOLE_SECONDS", 0.002)


NOTHING = Seen(None, 0.0)


def test_each_step_is_told_once_until_the_host_serves() -> None:
    looks = [
        NOTHING,
        NOTHING,
        Seen(status(("packages",), "running"), 1.0),
        Seen(status(("packages",), "running"), 2.0),
        Seen(status(("certificate",)), 3.0),
        Seen(status(), 4.0),
    ]
    assert waited(*looks) == ["starts", "packages", "certificate", "serves"]


def test_what_was_written_before_does_not_count() -> None:
    """A host that is stopped and started for another type has said before that it serves."""
    with pytest.raises(NotServing, match="does not serve"):
        waited(Seen(status(), 7.0), seconds=0.05)
    assert waited(Seen(status(), 7.0), Seen(status(), 7.0), Seen(status(), 8.0))[-1] == "serves"


def test_the_last_instances_word_does_not_count() -> None:
    other = status(instance="i-0")
    with pytest.raises(NotServing, match="written nothing of itself yet"):
        waited(NOTHING, Seen(other, 9.0), seconds=0.05)


def test_a_cause_that_does_not_pass_ends_the_waiting_with_the_hosts_words() -> None:
    failed = status(("data volume",), "failed")
    with pytest.raises(NotServing, match=r"(?s)cannot be set up.*data volume.*last words"):
        waited(NOTHING, Seen(failed, 1.0), seconds=3600)


@pytest.mark.parametrize(
    "line",
    [
        "cc_scripts_per_boot.py[WARNING]: Failed to run module scripts_per_boot (per-boot in /var)",
        "cc_final_message.py[WARNING]: Used fallback datasource",
    ],
)
def test_a_cloud_init_that_failed_ends_the_waiting_at_once(line: str) -> None:
    with pytest.raises(NotServing, match="cloud-init could not start its set-up"):
        waited(NOTHING, console=f"[   12.3] cloud-init[391]: {line}\n", seconds=3600)


def test_why_a_status_cannot_be_read_is_told_in_the_end() -> None:
    with pytest.raises(NotServing, match="AccessDenied"):
        waited(Seen(None, 0.0, "s3://b/k: AccessDenied"), seconds=0.05)


def test_a_hosts_words_do_no_harm_on_a_terminal() -> None:
    said = status(setup=Setup("retrying", "packages", 1, ("\x1b]0;pwned\x07 gone\nagain",)))
    (line,) = parse(said.to_json()).setup.said
    assert line == " ]0;pwned  gone again"
    with pytest.raises(BadStatus, match="over"):
        parse("x" * (LIMIT + 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"messages": 0', '"messages": "many"'),
        ('"state": "done"', '"state": "well"'),
        ('"missing": []', '"missing": {}'),
        ('"missing": []', '"missing": [1]'),
        ('"signing": {}', '"signing": {"a": 1}'),
        ('"boot": "b"', '"boat": "b"'),
        ('"seconds": 1.0', '"seconds": true'),
    ],
)
def test_what_a_host_writes_is_not_taken_on_faith(old: str, new: str) -> None:
    text = status().to_json()
    assert old in text
    with pytest.raises(BadStatus):
        parse(text.replace(old, new))

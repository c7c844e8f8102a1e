"""How long mail waits is told in many places, and is the same in all of them."""

from collections import Counter
from pathlib import Path

import pytest

from mail.queue import BOUNCE_LIFETIME, LIFETIME

PROJECT = Path(__file__).resolve().parents[2]
WORDS = {4: "four", 5: "five", 6: "six", 7: "seven"}
TOLD = [
    ("templates/gateway/etc/postfix/main.cf.j2", "maximal_queue_lifetime = {number}d\n"),
    # the least that the RFC asks senders for
    ("templates/gateway/etc/postfix/main.cf.j2", "comes back; {word} days is what RFC 5321"),
    ("agent/smarthost_watch.py", "until it is {word} days old"),
    ("docs/setups/resilient.md", "its receivers put off may wait for {word} days"),
    ("docs/setups/smarthost.md", "in the gateway's queue for {word} days"),
    ("docs/setups/smarthost.md", "| {word} days pass quickly |"),
    ("docs/tasks/move-a-domain.md", "a sender's queue last: {word} days"),
    ("docs/tasks/park-a-domain.md", "its bounce at once, instead of after {word} days"),
    ("docs/tasks/park-a-domain.md", "wait {word} days after the last message"),
    ("docs/tasks/port-25-is-blocked.md", "the queue keeps mail for {word} days"),
    ("docs/tasks/restore.md", "older than {word} days"),
    ("docs/tasks/review-a-change.md", "can be queued: {word} days after"),
    ("docs/tasks/rotate-keys.md", "{word} that a message may wait in a queue"),
    ("docs/tasks/tear-everything-down.md", "their mail bounces after {word} days"),
]


@pytest.mark.parametrize(("place", "text"), TOLD)
def test_a_queue_keeps_mail_as_long_as_is_told(place: str, text: str) -> None:
    told = text.format(number=LIFETIME.days, word=WORDS[LIFETIME.days])
    assert told in (PROJECT / place).read_text()


def test_a_bounce_is_kept_as_long_as_is_counted_on() -> None:
    kept = f"bounce_queue_lifetime = {BOUNCE_LIFETIME.days}d\n"
    assert kept in (PROJECT / "templates/gateway/etc/postfix/main.cf.j2").read_text()


def test_no_other_place_tells_it() -> None:
    """Each says it as often as the list has it."""
    said = f"{WORDS[LIFETIME.days]} days"
    folders = ("docs/setups", "docs/tasks", "templates", "agent")
    files = [file for folder in folders for file in (PROJECT / folder).rglob("*.*")]
    found = {str(f.relative_to(PROJECT)): _text(f).count(said) for f in files}
    listed = Counter(place for place, text in TOLD if "{word} days" in text)
    assert {place: count for place, count in found.items() if count} == listed


def _text(file: Path) -> str:
    return file.read_text() if file.suffix in (".md", ".j2", ".py") else ""

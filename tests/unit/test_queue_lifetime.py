"""How long mail waits is told in many places, and is the same in all of them."""

from pathlib import Path

import pytest

from mail.queue import LIFETIME

PROJECT = Path(__file__).resolve().parents[2]
WORDS = {4: "four", 5: "five", 6: "six", 7: "seven"}
TOLD = {
    "templates/gateway/etc/postfix/main.cf.j2": "maximal_queue_lifetime = {number}d\n",
    "agent/smarthost_watch.py": "until it is {word} days old",
    "docs/setups/smarthost.md": "in the gateway's queue for {word} days",
    "docs/tasks/move-a-domain.md": "a sender's queue last: {word} days",
    "docs/tasks/port-25-is-blocked.md": "the queue keeps mail for {word} days",
    "docs/tasks/review-a-change.md": "can be queued: {word} days after",
    "docs/tasks/rotate-keys.md": "{word} that a message may wait in a queue",
    "docs/tasks/tear-everything-down.md": "their mail bounces after {word} days",
}


@pytest.mark.parametrize("place", TOLD)
def test_a_queue_keeps_mail_as_long_as_is_told(place: str) -> None:
    told = TOLD[place].format(number=LIFETIME.days, word=WORDS[LIFETIME.days])
    assert told in (PROJECT / place).read_text()

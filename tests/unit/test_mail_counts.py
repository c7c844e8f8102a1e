"""What is counted of the mail's log, and from where on."""

from collections import Counter
from pathlib import Path

import pytest

from agent import mail_counts
from agent.mail_counts import Counts, events

HEAD = "2026-01-01T00:00:00+00:00 mail "
DELIVERY = (
    HEAD + "postfix/smtp[1]: 4jZ3Sy155vz2xBg: to=<a@b.example>, relay={}, delay=1, "
    "delays=0/0/0/1, dsn={}, status={} ({})\n"
)
MX = "mx.b.example[198.51.100.10]:25"
SENT = DELIVERY.format(MX, "2.0.0", "sent", "250 Ok")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (SENT, ["Sent"]),
        (DELIVERY.format("none", "4.4.1", "deferred", "timed out"), ["Deferred"]),
        (DELIVERY.format(MX, "4.7.1", "deferred", "450 4.7.1 greylisted"), ["Deferred"]),
        (
            DELIVERY.format(
                "aspmx.l.google.com[192.0.2.1]:25", "4.7.28", "deferred", "421 4.7.28 slow"
            ),
            ["Deferred", "SlowedByReceivers"],
        ),
        # its own name only looks like a large one's
        (
            DELIVERY.format("mx.evilgoogle.com[192.0.2.1]:25", "4.7.0", "deferred", "x"),
            ["Deferred"],
        ),
        (DELIVERY.format(MX, "5.1.1", "bounced", "550 no"), ["Bounced", "UnknownRecipients"]),
        (DELIVERY.format(MX, "5.7.26", "bounced", "550 no"), ["Bounced", "RefusedByReceivers"]),
        (DELIVERY.format(MX, "5.2.2", "bounced", "552 full"), ["Bounced"]),
        # a receiver's words are not the log's
        (
            DELIVERY.format(MX, "2.0.0", "sent", "250 dsn=5.7.1, status=bounced (x)"),
            ["Sent"],
        ),
        (
            HEAD + "postfix/smtpd[1]: NOQUEUE: reject: RCPT from unknown[198.51.100.20]: 554 5.7.1 "
            "<x@y.example>: Relay access denied; from=<a@b.example> to=<x@y.example> proto=ESMTP "
            "helo=<h>\n",
            ["Refused"],
        ),
        (
            HEAD + "postfix/smtpd[1]: warning: Connection rate limit exceeded: 61 from "
            "unknown[198.51.100.20] for service smtp\n",
            ["Refused"],
        ),
        (HEAD + "postfix/qmgr[1]: 4jZ3Sy155vz2xBg: removed\n", []),
        (HEAD + "sshd[1]: to=<a@b.example>, relay=x, delay=1, dsn=5.7.1, status=bounced (x)\n", []),
    ],
)
def test_a_line_counts_for_what_it_tells(line: str, found: list[str]) -> None:
    assert list(events(line)) == found


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(mail_counts, "LOG", tmp_path / "mail.log")
    monkeypatch.setattr(mail_counts, "FAILURES", tmp_path / "mail-failures.log")
    (tmp_path / "mail.log").write_text(SENT)
    return tmp_path / "mail.log"


def add(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


@pytest.fixture
def counts(log: Path) -> Counts:
    made = Counts()
    made.go_on()
    return made


def further(counts: Counts) -> Counter[str]:
    """What a run counts that has only what the one before has written."""
    found = mail_counts.restored(counts.to_json())
    found.found.clear()
    found.go_on()
    counts.read = found.read
    return +found.found


def test_what_was_there_at_first_is_not_counted(counts: Counts) -> None:
    assert +counts.found == Counter()


def test_each_line_is_counted_once_and_whole(log: Path, counts: Counts) -> None:
    add(log, SENT + SENT[:80])
    assert further(counts) == Counter(Sent=1)
    add(log, SENT[80:])
    assert further(counts) == Counter(Sent=1)
    assert further(counts) == Counter()


def test_a_log_that_was_renamed_is_read_to_its_end(log: Path, counts: Counts) -> None:
    add(log, SENT)
    log.rename(f"{log}.1")
    log.write_text(SENT * 2)
    assert further(counts) == Counter(Sent=3)
    assert further(counts) == Counter()


def test_a_log_that_is_not_there_yet_is_read_once_it_is(log: Path, counts: Counts) -> None:
    add(log, SENT)
    log.rename(f"{log}.1")
    assert further(counts) == Counter(Sent=1)
    log.write_text(SENT)
    assert further(counts) == Counter(Sent=1)


@pytest.mark.parametrize("content", [SENT, ""])
def test_another_log_in_its_place_is_new(log: Path, counts: Counts, content: str) -> None:
    (log.parent / "new").write_text(content)
    (log.parent / "new").rename(log)
    assert further(counts) == (Counter(Sent=1) if content else Counter())


def test_failed_logins_are_counted_from_their_own_log(log: Path, counts: Counts) -> None:
    assert further(counts) == Counter()
    failures = log.with_name("mail-failures.log")
    failures.write_text("a\n")
    assert further(counts) == Counter()  # it counts from here on
    add(failures, "b\nc\n")
    assert further(counts) == Counter(FailedLogins=2)

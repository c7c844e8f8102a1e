"""Counts of what became of mail, from the lines that were added to the logs since the last time."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import log_reader, state_file

if TYPE_CHECKING:
    from mail.postfix_log import Attempt

LOG = Path("/var/log/mail/mail.log")
# Failed logins as the daemons judge them, one on each line, IMAP's too
# (etc/rsyslog.d/mail-relay.conf). Clients have no logins, and no such file.
FAILURES = Path("/var/log/mail-failures.log")
# Lines without these words tell no fate; most lines are such.
TELLING = (b" status=", b"reject: ", b"limit exceeded")
# The exchangers of receivers so large that they slow down whom they distrust; another server's
# 4.7.x is mostly greylisting, which passes within minutes.
LARGE = (
    ".google.com",
    ".googlemail.com",
    ".outlook.com",
    ".mx.microsoft",
    ".yahoodns.net",
    ".icloud.com",
    ".gmx.net",
    ".web.de",
    ".t-online.de",
    ".comcast.net",
    ".orange.fr",
)


@dataclass
class Counts:
    """The number of each kind of event, and how far each log was read."""

    found: Counter[str] = field(default_factory=Counter[str])
    read: log_reader.Read = field(default_factory=log_reader.Read)

    def to_json(self) -> dict[str, Any]:
        """Its part of a state file."""
        return {"found": self.found, "read": self.read}

    def go_on(self) -> None:
        """Count what the logs have further; of a log that was never read, nothing that it has."""
        for line in self._added(LOG):
            if any(word in line for word in TELLING):
                self.found.update(events(line.decode(errors="replace")))
        self.found["FailedLogins"] += sum(1 for _ in self._added(FAILURES))

    def _added(self, log: Path) -> Iterator[bytes]:
        if log.name in self.read:
            yield from log_reader.added(log, self.read)
        elif log.exists():
            self.read[log.name] = log_reader.end(log)


def restored(found: Mapping[str, Any]) -> Counts:
    """Counts from their part of a state file; raises one of state_file.DAMAGED."""
    return Counts(
        Counter({str(name): int(state_file.amount(n)) for name, n in found["found"].items()}),
        {str(name): (int(inode), int(offset)) for name, (inode, offset) in found["read"].items()},
    )


def events(line: str) -> Iterator[str]:
    """What a line of mail.log tells, by the names of docs/monitoring.md."""
    # seldom needed, so not loaded every minute
    from mail import postfix_log

    for message in postfix_log.read("", [line]):
        for attempt in message.attempts:
            yield from _names(attempt)


def _names(attempt: "Attempt") -> Iterator[str]:
    status, _, dsn = attempt.status.partition(" ")
    match status:
        case "sent":
            yield "Sent"
        case "deferred":
            yield "Deferred"
            host = attempt.relay.partition("[")[0].lower()
            if dsn.startswith("4.7.") and f".{host}".endswith(LARGE):
                yield "SlowedByReceivers"
        case "bounced":
            yield "Bounced"
            if dsn == "5.1.1":
                yield "UnknownRecipients"
            elif dsn.startswith("5.7."):
                yield "RefusedByReceivers"
        case "refused" | "shut":
            yield "Refused"
        case _:
            pass

"""Counts of what became of mail, from the lines that were added to the logs since the last time."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import state_file

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
    """The number of each kind of event, and how far each log was read: (inode, offset in bytes)."""

    found: Counter[str] = field(default_factory=Counter[str])
    read: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

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
        """The whole lines since the last time, also of the log that was renamed since (logrotate).

        A position that is in neither file is forgotten: all of the present log is new.
        """
        if log.name not in self.read:
            if log.exists():
                self.read[log.name] = (_inode(log), log.stat().st_size)
            return
        inode, offset = self.read[log.name]
        last = log.with_name(f"{log.name}.1")
        if _inode(last) == inode:
            yield from self._lines(log, last, offset)
        if log.exists():
            known = _inode(log) == inode and offset <= log.stat().st_size
            yield from self._lines(log, log, offset if known else 0)

    def _lines(self, log: Path, file: Path, offset: int) -> Iterator[bytes]:
        with file.open("rb") as lines:
            inode = os.fstat(lines.fileno()).st_ino
            lines.seek(offset)
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the rest of it is yet to be written
                offset += len(line)
                yield line
        self.read[log.name] = (inode, offset)


def _inode(file: Path) -> int:
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return -1


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

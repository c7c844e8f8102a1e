"""Daemons that run and do nothing: each is asked what it is there for, and has seconds to answer.

The questions change nothing and leave no line in a log.
"""

import contextlib
import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from agent.limits import KINDS, RUN

SECONDS = 10.0
PROC = Path("/proc")


@dataclass(frozen=True)
class Question:
    """What is said to a socket (a path, or an address and a port), and what is in a good answer."""

    at: str | tuple[str, int]
    says: bytes
    answer: bytes


# How an MTA opens a session: version 6, all that it could do, and the end (libmilter/mfdef.h).
_OPTIONS = b"O" + b"".join(n.to_bytes(4, "big") for n in (6, 0x1FF, 0x1FFFFF))
_MILTER = b"\0\0\0\x0d" + _OPTIONS + b"\0\0\0\x01Q", b"O\0\0\0\x06"
# SMTPD_POLICY_README; nobody has sent it, so it is not counted.
_POLICY = b"request=smtpd_access_policy\nprotocol_state=DATA\n\n", b"action=dunno"

ASKED = {
    "opendkim.service": Question("/run/opendkim/opendkim.sock", *_MILTER),
    "opendkim-verify.service": Question("/run/opendkim-verify/opendkim.sock", *_MILTER),
    "opendmarc.service": Question("/run/opendmarc/opendmarc.sock", *_MILTER),
    "mail-relay-guard.service": Question("/run/mail-relay-guard/guard.sock", *_MILTER),
    "dovecot.service": Question("/run/dovecot/submission", b"", b"VERSION"),
    **{
        f"mail-relay-limit@{kind}.service": Question(f"{RUN}/{kind}/socket", *_POLICY)
        for kind in KINDS
    },
    # postsrsd, for the true sender of what it has not made (tcp_table(5))
    "postsrsd.service": Question(("127.0.0.1", 10002), b"get nobody\n", b"500 "),
    # what lists the queue; master(8) starts it for each question (master.cf)
    "postfix.service": Question("/var/spool/postfix/public/showq", b"", b"protocol"),
    # as `fail2ban-client ping`, which takes a Python of its own for it
    "fail2ban.service": Question(
        "/run/fail2ban/fail2ban.sock",
        b"\x80\x02]X\x04\0\0\0pinga.<F2B_END_COMMAND>",
        b"pong",
    ),
}


def silent(units: Iterable[str]) -> set[str]:
    """Those of these units that do not answer, or have a process that somebody has stopped."""
    names = list(units)
    asked = [name for name in names if name in ASKED]
    with ThreadPoolExecutor(max(len(asked), 1)) as together:
        answered = together.map(answers, [ASKED[name] for name in asked])
        mute = {name for name, well in zip(asked, answered, strict=True) if not well}
    return mute | (halted() & set(names))


def answers(question: Question) -> bool:
    """Whether it is answered in time; a daemon that starts at this moment is asked again."""
    deadline = time.monotonic() + SECONDS
    while (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(OSError):
            if question.answer in _reply(question, left):
                return True
        time.sleep(min(1.0, max(deadline - time.monotonic(), 0.0)))
    return False


def _reply(question: Question, seconds: float) -> bytes:
    family = socket.AF_UNIX if isinstance(question.at, str) else socket.AF_INET
    with socket.socket(family) as asked:
        asked.settimeout(seconds)
        asked.connect(question.at)
        asked.sendall(question.says)
        return asked.recv(4096)


def halted() -> set[str]:
    """The units with a stopped process (SIGSTOP): it lives and does nothing."""
    found: set[str] = set()
    for stat in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended
            if stat.read_text(errors="replace").rpartition(")")[2].split()[:1] == ["T"]:
                groups = (stat.parent / "cgroup").read_text().splitlines()
                found |= {group.rpartition("/")[2] for group in groups}
    return found

"""Find daemons that run and do nothing: each gets a request of its protocol, and a deadline.

The requests change nothing and leave no line in a log.
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
    """A request to a socket (a path, or an address and a port), and a part of a good answer."""

    at: str | tuple[str, int]
    says: bytes
    answer: bytes


# An MTA's negotiation with a milter: version 6, every option, and quit (libmilter/mfdef.h).
_OPTIONS = b"O" + b"".join(n.to_bytes(4, "big") for n in (6, 0x1FF, 0x1FFFFF))
_MILTER = b"\0\0\0\x0d" + _OPTIONS + b"\0\0\0\x01Q", b"O\0\0\0\x06"
# A policy request (SMTPD_POLICY_README) without a login, so it is not counted.
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
    # postsrsd, for the true sender of an address that it has not rewritten (tcp_table(5))
    "postsrsd.service": Question(("127.0.0.1", 10002), b"get nobody\n", b"500 "),
    # showq(8) lists the queue; master(8) starts it for each request (master.cf)
    "postfix.service": Question("/var/spool/postfix/public/showq", b"", b"protocol"),
    # the request of `fail2ban-client ping`, which would start a Python for it
    "fail2ban.service": Question(
        "/run/fail2ban/fail2ban.sock",
        b"\x80\x02]X\x04\0\0\0pinga.<F2B_END_COMMAND>",
        b"pong",
    ),
}


def silent(units: Iterable[str]) -> set[str]:
    """The units among these that do not answer, or have a stopped process."""
    names = list(units)
    asked = [name for name in names if name in ASKED]
    with ThreadPoolExecutor(max(len(asked), 1)) as together:
        answered = together.map(answers, [ASKED[name] for name in asked])
        mute = {name for name, well in zip(asked, answered, strict=True) if not well}
    return mute | (halted() & set(names))


def answers(question: Question) -> bool:
    """Whether a daemon answers in time; it is asked again until then, since it may be starting."""
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
    """The units with a stopped process (SIGSTOP), which exists and does nothing."""
    found: set[str] = set()
    for stat in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # the process has ended
            if stat.read_text(errors="replace").rpartition(")")[2].split()[:1] == ["T"]:
                groups = (stat.parent / "cgroup").read_text().splitlines()
                found |= {group.rpartition("/")[2] for group in groups}
    return found

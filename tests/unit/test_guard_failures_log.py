"""What fail2ban reads: rsyslog, fail2ban's filter and agent/guessing.py agree on each line.

The condition was tried with Debian 13's rsyslogd 8.2504; here its patterns are read as Python's.
"""

import dataclasses
import re

import pytest
from test_user_data import GATEWAY

from agent import guessing
from cloudinit import files

MADE = files(dataclasses.replace(GATEWAY, mailboxes=True))
CONDITION = MADE["etc/rsyslog.d/mail-relay.conf"].partition(" then {")[0]
PATTERNS = [p.replace("\\\\", "\\") for p in re.findall(r"re_match\(\$\w+, '(.*)'\)", CONDITION)]
POSTFIX, SMTP, AWAY, DOVECOT, IMAP = PATTERNS
(LONGEST,) = map(int, re.findall(r"strlen\(\$msg\) < (\d+)", CONDITION))
FILTER = re.findall(
    r"(?m)^(?:failregex =| {12}) ?(\^.*)$", MADE["etc/fail2ban/filter.d/mail-relay.conf"]
)

AUTH = "warning: {}: SASL {} authentication failed: {}, sasl_username={}"
WRONG = "auth({},192.0.2.7,sasl:{})<x7+/>: {}"
LOST = "Connection lost to authentication server"
UNKNOWN = "unknown[192.0.2.7]"


def is_logged(tag: str, said: str) -> bool:
    """Whether rsyslog writes it into the failures' log."""
    if len(said) >= LONGEST:
        return False
    if re.search(POSTFIX, tag):
        return bool(re.search(SMTP, said)) and not re.search(AWAY, said)
    return bool(re.search(DOVECOT, tag) and re.search(IMAP, said))


def is_counted(tag: str, said: str) -> bool:
    """Whether fail2ban's filter takes it for a failure of 192.0.2.7 (it has cut off the time)."""
    line = f" mail {tag} {said}"
    return any(re.search(p.replace("<ADDR>", r"192\.0\.2\.7"), line) for p in FILTER)


def is_judged(tag: str, said: str) -> bool:
    """Whether agent/guessing.py counts its login."""
    found = guessing.FAILURE.fullmatch(f"mail {tag} {said}")
    return found is not None and "192.0.2.7" in (found["smtp"], found["imap"])


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("postfix/submission/smtpd[7]:", AUTH.format(UNKNOWN, "PLAIN", "(reason)", "me@a.example")),
        ("postfix/submissions/smtpd[7]:", AUTH.format("mx.a.example[192.0.2.7]", "LOGIN", "x", "")),
        ("postfix/submission/smtpd[7]:", AUTH.format(UNKNOWN, "X", "x", f"x failed: {LOST}")),
        ("dovecot:", WRONG.format("me@a.example", "plain", "passwd-file: Password mismatch")),
        ("dovecot:", WRONG.format("a)<b>: c", "login", "passwd-file: unknown user")),
        ("dovecot:", WRONG.format("", "cram-md5", "cram-md5: Password mismatch")),
        (
            "dovecot:",
            WRONG.format("x,192.0.2.9,sasl:plain)<y>: x: unknown user", "plain", "x: unknown user"),
        ),
    ],
)
def test_a_daemons_own_failures_are_counted_by_all(tag: str, said: str) -> None:
    assert is_logged(tag, said)
    assert is_counted(tag, said)
    assert is_judged(tag, said)


FORGED = AUTH.format(UNKNOWN, "PLAIN", "x", "a@b.example")
FORGED_IMAP = WRONG.format("a", "plain", "passwd-file: unknown user")


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        # a stranger's recipient, HELO name, and subject
        (
            "postfix/smtpd[7]:",
            f'NOQUEUE: reject: RCPT from x[192.0.2.9]: 554 <"{FORGED}"@a.example>',
        ),
        (
            "postfix/smtpd[7]:",
            f"improper command pipelining after EHLO from x[192.0.2.9]: {FORGED}",
        ),
        ("postfix/submission/smtpd[7]:", f"NOQUEUE: reject: RCPT from x[192.0.2.9]: <{FORGED}>"),
        ("postfix/submission/smtpd[7]:", f"warning: hostname {FORGED} does not resolve"),
        ("postfix/cleanup[7]:", f"4jZq: warning: header Subject: {FORGED_IMAP}"),
        ("mail-relay-guard[7]:", f"4jZq: the sender <{FORGED}> is not proved"),
        ("postsrsd[7]:", f"srs_forward: <{FORGED}> not rewritten"),
        ("dovecot:", f"lmtp(box@a.example)<7><x>: sieve: msgid=<{FORGED_IMAP}>"),
        # what they themselves do not count
        ("postfix/submission/smtpd[7]:", AUTH.format(UNKNOWN, "PLAIN", LOST, "auth failed")),
        ("dovecot:", WRONG.format("x: unknown user", "plain", "plain: Invalid input")),
        ("dovecot:", WRONG.format("x" * 1000, "plain", "passwd-file: unknown user")),
        # by 587 or 465, where Postfix has a line of its own
        ("dovecot:", "auth(a@b.example,192.0.2.7,sasl:plain): passwd-file: unknown user"),
        ("dovecot:", f"imap-login: Login aborted: x (auth failed): user=<{FORGED_IMAP}>, TLS"),
    ],
)
def test_no_line_that_a_stranger_makes_up_takes_their_room(tag: str, said: str) -> None:
    assert not is_logged(tag, said)

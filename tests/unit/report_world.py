"""A stack's facts for a report: mail logs as Postfix writes them, with words of strangers."""

import datetime
from collections.abc import Sequence
from typing import Any

from verify_world import FACTS, WANTED, Hosts

from mail import postfix_log
from mail.postfix_log import Traced
from ops.outputs import Alarms
from ops.report.facts import AlarmState, Facts
from ops.verify.result import Result

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
HOST = "mail.relay.example"
# what a stranger may have written, in an address, a reply, or the name of a host
EVIL = '"><script>document.title=1</script><img/src=x/onerror=alert(1)>&lt;\u202eelpmaxe'
ALARM = AlarmState(
    "mail-relay/prod mail.relay.example QueueAge",
    "ALARM",
    "2026-11-25T11:00:00+00:00",
    "Mail waits for over an hour. Type: ./relay queue list --stack prod",
)


def identity(number: int) -> str:
    """A long queue id."""
    digits = "BCDFGHJKLM"
    return "4jZ3Sy" + "".join(digits[int(d)] for d in f"{number:06}") + "z2xBg"


def message(
    number: int,
    minutes: int,
    status: str = "sent",
    *,
    to: str = "you@far.example",
    sender: str = "me@shop.example",
    login: str = "me@shop.example",
    said: str = "250 2.0.0 ok",
    seconds: int = 2,
) -> list[str]:
    """The lines of a message that came so many minutes before NOW."""
    came = NOW - datetime.timedelta(minutes=minutes)
    left = came + datetime.timedelta(seconds=seconds)
    head, who = f"{came.isoformat(timespec='microseconds')} mail postfix/", identity(number)
    sasl = f", sasl_method=PLAIN, sasl_username={login}" if login else ""
    return [
        f"{head}submission/smtpd[1]: {who}: client=unknown[192.0.2.1]{sasl}",
        f"{head}qmgr[1]: {who}: from=<{sender}>, size=1, nrcpt=1 (queue active)",
        f"{left.isoformat(timespec='microseconds')} mail postfix/smtp[1]: {who}: to=<{to}>, "
        f"relay=mx.far.example[198.51.100.1]:25, delay={seconds}, delays=0/0/0/{seconds}, "
        f"dsn=2.0.0, status={status} ({said})",
    ]


def read(*messages: Sequence[str], host: str = HOST) -> list[Traced]:
    """Messages of the log of a host."""
    return postfix_log.read(host, sorted(line for lines in messages for line in lines))


def facts(**changed: Any) -> Facts:
    """A stack that is well, with three messages in its log and an alarm that rings."""
    hosts = Hosts(FACTS)
    given: dict[str, Any] = {
        "stack": "prod",
        "made": NOW,
        "hours": 24,
        "outputs": WANTED.model_copy(
            update={"alarms": Alarms(topic="arn:topic", notify=("ops@inbox.example",))}
        ),
        "checks": [
            Result("spf", "relay.example"),
            Result("dkim", "s1._domainkey.shop.example"),
            Result("dkim", "s2._domainkey.shop.example"),
            Result("certificate", HOST),
        ],
        "statuses": {host.name: hosts(host) for host in WANTED.hosts},
        "messages": read(
            message(1, 600),
            message(2, 300, seconds=40),
            message(3, 30, "deferred", said="450 4.7.1 greylisted"),
        ),
        "silent": [],
        "alarms": [ALARM, AlarmState("quiet", "OK", "2026-11-25T11:00:00+00:00", "")],
    }
    return Facts(**given | changed)

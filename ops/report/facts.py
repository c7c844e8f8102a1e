"""What a report tells: the checks of `verify`, the hosts' status, the mail logs, the alarms."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mail import postfix_log
from mail.postfix_log import Traced
from ops import status
from ops.account import aws_errors
from ops.errors import AwsError, StackError
from ops.on_host import ask_each
from ops.outputs import Host, Outputs
from ops.shipped import Shipped
from ops.ssh import CLOSED
from ops.status import NoStatus, Written
from ops.target import Target
from ops.terminal import slow
from ops.verify.ports import ELSEWHERE
from ops.verify.probes import vantage
from ops.verify.result import Result
from ops.verify.run import verify
from ops.verify.show import progress

# The most lines of a host's log that are read: 50,000 messages or so.
LINES = 250_000
# The files that were written to in the window, of each the lines, oldest first.
_RECENT = (
    "find /var/log/mail -name 'mail.log*' -mmin -{minutes} -printf '%T@ %p\\n' | sort -n "
    "| cut -d' ' -f2- | xargs -r zcat -qf | tail -n {lines}"
)


@dataclass(frozen=True)
class AlarmState:
    """An alarm of CloudWatch: OK, ALARM or INSUFFICIENT_DATA, and since when (ISO 8601)."""

    name: str
    state: str
    since: str
    says: str


@dataclass(frozen=True)
class Facts:
    """A stack at a moment; the mail logs are those of the `hours` before.

    `statuses` has each host's status, or the reason that there is none. `silent` has the reasons
    that a log could not be read, `alarms` the stack's alarms, None without `monitoring`, or the
    reason that they are not known.
    """

    stack: str
    made: datetime.datetime
    hours: int
    outputs: Outputs
    checks: Sequence[Result]
    statuses: dict[str, Written | str]
    messages: Sequence[Traced]
    silent: Sequence[str]
    alarms: Sequence[AlarmState] | str | None

    @property
    def begin(self) -> datetime.datetime:
        """The beginning of the window."""
        return self.made - datetime.timedelta(hours=self.hours)


def gather(target: Target, hours: int) -> Facts:
    """The facts, each from where its command has it; what cannot be asked is told in its place."""
    outputs = target.outputs()
    made = datetime.datetime.now(datetime.UTC)
    checks = verify(outputs, vantage(target, outputs), progress)
    messages, silent = _messages(target, outputs, hours, made)
    return Facts(
        target.stack,
        made,
        hours,
        outputs,
        checks,
        dict(_statuses(target, outputs)),
        messages,
        silent,
        _alarms(target, outputs),
    )


def _statuses(target: Target, outputs: Outputs) -> Iterator[tuple[str, Written | str]]:
    try:
        with target.account() as client:
            for host in outputs.hosts:
                try:
                    yield host.name, status.read(client, host)
                except NoStatus as error:
                    yield host.name, str(error)
    except AwsError as error:
        yield from ((host.name, str(error)) for host in outputs.hosts)


def _messages(
    target: Target, outputs: Outputs, hours: int, made: datetime.datetime
) -> tuple[list[Traced], list[str]]:
    """The messages of the window on all hosts, oldest first; why some are not known."""
    begin = made - datetime.timedelta(hours=hours)
    silent = list[str]()
    lines = dict[str, list[str]]()
    if target.has_shell(outputs):
        script = _RECENT.format(minutes=hours * 60, lines=LINES)

        def ask(host: Host) -> list[str]:
            return target.run_on(host, "sh", "-c", script).splitlines()

        lines, silent = ask_each(outputs.hosts, ask)
    elif not outputs.logs:
        silent = [f"the hosts' logs: {CLOSED}"]
    others = [host.name for host in outputs.hosts if host.name not in lines]
    if outputs.logs and others:
        try:
            with target.account() as client, slow("waiting for CloudWatch"):
                shipped = Shipped(client("logs"), outputs.logs.group)
                lines |= {name: shipped.last(name, begin, LINES) for name in others}
        except AwsError as error:
            silent = [*silent, f"CloudWatch: {error}"]
    since = begin.isoformat()
    found = [m for host, read in lines.items() for m in postfix_log.read(host, sorted(read))]
    mail = _without_probes([m for m in found if m.time >= since])
    return sorted(mail, key=lambda m: m.time), silent


def _without_probes(messages: Sequence[Traced]) -> list[Traced]:
    """The messages without the questions of `verify` (ops/verify/talk.py): it hands nothing in."""
    ours = {m.client for m in messages if any(a.to == ELSEWHERE for a in m.attempts)}

    def asked_only(message: Traced) -> bool:
        ends = ((attempt.to, attempt.said) for attempt in message.attempts)
        return not message.sender and all(
            to == ELSEWHERE or said == postfix_log.CANCELED for to, said in ends
        )

    return [m for m in messages if m.client not in ours or not asked_only(m)]


def _alarms(target: Target, outputs: Outputs) -> list[AlarmState] | str | None:
    if outputs.alarms is None:
        return None
    topic = outputs.alarms.topic
    try:
        with target.account() as client, aws_errors():
            pages = client("cloudwatch").get_paginator("describe_alarms").paginate()
            return [
                AlarmState(
                    alarm["AlarmName"],
                    alarm["StateValue"],
                    alarm["StateUpdatedTimestamp"].isoformat(timespec="seconds"),
                    alarm.get("AlarmDescription", ""),
                )
                for page in pages
                for alarm in page["MetricAlarms"]
                if topic in alarm.get("AlarmActions", ())
            ]
    except (AwsError, StackError) as error:
        return str(error)

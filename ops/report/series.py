"""Mail over time, from the messages of the logs: how many, how long they took, how many waited."""

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles

from mail.postfix_log import Attempt, Traced

BUCKETS = 48
# The statuses after which a recipient is done with (bounce(8)); "deferred" is tried again.
SENT, WAITING, FAILED, REFUSED = FATES = ("sent", "waiting", "failed", "refused")
_FATES = {
    "sent": SENT,
    "deferred": WAITING,
    "held": WAITING,
    "refused": REFUSED,
    "login": REFUSED,
    "shut": REFUSED,
    "thrown": FAILED,
    "given": REFUSED,
    "bounced": FAILED,
    "expired": FAILED,
    "undeliverable": FAILED,
}
# What an operator did that ends a message (postsuper(1)).
_DELETED = "deleted by hand"


@dataclass(frozen=True)
class Bucket:
    """A part of the window: messages that came, recipients by their attempts' fates.

    `typical` and `slow` are the median and the 95th percentile of the seconds from a message's
    arrival to its delivery, None if nothing was delivered; `waiting` is the queue at the end.
    """

    begin: datetime.datetime
    came: int
    fates: Counter[str]
    typical: float | None
    slow: float | None
    waiting: int


def fate(attempt: Attempt) -> str:
    """SENT, WAITING, FAILED or REFUSED."""
    return _FATES.get(attempt.status.partition(" ")[0], FAILED)


def of_message(message: Traced) -> str:
    """A message's worst present fate: its last attempt for each recipient decides."""
    last = {attempt.to: fate(attempt) for attempt in message.attempts}
    found = set(last.values()) or {WAITING}
    if WAITING in found and any(note.startswith(_DELETED) for note in message.notes):
        return FAILED
    return next(f for f in (REFUSED, FAILED, WAITING, SENT) if f in found)


def buckets(
    messages: Sequence[Traced],
    begin: datetime.datetime,
    end: datetime.datetime,
    waiting: int | None = None,
) -> list[Bucket]:
    """The window in equal parts.

    `waiting` is what waits at its end, if that is known: messages from before the window count too.
    """
    step = (end - begin) / BUCKETS
    came, fates = Counter[int](), [Counter[str]() for _ in range(BUCKETS)]
    took = [list[float]() for _ in range(BUCKETS)]
    changes = [0] * (BUCKETS + 1)

    def place(moment: datetime.datetime) -> int:
        return min(max(int((moment - begin) / step), 0), BUCKETS - 1)

    for message in messages:
        arrived = _moment(message.time)
        for attempt in message.attempts:
            at = _moment(attempt.time)
            fates[place(at)][fate(attempt)] += 1
            if fate(attempt) == SENT:
                took[place(at)].append((at - arrived).total_seconds())
        if message.id == "NOQUEUE" or of_message(message) == REFUSED:
            continue
        came[place(arrived)] += 1
        changes[place(arrived)] += 1
        if (left := _left(message)) is not None:
            changes[place(left)] -= 1
    older = max((waiting or 0) - sum(changes), 0)
    return list(_buckets(begin, step, came, fates, took, [changes[0] + older, *changes[1:]]))


def _buckets(
    begin: datetime.datetime,
    step: datetime.timedelta,
    came: Counter[int],
    fates: list[Counter[str]],
    took: list[list[float]],
    changes: list[int],
) -> Iterator[Bucket]:
    waiting = 0
    for number in range(BUCKETS):
        waiting += changes[number]
        typical, slow = _percentiles(took[number])
        at = begin + number * step
        yield Bucket(at, came[number], fates[number], typical, slow, waiting)


def _percentiles(seconds: Sequence[float]) -> tuple[float | None, float | None]:
    if len(seconds) < 2:
        return (seconds[0], seconds[0]) if seconds else (None, None)
    parts = quantiles(seconds, n=20, method="inclusive")
    return parts[9], parts[18]


def _left(message: Traced) -> datetime.datetime | None:
    """When a message left the queue; None while it is there."""
    for note in message.notes:
        if note.startswith(_DELETED):
            return _moment(note.rpartition(" ")[2])
    if not message.attempts or of_message(message) == WAITING:
        return None
    return _moment(message.attempts[-1].time)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)

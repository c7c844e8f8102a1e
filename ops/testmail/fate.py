"""The fate of a message that the gateway has accepted: by its log, or by the host's status."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mail.postfix_log import Attempt
from ops import status, trace
from ops.errors import AwsError
from ops.outputs import Host
from ops.plain_words import plain
from ops.target import Target

EVERY, STATUS_EVERY = 2.0, 10.0  # seconds between two queries; hosts write every minute
# Postfix's words for a delivery that will not be tried again (bounce(8)).
_OVER = ("bounced", "expired", "refused")

Kind = Literal["accepted", "refused", "deferred", "unknown", "unsent"]


@dataclass(frozen=True)
class Fate:
    """The fate, the last reply for each recipient, and the reason if it is not "accepted".

    "unsent": no gateway could be reached.
    """

    kind: Kind
    answers: tuple[Attempt, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Clock:
    """A deadline; `seconds` is the time left."""

    until: float
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @property
    def seconds(self) -> float:
        """The time left, not below 0."""
        return max(self.until - self.now(), 0.0)


def by_log(found: Target, gateway: Host, message_id: str, queue_id: str, clock: Clock) -> Fate:
    """The fate in the gateway's log, once the message has left its queue or the time is over."""
    while True:
        # first the queue: a message that has left it is in the log already
        waits = _waits(found, gateway, queue_id)
        messages = [m for m in trace.search(found, [gateway], message_id) if m.id == queue_id]
        last = {attempt.to: attempt for m in messages for attempt in m.attempts}
        answers = tuple(last.values())
        if (answers and not waits) or not clock.seconds:
            return _told(answers, waits)
        clock.sleep(EVERY)


def _waits(found: Target, gateway: Host, queue_id: str) -> bool:
    lines = found.run_on(gateway, "postqueue", "-j").splitlines()
    return any(json.loads(line)["queue_id"] == queue_id for line in lines)


def _told(answers: tuple[Attempt, ...], waits: bool) -> Fate:
    for attempt in answers:
        if attempt.status.startswith(_OVER):
            return Fate("refused", answers, _words(attempt))
    sent = [a for a in answers if a.status.startswith("sent")]
    if sent == list(answers) and answers and not waits:
        return Fate("accepted", answers)
    later = [_words(a) for a in answers if a not in sent]
    if waits:
        return Fate("deferred", answers, next(iter(later), "nothing was tried yet"))
    return Fate("unknown", answers, next(iter(later), "the gateway's log does not tell"))


def _words(attempt: Attempt) -> str:
    meaning = plain(attempt.said)
    return f"{attempt.said}{f' ({meaning})' if meaning else ''}"


def by_status(found: Target, gateway: Host, closed: str, clock: Clock) -> Fate:
    """An unknown fate, with the queue in the host's next status, which has no single messages.

    `closed` is the reason that the log cannot be read.
    """
    begun = clock.now()
    while True:
        try:
            with found.account() as client:
                written = status.read(client, gateway)
        except (status.NoStatus, AwsError) as error:
            return Fate("unknown", why=f"{closed}; {error}")
        if written.seconds < clock.now() - begun:
            return Fate("unknown", why=f"{closed}; {_queue(written.status)}")
        if not clock.seconds:
            return Fate("unknown", why=f"{closed}; the host has written nothing since")
        clock.sleep(STATUS_EVERY)


def _queue(host: status.Status) -> str:
    if not host.queue.messages:
        return (
            f"at {host.written} nothing waited on the gateway: it was handed over, or has gone "
            "back to its sender"
        )
    reasons = "; ".join(f"{reason.messages}: {reason.text}" for reason in host.queue.reasons)
    return (
        f"at {host.written} {host.queue.messages} waited on the gateway, maybe this one too "
        f"({reasons or 'nothing was tried yet'})"
    )

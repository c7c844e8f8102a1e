"""The clock of alarms: when each is evaluated, and what a change of its state leads to.

Amazon CloudWatch User Guide, "Alarm evaluation" and "Alarm actions".
"""

import json
import logging
import math
import threading
import time
import zlib
from datetime import UTC, datetime

from lab.region.cloudwatch import instances, reasons
from lab.region.cloudwatch.alarms import ACTION, Alarm
from lab.region.cloudwatch.judgement import Judgement, judge
from lab.region.memory import Memory
from lab.region.sns import topics

MINUTE, HOUR, DAY = 60, 3600, 86_400
HIGH_RESOLUTION_SECONDS = 10
LOOK_SECONDS = 1.0
log = logging.getLogger("cloudwatch")


def step_of(alarm: Alarm) -> int:
    """How often an alarm is evaluated, in seconds; one of several days once an hour."""
    if alarm.period * alarm.rule.periods > DAY:
        return HOUR
    return HIGH_RESOLUTION_SECONDS if alarm.period < MINUTE else MINUTE


def due(alarm: Alarm, now: float) -> bool:
    """Whether an evaluation is due: each alarm has its own second of the minute, as on AWS."""
    step = step_of(alarm)
    own = zlib.crc32(alarm.name.encode()) % step
    return math.floor((now - own) / step) * step + own > alarm.evaluated


def look(memory: Memory, alarm: Alarm, now: float) -> tuple[Judgement, float]:
    """Judge an alarm by its metric until the end of the last full minute, which is returned too.

    The last period ends there, whatever its length: it moves on with each evaluation.
    """
    end = float(math.floor(now / step_of(alarm)) * step_of(alarm))
    starts = [end - number * alarm.period for number in range(alarm.rule.range, 0, -1)]
    unit = alarm.given.get("Unit")
    metrics = memory.cloudwatch.metrics
    points = metrics.periods(alarm.key, alarm.statistic, starts, alarm.period, unit)
    return judge(alarm.rule, points), end


def evaluate(memory: Memory, alarm: Alarm, now: float) -> None:
    """Evaluate an alarm, and act if its state changes."""
    alarm.evaluated = now
    judgement, end = look(memory, alarm, now)
    if judgement.state is None or judgement.state == alarm.state:
        return
    at = datetime.fromtimestamp(now, UTC)
    reason = reasons.reason(alarm, judgement, end)
    data = json.dumps(reasons.data(alarm, judgement, end, at))
    set_state(memory, alarm, judgement.state, reason, data, at)


def set_state(
    memory: Memory, alarm: Alarm, state: str, reason: str, data: str, at: datetime
) -> None:
    """Set an alarm's state; a change is noted, and its actions follow."""
    old = alarm.state, alarm.reason
    alarm.state, alarm.reason, alarm.reason_data, alarm.updated = state, reason, data, at
    if state == old[0]:
        return
    alarm.changed = at
    memory.cloudwatch.note_change(alarm, old)
    for action in alarm.actions:
        _act(memory, alarm, action, old[0])


def _act(memory: Memory, alarm: Alarm, action: str, old: str) -> None:
    """Publish to a topic as CloudWatch does; a failure is only told in the history."""
    message = reasons.notification(alarm, old)
    text = reasons.email(alarm, old)
    failure = topics.notify(memory, action, alarm.arn, reasons.subject(alarm), message, text)
    said = f"Failed to execute action {action}. Received error: {failure!r}"
    if failure is None:
        said = f"Successfully executed action {action}"
    data = {"actionState": "Succeeded", "notificationResource": action, "error": failure}
    if failure is not None:
        data["actionState"] = "Failed"
    memory.cloudwatch.note(alarm.name, ACTION, said, data)


def tick(memory: Memory, now: float) -> None:
    """Publish EC2's status checks, and evaluate the alarms that are due."""
    instances.publish(memory, now)
    for alarm in list(memory.cloudwatch.alarms.values()):
        if due(alarm, now):
            evaluate(memory, alarm, now)


def serve(memory: Memory) -> None:
    """Run the clock in a thread of its own."""

    def run() -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                with memory.lock:
                    tick(memory, time.time())
            except Exception:  # the clock goes on
                log.exception("this evaluation failed")

    threading.Thread(target=run, daemon=True).start()

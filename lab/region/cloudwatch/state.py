"""What an account has in CloudWatch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.region.cloudwatch.alarms import UPDATE, Alarm, Entry
from lab.region.cloudwatch.metrics import Metrics

HISTORY = timedelta(days=14)  # for so long CloudWatch keeps an alarm's history


@dataclass
class CloudWatch:
    """Metrics, alarms by name with their history, the newest first, and dashboards' (body, time).

    `checked` is the last minute, in seconds since 1970, with metrics of EC2's status checks.
    """

    metrics: Metrics = field(default_factory=Metrics)
    alarms: dict[str, Alarm] = field(default_factory=dict)
    history: list[Entry] = field(default_factory=list)
    dashboards: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    checked: float = 0.0

    def note(self, alarm: str, kind: str, summary: str, data: Any) -> None:
        """Add a line to an alarm's history."""
        now = datetime.now(UTC)
        self.history.insert(0, Entry(now, alarm, kind, summary, json.dumps(data)))
        while self.history[-1].time < now - HISTORY:
            self.history.pop()

    def note_change(self, alarm: Alarm, before: tuple[str, str]) -> None:
        """Add a change from a state, and its reason, to an alarm's history."""
        data = {
            "version": "1.0",
            "oldState": {"stateValue": before[0], "stateReason": before[1]},
            "newState": {
                "stateValue": alarm.state,
                "stateReason": alarm.reason,
                "stateReasonData": json.loads(alarm.reason_data or "{}"),
            },
        }
        self.note(alarm.name, UPDATE, f"Alarm updated from {before[0]} to {alarm.state}", data)

    def chosen(self, names: Sequence[str], prefix: str) -> list[Alarm]:
        """The alarms of these names or of this prefix, or all, in the order of their names."""
        found = sorted(self.alarms.items())
        return [a for name, a in found if (name in names if names else name.startswith(prefix))]

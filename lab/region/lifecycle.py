"""A policy of Data Lifecycle Manager, and when it is due."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

DAY_HOURS = 24
ENABLED, ERROR = "ENABLED", "ERROR"


@dataclass
class Policy:
    """A policy as the API has it; `ran` is when it last made snapshots, or was made itself."""

    id: str
    arn: str
    description: str
    role: str
    state: str
    details: dict[str, Any]
    tags: dict[str, str]
    made: datetime
    ran: datetime
    message: str = ""
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def schedule(self) -> Mapping[str, Any]:
        """The one schedule that the lab plays."""
        return self.details["Schedules"][0]

    @property
    def keeps(self) -> int:
        """How many snapshots of each volume are kept."""
        return self.schedule["RetainRule"]["Count"]

    @property
    def targets(self) -> dict[str, str]:
        """The tags of which a volume needs one."""
        return {tag["Key"]: tag["Value"] for tag in self.details["TargetTags"]}

    def is_due(self, now: datetime) -> bool:
        """Whether a time of the schedule has come since it last ran.

        On AWS it begins within the hour after that; here at once.
        """
        rule = self.schedule["CreateRule"]
        hour, minute = map(int, rule["Times"][0].split(":"))
        interval = timedelta(hours=rule["Interval"])
        moment = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        while moment > now:
            moment -= interval
        while moment + interval <= now:
            moment += interval
        return self.state == ENABLED and self.ran < moment

"""A metric alarm and the lines of its history."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.region import backends
from lab.region.cloudwatch.judgement import INSUFFICIENT, MISSING, Rule
from lab.region.cloudwatch.metrics import Key

UPDATE, CONFIGURATION, ACTION = "StateUpdate", "ConfigurationUpdate", "Action"


@dataclass(frozen=True)
class Entry:
    """A line of an alarm's history; `data` is JSON."""

    time: datetime
    alarm: str
    kind: str
    summary: str
    data: str


@dataclass
class Alarm:
    """An alarm as PutMetricAlarm was given it, with its state; `evaluated` is a time of the clock.

    `changed` is the time of the last change of the state, `updated` also that of its reason.
    """

    given: dict[str, Any]
    configured: datetime
    evaluated: float
    state: str = INSUFFICIENT
    reason: str = "Unchecked: Initial alarm creation"
    reason_data: str = ""
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The alarm's name."""
        return self.given["AlarmName"]

    @property
    def arn(self) -> str:
        """The alarm's ARN."""
        return f"arn:aws:cloudwatch:{backends.REGION}:{backends.ACCOUNT}:alarm:{self.name}"

    @property
    def period(self) -> int:
        """The length of a period in seconds."""
        return self.given["Period"]

    @property
    def statistic(self) -> str:
        """The statistic that is compared."""
        return self.given.get("Statistic") or self.given["ExtendedStatistic"]

    @property
    def key(self) -> Key:
        """The metric: namespace, name and exactly these dimensions."""
        held = self.given.get("Dimensions") or []
        dimensions = tuple(sorted((d["Name"], d["Value"]) for d in held))
        return self.given["Namespace"], self.given["MetricName"], dimensions

    @property
    def rule(self) -> Rule:
        """What is compared, how often, and with what."""
        given = self.given
        return Rule(
            given["ComparisonOperator"],
            given["Threshold"],
            given["EvaluationPeriods"],
            given.get("DatapointsToAlarm") or given["EvaluationPeriods"],
            given.get("TreatMissingData") or MISSING,
        )

    @property
    def actions(self) -> list[str]:
        """The actions for the present state, none if actions are not enabled."""
        names = {"OK": "OKActions", "ALARM": "AlarmActions"}
        if not self.given.get("ActionsEnabled", True):
            return []
        return self.given.get(names.get(self.state, "InsufficientDataActions")) or []

    def described(self) -> dict[str, Any]:
        """The alarm as DescribeAlarms has it."""
        return {
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [],
            "InsufficientDataActions": [],
            "Dimensions": [],
            **{name: value for name, value in self.given.items() if name != "Tags"},
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.configured,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateReasonData": self.reason_data or None,
            "StateUpdatedTimestamp": self.updated,
            "StateTransitionedTimestamp": self.changed,
        }

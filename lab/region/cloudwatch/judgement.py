"""What an alarm's state is, by the data points of its evaluation range.

Amazon CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat
missing data". How many more data points than its evaluation periods CloudWatch looks at is not
published; its examples look at five for three.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
BREACHING, NOT_BREACHING, IGNORE, MISSING = "breaching", "notBreaching", "ignore", "missing"
TREATMENTS = (BREACHING, NOT_BREACHING, IGNORE, MISSING)
EXTRA_PERIODS = 2
# what is compared, and the words for it
COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True)
class Rule:
    """An alarm's rule: `datapoints` out of `periods` must breach the threshold."""

    comparison: str
    threshold: float
    periods: int
    datapoints: int
    treat: str = MISSING

    @property
    def range(self) -> int:
        """The number of periods that are looked at."""
        return self.periods + EXTRA_PERIODS

    def breached(self, value: float) -> bool:
        """Whether a value breaches the threshold."""
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Judgement:
    """A state, None if the present one stays, and what led to it.

    `used` are the data points that were evaluated, (periods ago, value), the newest first;
    `filled` is the number of missing ones.
    """

    state: str | None
    used: tuple[tuple[int, float], ...] = ()
    filled: int = 0


def judge(rule: Rule, points: Sequence[float | None]) -> Judgement:
    """Judge the data points of the evaluation range, the oldest first, None for missing ones."""
    newest = enumerate(reversed(points))
    real = tuple((age, value) for age, value in newest if value is not None)
    used = real[: rule.periods]
    filled = rule.periods - len(used)
    bad = sum(rule.breached(value) for _, value in used)
    if filled and rule.treat == BREACHING:
        bad += filled
    if bad >= rule.datapoints:
        return Judgement(ALARM, used, filled)
    if not filled or rule.treat in (BREACHING, NOT_BREACHING) or bad < len(used):
        return Judgement(OK, used, filled)
    # Nothing contradicts an alarm, and too few data points breach for one, or there are none.
    if rule.treat == IGNORE:
        return Judgement(None, used, filled)
    # "Avoiding premature transitions to alarm state": a breach that is old enough counts alone.
    old_enough = bool(used) and used[-1][0] + 1 >= rule.datapoints
    return Judgement(ALARM if old_enough else INSUFFICIENT, used, filled)

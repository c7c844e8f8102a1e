"""Metrics and their statistics.

Amazon CloudWatch User Guide, "Metrics concepts" and "CloudWatch statistics definitions"; API
reference, PutMetricData and GetMetricStatistics.
"""

import bisect
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MINUTE = 60.0
KEPT_SECONDS = 15 * 86_400.0  # for so long CloudWatch keeps data points of a minute
PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")

Dimensions = tuple[tuple[str, str], ...]
# Namespace, name and all dimensions: another set of dimensions is another metric.
Key = tuple[str, str, Dimensions]


@dataclass(frozen=True)
class Sample:
    """A data point, or a set of them, at a time in seconds since 1970.

    `values` are (value, how often) for percentiles, none if only the set's statistics are known.
    """

    time: float
    count: float
    total: float
    low: float
    high: float
    unit: str = "None"
    values: tuple[tuple[float, float], ...] = ()


def single(time: float, value: float, unit: str = "None") -> Sample:
    """A data point of one value."""
    return Sample(time, 1.0, value, value, value, unit, ((value, 1.0),))


def statistic(samples: Sequence[Sample], name: str) -> float | None:
    """A statistic of a period's samples; None without samples, or for a percentile of unknowns."""
    if not samples:
        return None
    count, total = sum(s.count for s in samples), sum(s.total for s in samples)
    if found := PERCENTILE.fullmatch(name):
        return _percentile(samples, float(found[1]))
    return {
        "SampleCount": count,
        "Sum": total,
        "Average": total / count if count else None,
        "Minimum": min(s.low for s in samples),
        "Maximum": max(s.high for s in samples),
    }[name]


def _percentile(samples: Sequence[Sample], percent: float) -> float | None:
    values = sorted(value for sample in samples for value in sample.values)
    if any(not sample.values for sample in samples) or any(value < 0 for value, _ in values):
        return None
    wanted, seen = percent / 100 * sum(times for _, times in values), 0.0
    for value, times in values:
        seen += times
        if seen >= wanted:
            return value
    return None


@dataclass
class Metrics:
    """The account's metrics, each with its samples in the order of their times."""

    series: dict[Key, list[Sample]] = field(default_factory=dict)

    def put(self, key: Key, sample: Sample) -> None:
        """Keep a sample, and forget those that are too old."""
        held = self.series.setdefault(key, [])
        bisect.insort(held, sample, key=lambda s: s.time)
        while held[-1].time - held[0].time > KEPT_SECONDS:
            held.pop(0)

    def between(self, key: Key, start: float, end: float, unit: str | None) -> list[Sample]:
        """The samples from `start` until before `end`, of all units or of one."""
        held = self.series.get(key, [])
        first = bisect.bisect_left(held, start, key=lambda s: s.time)
        last = bisect.bisect_left(held, end, key=lambda s: s.time)
        return [sample for sample in held[first:last] if unit in (None, sample.unit)]

    def periods(
        self, key: Key, name: str, starts: Iterable[float], period: float, unit: str | None
    ) -> list[float | None]:
        """A statistic of each period that begins at one of `starts`; None where there is none."""
        return [statistic(self.between(key, at, at + period, unit), name) for at in starts]

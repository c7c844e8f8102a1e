"""PutMetricData, and the calls that read metrics.

API reference, PutMetricData, GetMetricStatistics, GetMetricData, ListMetrics; the codes of errors
are CloudWatch's, their texts only in part.
"""

import math
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.region.cloudwatch.metrics import (
    MINUTE,
    PERCENTILE,
    STATISTICS,
    Dimensions,
    Key,
    Sample,
    statistic,
)
from lab.region.errors import ApiError
from lab.region.memory import Memory

Parameters = dict[str, Any]
MOST_METRICS, MOST_DIMENSIONS, MOST_VALUES, MOST_POINTS = 1000, 30, 150, 1440
NAME_LIMIT, VALUE_LIMIT = 255, 1024
PAST, AHEAD = 14 * 86_400.0, 2 * 3600.0
LARGEST = 2.0**360
TEXT = re.compile(r"(?=.*\S)[ -~]+")
PERIODS = (1, 5, 10, 20, 30)
PAGE = 500


def invalid(text: str) -> ApiError:
    """The error of a wrong value."""
    return ApiError("InvalidParameterValue", text)


def dimensions_of(given: list[dict[str, str]], where: str) -> Dimensions:
    """Checked dimensions, in the order of their names."""
    if len(given) > MOST_DIMENSIONS:
        raise invalid(
            f"The collection {where} must not have a size greater than {MOST_DIMENSIONS}."
        )
    for number, dimension in enumerate(given, 1):
        for part, limit in (("Name", NAME_LIMIT), ("Value", VALUE_LIMIT)):
            value = dimension.get(part, "")
            if not TEXT.fullmatch(value) or len(value) > limit or (part, value[0]) == ("Name", ":"):
                raise invalid(
                    f"The value {value} for parameter {where}.member.{number}.{part} is invalid."
                )
    if len({d["Name"] for d in given}) < len(given):
        raise invalid(f"No duplicate dimension names are allowed in {where}.")
    return tuple(sorted((d["Name"], d["Value"]) for d in given))


def check_namespace(namespace: str) -> None:
    """A namespace of one's own, since those that begin with AWS/ are Amazon's."""
    long = len(namespace) > NAME_LIMIT
    if long or not TEXT.fullmatch(namespace) or namespace.startswith((":", "AWS/")):
        raise invalid(f"The value {namespace} for parameter Namespace is invalid.")


def put(memory: Memory, given: Parameters) -> Parameters:
    """PutMetricData: everything is checked before anything is kept."""
    namespace, data = given.get("Namespace") or "", given.get("MetricData") or []
    check_namespace(namespace)
    if not data:
        raise ApiError("MissingParameter", "The parameter MetricData is required.")
    if len(data) > MOST_METRICS:
        raise invalid(
            f"The collection MetricData must not have a size greater than {MOST_METRICS}."
        )
    now = time.time()
    found = [
        _datum(namespace, datum, f"MetricData.member.{number}", now)
        for number, datum in enumerate(data, 1)
    ]
    for key, sample in found:
        memory.cloudwatch.metrics.put(key, sample)
    return {}


def _datum(namespace: str, datum: Parameters, where: str, now: float) -> tuple[Key, Sample]:
    name = datum.get("MetricName") or ""
    if not TEXT.fullmatch(name) or len(name) > NAME_LIMIT:
        raise invalid(f"The value {name} for parameter {where}.MetricName is invalid.")
    dimensions = dimensions_of(datum.get("Dimensions") or [], f"{where}.Dimensions")
    at = datum["Timestamp"].timestamp() if datum.get("Timestamp") else now
    if at < now - PAST:
        raise invalid(
            f"The parameter {where}.Timestamp must specify a time within the past two weeks."
        )
    if at > now + AHEAD:
        raise invalid(
            f"The parameter {where}.Timestamp must specify a time no more than two hours in the "
            "future."
        )
    resolution = datum.get("StorageResolution") or MINUTE
    if resolution not in (1, MINUTE):
        raise invalid(f"The value {resolution} for parameter {where}.StorageResolution is invalid.")
    at = math.floor(at / resolution) * resolution  # data points are kept by the minute, or second
    return (namespace, name, dimensions), _sample(datum, where, at)


def _sample(datum: Parameters, where: str, at: float) -> Sample:
    unit = datum.get("Unit") or "None"
    if held := datum.get("StatisticValues"):
        numbers = [held.get(n) for n in ("SampleCount", "Sum", "Minimum", "Maximum")]
        if None in numbers:
            raise ApiError("MissingParameter", f"{where}.StatisticValues is not complete.")
        count, total, low, high = (_number(n, where) for n in numbers)
        values = ((low, count),) if low == high else ()
        return Sample(at, count, total, low, high, unit, values)
    values = datum.get("Values") or []
    if "Value" in datum and values:
        said = f"The parameters {where}.Value and {where}.Values are mutually exclusive."
        raise ApiError("InvalidParameterCombination", said)
    values = [_number(v, where) for v in values or [datum.get("Value")]]
    counts = [_number(c, where) for c in datum.get("Counts") or [1.0] * len(values)]
    if len(counts) != len(values) or len(values) > MOST_VALUES:
        raise invalid(f"The parameters {where}.Values and {where}.Counts must be of the same size.")
    pairs = tuple(zip(values, counts, strict=True))
    total = sum(value * count for value, count in pairs)
    return Sample(at, sum(counts), total, min(values), max(values), unit, pairs)


def _number(value: Any, where: str) -> float:
    if value is None:
        raise ApiError("MissingParameter", f"The parameter {where}.Value is required.")
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise invalid(f"The value {value} for parameter {where}.Value is invalid.")
    return float(value)


def _starts(given: Parameters, period: int) -> list[float]:
    """The beginnings of periods; the first is at the full minute, or its part, before the start."""
    if period not in PERIODS and period % int(MINUTE):
        raise invalid(f"The value {period} for parameter Period is invalid.")
    start, end = given["StartTime"].timestamp(), given["EndTime"].timestamp()
    if start >= end:
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    step = min(period, MINUTE)
    first = math.floor(start / step) * step
    count = math.ceil((end - first) / period)
    if count > MOST_POINTS:
        said = f"You have requested up to {count} datapoints, which exceeds the limit of 1,440."
        raise ApiError("InvalidParameterCombination", said)
    return [first + number * period for number in range(count)]


def _known(name: str) -> str:
    if name not in STATISTICS and not PERCENTILE.fullmatch(name):
        raise invalid(
            f"The value {name} for parameter Statistics is invalid; the lab has p0 to p100"
        )
    return name


def statistics(memory: Memory, given: Parameters) -> Parameters:
    """GetMetricStatistics, of a metric with exactly these dimensions."""
    period = given["Period"]
    plain = [_known(n) for n in given.get("Statistics") or []]
    extended = [_known(n) for n in given.get("ExtendedStatistics") or []]
    if not plain and not extended:
        said = "Must specify either Statistics or ExtendedStatistics"
        raise ApiError("InvalidParameterCombination", said)
    key = _key(given)
    found: list[Parameters] = []
    for start in _starts(given, period):
        samples = memory.cloudwatch.metrics.between(key, start, start + period, given.get("Unit"))
        if not samples:
            continue
        point: Parameters = {"Timestamp": datetime.fromtimestamp(start, UTC)}
        point["Unit"] = samples[-1].unit
        point |= {name: statistic(samples, name) for name in plain}
        if extended:
            point["ExtendedStatistics"] = {name: statistic(samples, name) for name in extended}
        found.append(point)
    return {"Label": given["MetricName"], "Datapoints": found}


def _key(given: Parameters) -> Key:
    dimensions = dimensions_of(given.get("Dimensions") or [], "Dimensions")
    return given["Namespace"], given["MetricName"], dimensions


def data(memory: Memory, given: Parameters) -> Parameters:
    """GetMetricData, without expressions."""
    oldest_first = given.get("ScanBy") == "TimestampAscending"
    results: list[Parameters] = []
    for query in given.get("MetricDataQueries") or []:
        if not query.get("MetricStat"):
            raise ApiError("ValidationError", "the lab has no metric math")
        asked = query["MetricStat"]
        starts = _starts(given, asked["Period"])
        name, unit, key = _known(asked["Stat"]), asked.get("Unit"), _key(asked["Metric"])
        values = memory.cloudwatch.metrics.periods(key, name, starts, asked["Period"], unit)
        points = [(at, v) for at, v in zip(starts, values, strict=True) if v is not None]
        if not oldest_first:
            points.reverse()
        if query.get("ReturnData", True):
            result = {
                "Id": query["Id"],
                "Label": query.get("Label") or asked["Metric"]["MetricName"],
                "Timestamps": [datetime.fromtimestamp(at, UTC) for at, _ in points],
                "Values": [value for _, value in points],
                "StatusCode": "Complete",
            }
            results.append(result)
    return {"MetricDataResults": results, "Messages": []}


def listed(memory: Memory, given: Parameters) -> Parameters:
    """ListMetrics, with any dimensions besides those that are named."""
    wanted = [(d["Name"], d.get("Value")) for d in given.get("Dimensions") or []]
    found = [
        {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions],
        }
        for namespace, name, dimensions in sorted(memory.cloudwatch.metrics.series)
        if given.get("Namespace") in (None, namespace)
        and given.get("MetricName") in (None, name)
        and all(any(n == w and v in (None, x) for n, x in dimensions) for w, v in wanted)
    ]
    return paged(found, given, "Metrics", PAGE)


def paged(found: list[Any], given: Parameters, name: str, size: int) -> Parameters:
    """One page of a list, and the token of the next."""
    first = int(given.get("NextToken") or 0)
    more = first + size < len(found)
    return {name: found[first : first + size], "NextToken": str(first + size) if more else None}


CALLS: Mapping[str, Callable[[Memory, Parameters], Parameters]] = {
    "PutMetricData": put,
    "GetMetricStatistics": statistics,
    "GetMetricData": data,
    "ListMetrics": listed,
}

"""The calls about alarms (API reference, PutMetricAlarm and others)."""

import json
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.region import backends
from lab.region.cloudwatch import evaluation
from lab.region.cloudwatch.alarms import CONFIGURATION, Alarm
from lab.region.cloudwatch.judgement import ALARM, COMPARISONS, INSUFFICIENT, OK, TREATMENTS
from lab.region.cloudwatch.metric_calls import dimensions_of, paged
from lab.region.cloudwatch.metrics import PERCENTILE, STATISTICS
from lab.region.errors import ApiError
from lab.region.memory import Memory

Parameters = dict[str, Any]
NAME_LIMIT, DESCRIPTION_LIMIT, MOST_ACTIONS, MOST_TAGS = 255, 1024, 5, 50
HOUR, DAY, WEEK = 3600, 86_400, 604_800
SHORT_PERIODS = (10, 20, 30)
ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
TOPIC = re.compile(rf"arn:aws:sns:([a-z0-9-]+):{backends.ACCOUNT}:[A-Za-z0-9_-]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _refuse(text: str) -> ApiError:
    return ApiError("ValidationError", text)


def put(memory: Memory, given: Parameters) -> Parameters:
    """PutMetricAlarm: a new alarm, or another configuration of one, which keeps its state."""
    _check(given)
    held, now = memory.cloudwatch.alarms.get(given["AlarmName"]), datetime.now(UTC)
    tags = {tag["Key"]: tag["Value"] for tag in given.pop("Tags", None) or []}
    if held is None:
        made = Alarm(given, now, time.time(), updated=now, changed=now, tags=tags)
        memory.cloudwatch.alarms[made.name] = made
    else:  # its tags are not changed by this call
        held.given, held.configured = given, now
    what = "updated" if held else "created"
    name = given["AlarmName"]
    data = {"version": "1.0", "type": "Update" if held else "Create"}
    memory.cloudwatch.note(name, CONFIGURATION, f'Alarm "{name}" {what}', data)
    return {}


def _check(given: Parameters) -> None:
    name = given.get("AlarmName") or ""
    if not 1 <= len(name) <= NAME_LIMIT or CONTROL.search(name):
        raise _refuse(
            f"1 validation error detected: Value '{name}' at 'alarmName' failed to satisfy "
            f"constraint: Member must have length less than or equal to {NAME_LIMIT}"
        )
    if len(given.get("AlarmDescription") or "") > DESCRIPTION_LIMIT:
        raise _refuse(f"the description has more than {DESCRIPTION_LIMIT} characters")
    if given.get("Metrics") or given.get("ThresholdMetricId"):
        raise _refuse("the lab has no alarms on metric math")
    for needed in ("MetricName", "Namespace", "Period", "EvaluationPeriods", "Threshold"):
        if given.get(needed) is None:
            raise ApiError("MissingParameter", f"The parameter {needed} is required.")
    if given.get("ComparisonOperator") not in COMPARISONS:
        raise _refuse(f"the lab does not compare by {given.get('ComparisonOperator')}")
    if (given.get("TreatMissingData") or TREATMENTS[0]) not in TREATMENTS:
        raise _refuse(
            f"Option {given['TreatMissingData']} is not supported. Supported options for parameter "
            f"TreatMissingData are {', '.join(TREATMENTS)}."
        )
    if len(given.get("Tags") or []) > MOST_TAGS:
        raise _refuse(f"an alarm has {MOST_TAGS} tags at most")
    dimensions_of(given.get("Dimensions") or [], "Dimensions")
    _check_statistic(given)
    _check_periods(given)
    for actions in ACTIONS:
        _check_actions(actions, given.get(actions) or [])


def _check_statistic(given: Parameters) -> None:
    plain, extended = given.get("Statistic"), given.get("ExtendedStatistic")
    if bool(plain) == bool(extended):
        said = "Exactly one of Statistic and ExtendedStatistic must be specified."
        raise ApiError("InvalidParameterCombination", said)
    if (plain and plain not in STATISTICS) or (extended and not PERCENTILE.fullmatch(extended)):
        said = f"The value {plain or extended} for the statistic is invalid; the lab has p0 to p100"
        raise ApiError("InvalidParameterValue", said)


def _check_periods(given: Parameters) -> None:
    period, count = given["Period"], given["EvaluationPeriods"]
    if period not in SHORT_PERIODS and (period < 1 or period % 60):
        raise _refuse("Period must be 10, 20, 30 or a multiple of 60")
    if count < 1 or not 1 <= (given.get("DatapointsToAlarm") or 1) <= count:
        raise _refuse("DatapointsToAlarm must be between 1 and EvaluationPeriods")
    limit, what = (WEEK, "a week") if period >= HOUR else (DAY, "a day")
    if period * count > limit:
        raise _refuse(
            f"Metrics cannot be checked across more than {what} (EvaluationPeriods * Period must "
            f"be <= {limit})."
        )


def _check_actions(name: str, arns: list[str]) -> None:
    """Topics need not exist: CloudWatch does not test actions."""
    if len(arns) > MOST_ACTIONS:
        raise _refuse(f"{name} must have {MOST_ACTIONS} members at most")
    for arn in arns:
        found = TOPIC.fullmatch(arn)
        if found is None:
            raise _refuse(f"Invalid arn syntax: {arn}; the lab has topics of the account only")
        if found[1] != backends.REGION:
            said = f"Invalid region {found[1]} specified. Only {backends.REGION} is supported."
            raise _refuse(said)


def describe(memory: Memory, given: Parameters) -> Parameters:
    """DescribeAlarms, 50 a page unless it asks for up to 100."""
    if given.get("AlarmTypes") and "MetricAlarm" not in given["AlarmTypes"]:
        return {"MetricAlarms": [], "CompositeAlarms": []}
    names, prefix = given.get("AlarmNames") or [], given.get("AlarmNamePrefix") or ""
    action = given.get("ActionPrefix") or ""
    found = [
        alarm.described()
        for alarm in memory.cloudwatch.chosen(names, prefix)
        if given.get("StateValue") in (None, alarm.state)
        and (not action or any(a.startswith(action) for a in _all_actions(alarm)))
    ]
    page = paged(found, given, "MetricAlarms", given.get("MaxRecords") or 50)
    return {**page, "CompositeAlarms": []}


def _all_actions(alarm: Alarm) -> list[str]:
    return [arn for name in ACTIONS for arn in alarm.given.get(name) or []]


def for_metric(memory: Memory, given: Parameters) -> Parameters:
    """DescribeAlarmsForMetric, by namespace, name and exactly these dimensions."""
    dimensions = dimensions_of(given.get("Dimensions") or [], "Dimensions")
    key = given["Namespace"], given["MetricName"], dimensions
    alarms = memory.cloudwatch.chosen((), "")
    return {"MetricAlarms": [alarm.described() for alarm in alarms if alarm.key == key]}


def delete(memory: Memory, given: Parameters) -> Parameters:
    """DeleteAlarms; if one of several does not exist, none is deleted."""
    names = given.get("AlarmNames") or []
    if not set(names) <= set(memory.cloudwatch.alarms):
        raise ApiError("ResourceNotFound", "", 404)
    for name in names:
        memory.cloudwatch.alarms.pop(name)
    return {}


def _one(memory: Memory, name: str) -> Alarm:
    found = memory.cloudwatch.alarms.get(name)
    if found is None:
        raise ApiError("ResourceNotFound", "", 404)
    return found


def set_state(memory: Memory, given: Parameters) -> Parameters:
    """SetAlarmState, for a test: the next evaluation sets the true state again."""
    alarm, state = _one(memory, given["AlarmName"]), given["StateValue"]
    if state not in (OK, ALARM, INSUFFICIENT):
        raise _refuse(f"Value '{state}' at 'stateValue' failed to satisfy constraint")
    data = given.get("StateReasonData") or ""
    try:
        json.loads(data or "{}")
    except ValueError:
        raise ApiError("InvalidFormat", "The reason's data is no JSON") from None
    reason = given.get("StateReason") or ""
    evaluation.set_state(memory, alarm, state, reason, data, datetime.now(UTC))
    return {}


def history(memory: Memory, given: Parameters) -> Parameters:
    """DescribeAlarmHistory, the newest first unless it asks for the oldest."""
    found = [
        {
            "AlarmName": entry.alarm,
            "AlarmType": "MetricAlarm",
            "Timestamp": entry.time,
            "HistoryItemType": entry.kind,
            "HistorySummary": entry.summary,
            "HistoryData": entry.data,
        }
        for entry in memory.cloudwatch.history
        if given.get("AlarmName") in (None, entry.alarm)
        and given.get("HistoryItemType") in (None, entry.kind)
        and not (given.get("StartDate") and entry.time < given["StartDate"])
        and not (given.get("EndDate") and entry.time > given["EndDate"])
    ]
    if given.get("ScanBy") == "TimestampAscending":
        found.reverse()
    return paged(found, given, "AlarmHistoryItems", given.get("MaxRecords") or 100)


def _switch(*, on: bool) -> Callable[[Memory, Parameters], Parameters]:
    def call(memory: Memory, given: Parameters) -> Parameters:
        for alarm in memory.cloudwatch.chosen(given["AlarmNames"], ""):
            alarm.given["ActionsEnabled"] = on
        return {}

    return call


def _tagged(memory: Memory, given: Parameters) -> Alarm:
    for alarm in memory.cloudwatch.alarms.values():
        if alarm.arn == given["ResourceARN"]:
            return alarm
    raise ApiError("ResourceNotFoundException", "Unknown", 404)


def tags(memory: Memory, given: Parameters) -> Parameters:
    """ListTagsForResource."""
    held = _tagged(memory, given).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(held.items())]}


def tag(memory: Memory, given: Parameters) -> Parameters:
    """TagResource."""
    _tagged(memory, given).tags |= {t["Key"]: t["Value"] for t in given["Tags"]}
    return {}


def untag(memory: Memory, given: Parameters) -> Parameters:
    """UntagResource."""
    held = _tagged(memory, given)
    held.tags = {k: v for k, v in held.tags.items() if k not in given["TagKeys"]}
    return {}


CALLS: Mapping[str, Callable[[Memory, Parameters], Parameters]] = {
    "PutMetricAlarm": put,
    "DescribeAlarms": describe,
    "DescribeAlarmsForMetric": for_metric,
    "DeleteAlarms": delete,
    "SetAlarmState": set_state,
    "DescribeAlarmHistory": history,
    "EnableAlarmActions": _switch(on=True),
    "DisableAlarmActions": _switch(on=False),
    "ListTagsForResource": tags,
    "TagResource": tag,
    "UntagResource": untag,
}

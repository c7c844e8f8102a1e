"""The words of alarms: reasons of states, notifications and e-mails.

The texts are CloudWatch's own, as its users have published them; regions have their names.
"""

import json
from datetime import UTC, datetime
from typing import Any

from lab.region import backends
from lab.region.cloudwatch.alarms import Alarm
from lab.region.cloudwatch.judgement import (
    ALARM,
    BREACHING,
    COMPARISONS,
    INSUFFICIENT,
    NOT_BREACHING,
    Judgement,
)

REGION_NAME = "US East (N. Virginia)"
SUBJECT_LIMIT = 100  # SNS's, in characters


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def reason(alarm: Alarm, judgement: Judgement, end: float) -> str:
    """Why an alarm gets another state, by the data points until `end`, in seconds since 1970."""
    rule, bad = alarm.rule, judgement.state == ALARM
    if judgement.state == INSUFFICIENT:
        return (
            f"Insufficient Data: {_many(rule.periods, 'datapoint')} {_were(rule.periods)} unknown."
        )
    missing = judgement.filled if rule.treat in (BREACHING, NOT_BREACHING) else 0
    told = "[Breaching]" if rule.treat == BREACHING else "[NonBreaching]"
    filled = f"{_many(missing, 'missing datapoint')} {_were(missing)} treated as {told}"
    if not judgement.used:
        periods = _many(rule.periods, "period")
        return f"Threshold Crossed: no datapoints were received for {periods} and {filled}."
    of_several = bool(alarm.given.get("DatapointsToAlarm"))
    shown = [p for p in judgement.used if not of_several or rule.breached(p[1]) == bad]
    points = ", ".join(
        f"{value} ({_at(end - (age + 1) * alarm.period):%d/%m/%y %H:%M:%S})" for age, value in shown
    )
    count = _many(len(shown), "datapoint")
    if of_several:
        count = f"{len(shown)} out of the last {_many(rule.periods, 'datapoint')}"
    negated = "" if bad else "not "
    words = f"{negated}{COMPARISONS[rule.comparison][1]} the threshold ({rule.threshold})"
    text = f"Threshold Crossed: {count} [{points}] {_were(len(shown))} {words}"
    if missing:
        text += f" and {filled}"
    if of_several:
        needed = rule.datapoints if bad else rule.periods - rule.datapoints + 1
        change = "OK -> ALARM" if bad else "ALARM -> OK"
        text += f" (minimum {_many(needed, 'datapoint')} for {change} transition)"
    return f"{text}."


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def stamp(time: datetime) -> str:
    """A time as CloudWatch's JSON has it."""
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}+0000"


def data(alarm: Alarm, judgement: Judgement, end: float, time: datetime) -> dict[str, Any]:
    """The reason's data: what was asked for, and what was found."""
    used = list(reversed(judgement.used))
    found: dict[str, Any] = {
        "version": "1.0",
        "queryDate": stamp(time),
        "statistic": alarm.statistic,
        "period": alarm.period,
        "recentDatapoints": [value for _, value in used],
        "threshold": alarm.rule.threshold,
    }
    if used:
        first = end - (used[0][0] + 1) * alarm.period
        found["startDate"] = stamp(_at(first))
    return found


def notification(alarm: Alarm, old: str) -> str:
    """The JSON that an alarm sends to a topic, for all subscribers but e-mail."""
    given = alarm.given
    extended = "ExtendedStatistic" in given and not given.get("Statistic")
    trigger: dict[str, Any] = {
        "MetricName": given["MetricName"],
        "Namespace": given["Namespace"],
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        "ExtendedStatistic" if extended else "Statistic": (
            alarm.statistic if extended else alarm.statistic.upper()
        ),
        "Unit": given.get("Unit"),
        "Dimensions": [
            {"value": d["Value"], "name": d["Name"]} for d in given.get("Dimensions") or []
        ],
        "Period": alarm.period,
        "EvaluationPeriods": alarm.rule.periods,
        "DatapointsToAlarm": alarm.rule.datapoints,
        "ComparisonOperator": alarm.rule.comparison,
        "Threshold": alarm.rule.threshold,
        "TreatMissingData": alarm.rule.treat,
        "EvaluateLowSampleCountPercentile": given.get("EvaluateLowSampleCountPercentile") or "",
    }
    return json.dumps(
        {
            "AlarmName": alarm.name,
            "AlarmDescription": given.get("AlarmDescription"),
            "AWSAccountId": backends.ACCOUNT,
            "AlarmConfigurationUpdatedTimestamp": stamp(alarm.configured),
            "NewStateValue": alarm.state,
            "NewStateReason": alarm.reason,
            "StateChangeTime": stamp(alarm.updated),
            "Region": REGION_NAME,
            "AlarmArn": alarm.arn,
            "OldStateValue": old,
            "OKActions": given.get("OKActions") or [],
            "AlarmActions": given.get("AlarmActions") or [],
            "InsufficientDataActions": given.get("InsufficientDataActions") or [],
            "Trigger": trigger,
        }
    )


def subject(alarm: Alarm) -> str:
    """The subject of an alarm's notification; a long name is cut, as SNS takes 100 characters."""
    whole = f'{alarm.state}: "{alarm.name}" in {REGION_NAME}'
    over = len(whole) - SUBJECT_LIMIT
    if over <= 0:
        return whole
    return f'{alarm.state}: "{alarm.name[: -(over + 3)]}..." in {REGION_NAME}'


def email(alarm: Alarm, old: str) -> str:
    """The text of an alarm's e-mail."""
    given, rule = alarm.given, alarm.rule
    time = f"{alarm.updated:%A %d %B, %Y %H:%M:%S} UTC"
    region = backends.REGION
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/deeplink.js?region={region}"
    dimensions = " ".join(f"[{d['Name']} = {d['Value']}]" for d in given.get("Dimensions") or [])

    def listed(name: str) -> str:
        return " ".join(f"[{arn}]" for arn in given.get(name) or [])

    lines = [
        f'You are receiving this email because your Amazon CloudWatch Alarm "{alarm.name}" in the '
        f"{REGION_NAME} region has entered the {alarm.state} state, because "
        f'"{alarm.reason}" at "{time}".',
        "",
        "View this alarm in the AWS Management Console:",
        f"{console}#alarmsV2:alarm/{alarm.name}",
        "",
        "Alarm Details:",
        f"- Name:                       {alarm.name}",
        f"- Description:                {given.get('AlarmDescription') or ''}",
        f"- State Change:               {old} -> {alarm.state}",
        f"- Reason for State Change:    {alarm.reason}",
        f"- Timestamp:                  {time}",
        f"- AWS Account:                {backends.ACCOUNT}",
        f"- Alarm Arn:                  {alarm.arn}",
        "",
        "Threshold:",
        f"- The alarm is in the ALARM state when the metric is {rule.comparison} {rule.threshold} "
        f"for at least {rule.datapoints} of the last {rule.periods} period(s) of {alarm.period} "
        "seconds.",
        "",
        "Monitored Metric:",
        f"- MetricNamespace:                     {given['Namespace']}",
        f"- MetricName:                          {given['MetricName']}",
        f"- Dimensions:                          {dimensions}",
        f"- Period:                              {alarm.period} seconds",
        f"- Statistic:                           {alarm.statistic}",
        f"- Unit:                                {given.get('Unit') or 'not specified'}",
        f"- TreatMissingData:                    {rule.treat}",
        "",
        "",
        "State Change Actions:",
        f"- OK: {listed('OKActions')}",
        f"- ALARM: {listed('AlarmActions')}",
        f"- INSUFFICIENT_DATA: {listed('InsufficientDataActions')}",
        "",
    ]
    return "\n".join(lines)

"""CloudWatch's API in the lab's region, as boto3 and the AWS command line speak to it."""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from region_service import serving
from werkzeug.test import Client

from lab.region import backends
from lab.region.app import Region
from lab.region.memory import Memory

HOST = [{"Name": "Host", "Value": "mail.relay.example"}]
ALARM: dict[str, Any] = {
    "AlarmName": "queue",
    "Namespace": "MailRelay",
    "MetricName": "Queue",
    "Dimensions": HOST,
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "Threshold": 100.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "breaching",
}


@dataclass
class Account:
    memory: Memory
    cloudwatch: Any


@pytest.fixture
def account() -> Iterator[Account]:
    memory = Memory()
    with serving(memory) as (client, _):
        yield Account(memory, client("cloudwatch"))


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def datum(value: float = 1.0, **others: Any) -> dict[str, Any]:
    return {"MetricName": "Queue", "Value": value, "Dimensions": HOST, **others}


def points(account: Account, **others: Any) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    found = account.cloudwatch.get_metric_statistics(
        **{
            "Namespace": "MailRelay",
            "MetricName": "Queue",
            "Dimensions": HOST,
            "StartTime": now - timedelta(minutes=10),
            "EndTime": now + timedelta(minutes=1),
            "Period": 60,
            "Statistics": ["Sum", "Minimum", "Maximum", "SampleCount", "Average"],
            **others,
        }
    )["Datapoints"]
    return sorted(found, key=lambda point: point["Timestamp"])


def test_data_points_are_aggregated_by_full_periods(account: Account) -> None:
    minute = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    times = (timedelta(seconds=1), timedelta(seconds=59), timedelta(seconds=61))
    data = [datum(n, Timestamp=minute + at) for n, at in zip((1, 5, 7), times, strict=True)]
    account.cloudwatch.put_metric_data(Namespace="MailRelay", MetricData=data)
    first, second = points(account)
    assert first["Timestamp"] == minute
    names = ("Sum", "Minimum", "Maximum", "SampleCount", "Average")
    assert [first[name] for name in names] == [6, 1, 5, 2, 3]
    assert [second[name] for name in names] == [7, 7, 7, 1, 7]
    (whole,) = points(account, Period=600)
    assert whole["Sum"] == 13


def test_a_metric_is_its_exact_dimensions(account: Account) -> None:
    more = [*HOST, {"Name": "Queue", "Value": "active"}]
    data = [datum(1), datum(5, Dimensions=more), {"MetricName": "Queue", "Value": 9.0}]
    account.cloudwatch.put_metric_data(Namespace="MailRelay", MetricData=data)
    sums = [points(account, Dimensions=d)[0]["Sum"] for d in (HOST, more, more[::-1], [])]
    assert sums == [1, 5, 5, 9]
    assert points(account, Dimensions=more[1:]) == []
    listed = account.cloudwatch.list_metrics(Namespace="MailRelay", Dimensions=HOST)["Metrics"]
    assert [len(metric["Dimensions"]) for metric in listed] == [1, 2]


def test_sets_and_units_and_percentiles(account: Account) -> None:
    known = {"SampleCount": 4.0, "Sum": 10.0, "Minimum": 1.0, "Maximum": 4.0}
    data = [
        {"MetricName": "Queue", "Dimensions": HOST, "Unit": "Count", "StatisticValues": known},
        datum(8, Unit="Bytes"),
    ]
    account.cloudwatch.put_metric_data(Namespace="MailRelay", MetricData=data)
    assert [points(account, Unit=u)[0]["Sum"] for u in ("Count", "Bytes")] == [10, 8]
    assert points(account, Unit="Seconds") == []
    assert points(account)[0]["Maximum"] == 8
    spread = {"Values": [1.0, 2.0, 50.0], "Counts": [50.0, 49.0, 1.0]}
    data = [{"MetricName": "Seconds", **spread}]
    account.cloudwatch.put_metric_data(Namespace="MailRelay", MetricData=data)
    asked = {"Statistics": [], "ExtendedStatistics": ["p50", "p99", "p100"]}
    (point,) = points(account, MetricName="Seconds", Dimensions=[], **asked)
    assert point["ExtendedStatistics"] == {"p50": 1, "p99": 2, "p100": 50}


def test_metric_data_has_the_newest_first(account: Account) -> None:
    now = datetime.now(UTC)
    data = [datum(n, Timestamp=now - timedelta(minutes=n)) for n in (1, 2)]
    account.cloudwatch.put_metric_data(Namespace="MailRelay", MetricData=data)
    metric = {"Namespace": "MailRelay", "MetricName": "Queue", "Dimensions": HOST}
    query = {"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    asked = {"StartTime": now - timedelta(minutes=5), "EndTime": now}
    for order, values in (("TimestampDescending", [1, 2]), ("TimestampAscending", [2, 1])):
        found = account.cloudwatch.get_metric_data(
            MetricDataQueries=[query], ScanBy=order, **asked
        )["MetricDataResults"]
        assert [result["Values"] for result in found] == [values]


@pytest.mark.parametrize(
    ("namespace", "data", "code"),
    [
        ("AWS/EC2", [datum()], "InvalidParameterValue"),
        (":x", [datum()], "InvalidParameterValue"),
        ("x" * 256, [datum()], "InvalidParameterValue"),
        ("MailRelay", [], "MissingParameter"),
        ("MailRelay", [datum()] * 1001, "InvalidParameterValue"),
        (
            "MailRelay",
            [datum(Timestamp=-timedelta(days=14, minutes=1))],
            "InvalidParameterValue",
        ),
        (
            "MailRelay",
            [datum(Timestamp=timedelta(hours=2, minutes=1))],
            "InvalidParameterValue",
        ),
        ("MailRelay", [datum(2.0**361)], "InvalidParameterValue"),
        ("MailRelay", [{"MetricName": "Queue"}], "MissingParameter"),
        ("MailRelay", [datum(Values=[1.0])], "InvalidParameterCombination"),
        (
            "MailRelay",
            [datum(Dimensions=[{"Name": "Host", "Value": " "}])],
            "InvalidParameterValue",
        ),
        ("MailRelay", [datum(Dimensions=HOST * 2)], "InvalidParameterValue"),
        (
            "MailRelay",
            [datum(Dimensions=[{"Name": f"d{n}", "Value": "x"} for n in range(31)])],
            "InvalidParameterValue",
        ),
        ("MailRelay", [datum(StorageResolution=5)], "InvalidParameterValue"),
    ],
)
def test_what_cloudwatch_refuses_is_refused_as_a_whole(
    account: Account, namespace: str, data: list[dict[str, Any]], code: str
) -> None:
    for each in data:
        if isinstance(each.get("Timestamp"), timedelta):
            each["Timestamp"] += datetime.now(UTC)
    put = account.cloudwatch.put_metric_data
    assert refused(lambda: put(Namespace=namespace, MetricData=data)) == code
    assert account.memory.cloudwatch.metrics.series == {}


def test_the_limits_themselves_are_kept(account: Account) -> None:
    margin = timedelta(minutes=1)
    most = [{"Name": f"d{n}", "Value": "x"} for n in range(30)]
    data = [
        datum(Timestamp=datetime.now(UTC) - timedelta(days=14) + margin),
        datum(Timestamp=datetime.now(UTC) + timedelta(hours=2) - margin),
        *[datum(Dimensions=most)] * 998,
    ]
    account.cloudwatch.put_metric_data(Namespace="MailRelay", MetricData=data)
    assert len(account.memory.cloudwatch.metrics.series) == 2


FIELDS = {
    "Version": "2010-08-01",
    "Namespace": "MailRelay",
    "MetricData.member.1.MetricName": "Queue",
    "MetricData.member.1.Value": "4",
    "MetricData.member.1.Timestamp": "2026-01-01T00:00:00Z",
}


def sent(memory: Memory, fields: dict[str, str], **headers: str) -> tuple[int, str]:
    """A call in form fields, as the AWS command line of Debian's image sends it."""
    signed = "Credential=KEY/20260101/us-east-1/monitoring/aws4_request"
    said = Client(Region(memory)).post("/", data=fields, headers={"Authorization": signed})
    return said.status_code, said.text


def test_form_fields_are_understood_too(account: Account) -> None:
    fields = {**FIELDS, "Action": "PutMetricData"}
    fields["MetricData.member.1.Timestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert sent(account.memory, fields)[0] == 200
    assert points(account, Dimensions=[])[0]["Sum"] == 4
    account.cloudwatch.put_metric_alarm(**ALARM)
    status, text = sent(account.memory, {"Action": "DescribeAlarms", "Version": "2010-08-01"})
    assert (status, "<AlarmName>queue</AlarmName>" in text) == (200, True)
    wrong = {**fields, "Namespace": "AWS/EC2"}
    status, text = sent(account.memory, wrong)
    assert (status, "<Code>InvalidParameterValue</Code>" in text) == (400, True)


def test_a_large_request_comes_compressed_and_a_megabyte_is_the_limit(account: Account) -> None:
    signed = "Credential=KEY/20260101/us-east-1/monitoring/aws4_request"
    headers = {
        "Authorization": signed,
        "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
        "Content-Type": "application/x-amz-json-1.0",
    }
    body = json.dumps({"Namespace": "MailRelay", "MetricData": [datum(3)]}).encode()
    packed = {**headers, "Content-Encoding": "gzip"}
    region = Client(Region(account.memory))
    assert region.post("/", data=gzip.compress(body), headers=packed).status_code == 200
    assert points(account)[0]["Sum"] == 3
    large = region.post("/", data=body + b" " * 1024 * 1024, headers=headers)
    assert (large.status_code, large.headers["x-amzn-query-error"]) == (
        413,
        "RequestEntityTooLarge;Sender",
    )


def test_an_alarm_is_described_changed_and_deleted(account: Account) -> None:
    cloudwatch = account.cloudwatch
    tags = [{"Key": "stack", "Value": "dev"}]
    cloudwatch.put_metric_alarm(**ALARM, Tags=tags)
    (made,) = cloudwatch.describe_alarms(AlarmNames=["queue", "other"])["MetricAlarms"]
    assert made["StateValue"] == "INSUFFICIENT_DATA"
    assert {name: made[name] for name in ALARM} == ALARM
    cloudwatch.set_alarm_state(AlarmName="queue", StateValue="OK", StateReason="a test")
    cloudwatch.put_metric_alarm(**{**ALARM, "Threshold": 5.0}, Tags=[])
    (now,) = cloudwatch.describe_alarms(AlarmNamePrefix="que", StateValue="OK")["MetricAlarms"]
    assert (now["Threshold"], now["StateReason"]) == (5, "a test")
    arn = now["AlarmArn"]
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == tags
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["stack"])
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
        {"Key": "a", "Value": "b"}
    ]
    history = cloudwatch.describe_alarm_history(AlarmName="queue")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in history] == [
        'Alarm "queue" updated',
        "Alarm updated from INSUFFICIENT_DATA to OK",
        'Alarm "queue" created',
    ]
    assert (
        refused(lambda: cloudwatch.delete_alarms(AlarmNames=["queue", "x"])) == "ResourceNotFound"
    )
    cloudwatch.delete_alarms(AlarmNames=["queue"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_alarms_come_in_pages_of_fifty(account: Account) -> None:
    for number in range(51):
        account.cloudwatch.put_metric_alarm(**{**ALARM, "AlarmName": f"a{number:02d}"})
    first = account.cloudwatch.describe_alarms()
    assert len(first["MetricAlarms"]) == 50
    rest = account.cloudwatch.describe_alarms(NextToken=first["NextToken"])
    assert [alarm["AlarmName"] for alarm in rest["MetricAlarms"]] == ["a50"]
    assert "NextToken" not in rest


TOPIC = f"arn:aws:sns:us-east-1:{backends.ACCOUNT}:t"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AlarmName": "x" * 256}, "ValidationError"),
        ({"AlarmName": "x\n"}, "ValidationError"),
        ({"Period": 45}, "ValidationError"),
        ({"Period": 90}, "ValidationError"),
        ({"Period": 300, "EvaluationPeriods": 289}, "ValidationError"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "ValidationError"),
        ({"DatapointsToAlarm": 4}, "ValidationError"),
        ({"TreatMissingData": "bad"}, "ValidationError"),
        ({"ComparisonOperator": "Equals"}, "ValidationError"),
        ({"AlarmDescription": "x" * 1025}, "ValidationError"),
        ({"AlarmActions": [TOPIC] * 6}, "ValidationError"),
        ({"AlarmActions": ["arn:aws:sns:eu-west-1:123456789012:t"]}, "ValidationError"),
        ({"OKActions": ["t"]}, "ValidationError"),
        ({"ExtendedStatistic": "p99"}, "InvalidParameterCombination"),
        ({"Statistic": None}, "InvalidParameterCombination"),
        ({"Statistic": "Median"}, "InvalidParameterValue"),
        ({"MetricName": None}, "MissingParameter"),
    ],
)
def test_a_wrong_alarm_is_refused(account: Account, change: dict[str, Any], code: str) -> None:
    wrong = {name: value for name, value in {**ALARM, **change}.items() if value is not None}
    assert refused(lambda: account.cloudwatch.put_metric_alarm(**wrong)) == code
    assert account.memory.cloudwatch.alarms == {}


@pytest.mark.parametrize(
    "change",
    [
        {"AlarmName": "x" * 255},
        {"Period": 300, "EvaluationPeriods": 288},
        {"Period": 3600, "EvaluationPeriods": 168},
        {"Period": 10},
        {"DatapointsToAlarm": 3},
        {"AlarmActions": [TOPIC] * 5},
    ],
)
def test_an_alarm_at_a_limit_is_taken(account: Account, change: dict[str, Any]) -> None:
    account.cloudwatch.put_metric_alarm(**{**ALARM, **change})
    assert len(account.memory.cloudwatch.alarms) == 1


def test_a_dashboard_is_kept_as_it_was_given(account: Account) -> None:
    cloudwatch = account.cloudwatch
    body = '{"widgets": [{"type": "text", "properties": {"markdown": "x"}}]}'
    cloudwatch.put_dashboard(DashboardName="mail-relay", DashboardBody=body)
    assert cloudwatch.get_dashboard(DashboardName="mail-relay")["DashboardBody"] == body
    (entry,) = cloudwatch.list_dashboards(DashboardNamePrefix="mail")["DashboardEntries"]
    assert (entry["DashboardName"], entry["Size"]) == ("mail-relay", len(body))
    for name, wrong in (("a b", body), ("a", "{}"), ("a", "{"), ("a", '{"widgets": [{}]}')):
        code = refused(
            lambda n=name, w=wrong: cloudwatch.put_dashboard(DashboardName=n, DashboardBody=w)
        )
        assert code.startswith("InvalidParameter")
    missing = ["mail-relay", "other"]
    assert (
        refused(lambda: cloudwatch.delete_dashboards(DashboardNames=missing)) == "ResourceNotFound"
    )
    cloudwatch.delete_dashboards(DashboardNames=["mail-relay"])
    assert (
        refused(lambda: cloudwatch.get_dashboard(DashboardName="mail-relay")) == "ResourceNotFound"
    )


def test_a_role_puts_metrics_into_its_own_namespace_only(account: Account) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = backends.iam().create_role("host", trust, "/", None, "", {}, 3600)
    statement = {
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": "MailRelay"}},
    }
    role.policies["p"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    account.memory.sessions["test"] = "host"
    try:
        put = account.cloudwatch.put_metric_data
        put(Namespace="MailRelay", MetricData=[datum()])
        others = [
            refused(lambda n=n: put(Namespace=n, MetricData=[datum()]))
            for n in ("Other", "mailrelay")
        ]
        assert others == ["AccessDenied", "AccessDenied"]
        assert refused(account.cloudwatch.list_metrics) == "AccessDenied"
        assert {key[0] for key in account.memory.cloudwatch.metrics.series} == {"MailRelay"}
    finally:
        backends.iam().roles.clear()

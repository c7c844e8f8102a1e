"""Alarms in the resource graph: what they watch, whom they tell, and what hosts may send."""

import json
from typing import Any

import pytest
from recorder import Recorder, declare, host_files
from test_private_clients import config

GATEWAY, CLIENT = "mail.example.com", "client.example.com"
ON = {"mail-relay:monitoring": json.dumps({"enabled": True, "notify": ["https://a.example/x"]})}
UNIT = "etc/systemd/system/mail-relay-status.service.d/metrics.conf"


@pytest.fixture(scope="module")
def graph() -> Recorder:
    return declare({**config("examples/Pulumi.handson.yaml"), **ON})


def alarms(graph: Recorder, host: str) -> dict[str, dict[str, Any]]:
    found = [r.inputs for r in graph.of("MetricAlarm")]
    return {a["metricName"]: a for a in found if a["dimensions"] == {"Host": host}}


def test_a_stack_without_it_has_nothing_of_it() -> None:
    graph = declare(config("examples/Pulumi.handson.yaml"))
    assert graph.of("MetricAlarm") == graph.of("Topic") == graph.of("TopicSubscription") == []
    for host in (GATEWAY, CLIENT):
        assert UNIT not in host_files(graph, host)
        assert "cloudwatch" not in graph.one("RolePolicy", host).inputs["policy"]


def test_each_host_has_the_alarms_of_its_kind(graph: Recorder) -> None:
    common = {"Serving", "QueueOldest", "DiskFree", "RefusedByReceivers"}
    assert set(alarms(graph, CLIENT)) == common
    assert set(alarms(graph, GATEWAY)) == {*common, "CertificateDays", "WayOut", "Listed"}
    one = alarms(graph, GATEWAY)["Listed"]
    # one data point a day: it decides alone
    assert (one["threshold"], one["evaluationPeriods"], one["treatMissingData"]) == (0, 1, "ignore")


def test_who_asks_no_block_list_has_no_alarm_of_them() -> None:
    quiet = json.dumps({"enabled": True, "blockLists": False})
    graph = declare({**config("examples/Pulumi.handson.yaml"), "mail-relay:monitoring": quiet})
    assert "Listed" not in alarms(graph, GATEWAY)
    assert not [path for path in host_files(graph, GATEWAY) if "block" in path]


def test_silence_is_a_failure_and_is_told_once(graph: Recorder) -> None:
    missing = {name: a["treatMissingData"] for name, a in alarms(graph, GATEWAY).items()}
    assert missing.pop("Serving") == "breaching"
    assert missing.pop("RefusedByReceivers") == "notBreaching"  # no count of zero is sent
    assert set(missing.values()) == {"ignore"}


def test_an_alarm_says_what_it_means_and_what_to_type(graph: Recorder) -> None:
    for alarm in alarms(graph, GATEWAY).values():
        assert GATEWAY in alarm["alarmDescription"]
        assert "Type: ./relay " in alarm["alarmDescription"]
        (topic,) = alarm["alarmActions"]
        assert topic.startswith("arn:aws:sns:")
        assert alarm["okActions"] == [topic]


def test_the_operator_and_others_are_told(graph: Recorder) -> None:
    told = {r.inputs["endpoint"]: r.inputs["protocol"] for r in graph.of("TopicSubscription")}
    assert told == {"you@inbox.example": "email", "https://a.example/x": "https"}


@pytest.mark.parametrize("host", [GATEWAY, CLIENT])
def test_a_host_may_send_to_its_stacks_namespace_alone(graph: Recorder, host: str) -> None:
    (namespace,) = {alarm["namespace"] for alarm in alarms(graph, host).values()}
    policy = json.loads(graph.one("RolePolicy", host).inputs["policy"])
    (granted,) = [s for s in policy["Statement"] if "cloudwatch" in s["Action"]]
    assert granted["Action"] == "cloudwatch:PutMetricData"
    assert granted["Condition"] == {"StringEquals": {"cloudwatch:namespace": namespace}}
    assert f"metrics.py {namespace}\n" in host_files(graph, host)[UNIT]


def test_all_metrics_are_sent_and_shown_if_they_are_wanted() -> None:
    wanted = json.dumps({"enabled": True, "detail": True})
    graph = declare({**config("examples/Pulumi.handson.yaml"), "mail-relay:monitoring": wanted})
    assert "metrics.py mail-relay-test all\n" in host_files(graph, CLIENT)[UNIT]
    body = json.loads(graph.one("Dashboard", "hosts").inputs["dashboardBody"])
    state, *graphs = [widget["properties"] for widget in body["widgets"]]
    named = {a["name"] for a in (r.inputs for r in graph.of("MetricAlarm"))}
    assert {arn.partition(":alarm:")[2] for arn in state["alarms"]} == named
    assert {tuple(m[::2]) for g in graphs for m in g["metrics"]} == {("mail-relay-test", "Host")}
    assert {m[3] for g in graphs for m in g["metrics"]} == {GATEWAY, CLIENT}


def test_few_metrics_need_no_dashboard(graph: Recorder) -> None:
    assert graph.of("Dashboard") == []

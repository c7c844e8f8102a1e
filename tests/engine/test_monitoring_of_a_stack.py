"""Alarms, a dashboard and a topic with subscriptions, with the real engine: a story, in order."""

import json
import re
from typing import Any

import pytest
from stacks import Region, Stack

PROGRAM = """
import json
from pathlib import Path

import pulumi
import pulumi_aws as aws

wanted = json.loads(Path("wanted.json").read_text())
tags = {"Name": "monitoring"}
topic = aws.sns.Topic("alarms", display_name=wanted["display"], tags=tags)
pulumi.export("topic", topic.arn)
if wanted["policy"]:
    aws.sns.TopicPolicy(
        "alarms",
        arn=topic.arn,
        policy=topic.arn.apply(lambda arn: json.dumps({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": arn,
            }],
        })),
    )
for name, (protocol, endpoint) in wanted["subscriptions"].items():
    held = aws.sns.TopicSubscription(
        name, topic=topic.arn, protocol=protocol, endpoint=endpoint
    )
    pulumi.export(name, held.pending_confirmation)
aws.cloudwatch.MetricAlarm(
    "queue",
    name="queue",
    namespace="MailRelay",
    metric_name="Queue",
    dimensions={"Host": "mail.relay.example"},
    statistic="Maximum",
    comparison_operator="GreaterThanThreshold",
    alarm_actions=[topic.arn],
    ok_actions=[topic.arn],
    tags=tags,
    **wanted["alarm"],
)
aws.cloudwatch.Dashboard(
    "mail", dashboard_name="mail", dashboard_body=json.dumps({"widgets": wanted["widgets"]})
)
"""
ALARM: dict[str, Any] = {
    "period": 60,
    "evaluation_periods": 3,
    "threshold": 100,
    "treat_missing_data": "breaching",
}
TEXT = {"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "a"}}
WANTED: dict[str, Any] = {
    "display": "mail",
    "policy": True,
    "subscriptions": {
        "mail": ["email", "ops@inbox.example"],
        "hook": ["https", "https://hook.example/"],
    },
    "alarm": ALARM,
    "widgets": [TEXT],
}


def write(stack: Stack, **changes: Any) -> None:
    (stack.directory / "wanted.json").write_text(json.dumps({**WANTED, **changes}))


@pytest.fixture(scope="module")
def monitoring(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    directory = tmp_path_factory.mktemp("monitoring")
    made = Stack(region, directory, directory)
    made.write({"aws:region": "us-east-1"}, '{"name": "monitoring", "runtime": "python"}')
    (directory / "__main__.py").write_text(PROGRAM)
    assert made.pulumi("stack", "init", "test")[0] == 0
    return made


def output(stack: Stack, name: str) -> Any:
    resources = stack.export()["resources"]
    (root,) = [r for r in resources if r["type"] == "pulumi:pulumi:Stack"]
    return root["outputs"][name]


def alarm(stack: Stack) -> dict[str, Any]:
    (found,) = stack.region.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return found


def test_01_everything_is_made_and_nothing_is_confirmed(monitoring: Stack) -> None:
    write(monitoring)
    monitoring.up()
    made = alarm(monitoring)
    assert (made["TreatMissingData"], made["Threshold"]) == ("breaching", 100)
    assert made["AlarmActions"] == made["OKActions"] == [output(monitoring, "topic")]
    tags = monitoring.region.client("cloudwatch").list_tags_for_resource(
        ResourceARN=made["AlarmArn"]
    )
    assert tags["Tags"] == [{"Key": "Name", "Value": "monitoring"}]
    assert [output(monitoring, name) for name in ("mail", "hook")] == [True, True]


def test_02_a_second_up_changes_nothing(monitoring: Stack) -> None:
    monitoring.up("--refresh", "--expect-no-changes")


def test_03_a_confirmation_is_no_change_of_the_program(monitoring: Stack) -> None:
    """Somebody follows the link in the mail, or the endpoint the address that it was sent."""
    sns = monitoring.region.client("sns")
    held = sns.list_subscriptions()["Subscriptions"]
    assert {s["SubscriptionArn"] for s in held} == {"PendingConfirmation"}
    monitoring.region.control.call("POST", "subscriptions/ops@inbox.example/confirmed")
    monitoring.up("--refresh", "--expect-no-changes")
    assert [output(monitoring, name) for name in ("mail", "hook")] == [False, True]


def test_04_changes_are_made_in_place(monitoring: Stack) -> None:
    write(
        monitoring,
        display="other",
        alarm={**ALARM, "threshold": 50.5, "datapoints_to_alarm": 2},
        widgets=[TEXT, TEXT],
    )
    said = monitoring.up()
    assert re.search(r"3 updated", said)
    now = alarm(monitoring)
    assert (now["Threshold"], now["DatapointsToAlarm"]) == (50.5, 2)
    cloudwatch = monitoring.region.client("cloudwatch")
    body = cloudwatch.get_dashboard(DashboardName="mail")["DashboardBody"]
    assert json.loads(body)["widgets"] == [TEXT, TEXT]
    monitoring.up("--refresh", "--expect-no-changes")


def test_05_what_is_no_longer_said_is_taken_back(monitoring: Stack) -> None:
    write(monitoring, policy=False)
    monitoring.up()
    assert "DatapointsToAlarm" not in alarm(monitoring)
    sns = monitoring.region.client("sns")
    held = sns.get_topic_attributes(TopicArn=output(monitoring, "topic"))["Attributes"]
    assert "__default_policy_ID" in held["Policy"]
    write(monitoring)
    monitoring.up()
    monitoring.up("--refresh", "--expect-no-changes")


def test_06_a_refresh_sees_what_others_did(monitoring: Stack) -> None:
    cloudwatch = monitoring.region.client("cloudwatch")
    cloudwatch.disable_alarm_actions(AlarmNames=["queue"])
    assert "1 updated" in monitoring.up("--refresh")
    assert alarm(monitoring)["ActionsEnabled"] is True  # the provider's default
    cloudwatch.delete_alarms(AlarmNames=["queue"])
    assert "1 created" in monitoring.up("--refresh")


def test_07_another_address_is_another_subscription(monitoring: Stack) -> None:
    write(monitoring, subscriptions={"mail": ["email", "you@inbox.example"]})
    monitoring.up()
    listed = monitoring.region.client("sns").list_subscriptions()["Subscriptions"]
    # the one that was never confirmed cannot be removed, and goes with the topic
    assert {s["Endpoint"] for s in listed} == {"you@inbox.example", "https://hook.example/"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"period": 45}, "expected period to be divisible by 60"),
        ({"treat_missing_data": "bad"}, "expected treat_missing_data to be one of"),
        ({"extended_statistic": "p99"}, "One of `statistic` or `extended_statistic` must be set"),
    ],
)
def test_08_a_preview_refuses_what_the_provider_does(
    monitoring: Stack, change: dict[str, Any], said: str
) -> None:
    write(monitoring, alarm={**ALARM, **change})
    code, told = monitoring.pulumi("preview", "--stack=test")
    assert code != 0
    assert said in told


def test_09_destroy_leaves_nothing(monitoring: Stack) -> None:
    before = set(monitoring.region.control.get("leftovers"))
    assert {"alarm queue", "dashboard mail", "subscription you@inbox.example"} <= before
    code, said = monitoring.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert monitoring.region.control.get("leftovers") == []

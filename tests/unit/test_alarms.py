"""Alarms on their clock: when they are evaluated, and what a change of their state leads to."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from region_service import sent, serving
from test_cloudwatch import ALARM, HOST

from lab.region import backends
from lab.region.cloudwatch import evaluation, reasons
from lab.region.cloudwatch.metrics import single
from lab.region.memory import Memory
from lab.region.sns.notices import Delivery

KEY = ("MailRelay", "Queue", (("Host", "mail.relay.example"),))
MINUTE = 60.0


@dataclass
class World:
    """An account with a topic, and a clock that only goes on by itself in `minutes`."""

    memory: Memory
    cloudwatch: Any
    sns: Any
    topic: str
    now: float = field(default_factory=time.time)

    def minutes(self, *values: float | None) -> list[str]:
        """Let minutes pass with a data point each, or with none; the state after each of them."""
        states: list[str] = []
        for value in values:
            begun = math.floor(self.now / MINUTE) * MINUTE
            if value is not None:
                self.memory.cloudwatch.metrics.put(KEY, single(begun, value))
            self.now = begun + MINUTE
            for second in range(60):
                evaluation.tick(self.memory, self.now + second)
            (alarm,) = self.memory.cloudwatch.alarms.values()
            states.append(alarm.state)
        return states

    def alarm(self, **changes: Any) -> None:
        actions = {"AlarmActions": [self.topic], "OKActions": [self.topic]}
        self.cloudwatch.put_metric_alarm(**{**ALARM, **actions, **changes})

    def sent(self) -> list[Delivery]:
        return sent(self.memory)


@pytest.fixture
def world() -> Iterator[World]:
    memory = Memory()
    with serving(memory) as (client, _):
        sns = client("sns")
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        made = World(memory, client("cloudwatch"), sns, topic)
        for protocol, endpoint in (("email", "a@inbox.example"), ("https", "https://x.example/")):
            sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
        for subscription in backends.sns().subscriptions.values():
            sns.confirm_subscription(TopicArn=topic, Token=subscription.token)
        made.sent()
        yield made
        sns.delete_topic(TopicArn=topic)


BAD, GOOD = 500.0, 1.0
START, FINE, ALERT = "INSUFFICIENT_DATA", "OK", "ALARM"


def test_an_alarm_follows_its_metric_and_tells_changes_only(world: World) -> None:
    world.alarm()
    assert world.minutes(GOOD, GOOD) == [FINE, FINE]
    assert world.minutes(BAD, BAD, BAD, BAD) == [FINE, FINE, ALERT, ALERT]
    assert world.minutes(GOOD, GOOD) == [FINE, FINE]
    subjects = [f'{state}: "queue" in US East (N. Virginia)' for state in (FINE, ALERT, FINE)]
    assert [d.subject for d in world.sent() if d.protocol == "email"] == subjects


def test_a_host_that_falls_silent_alarms_when_its_last_points_are_out_of_the_range(
    world: World,
) -> None:
    world.alarm()
    assert world.minutes(GOOD, GOOD, GOOD) == [FINE] * 3
    # three real points are enough, and then one of five, and then none
    assert world.minutes(None, None, None, None, None) == [FINE] * 4 + [ALERT]
    last = world.memory.cloudwatch.alarms["queue"].reason
    assert last == (
        "Threshold Crossed: no datapoints were received for 3 periods and 3 missing datapoints "
        "were treated as [Breaching]."
    )
    assert world.minutes(GOOD) == [FINE]
    assert "and 2 missing datapoints were treated as [Breaching]" in (
        world.memory.cloudwatch.alarms["queue"].reason
    )


def test_a_new_alarm_on_a_silent_metric_alarms_at_its_first_evaluation(world: World) -> None:
    world.alarm()
    assert world.cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"] == START
    assert world.minutes(None) == [ALERT]


@pytest.mark.parametrize(
    ("treat", "states"),
    [("missing", [START] * 2), ("ignore", [START] * 2), ("notBreaching", [FINE] * 2)],
)
def test_other_treatments_of_silence(world: World, treat: str, states: list[str]) -> None:
    world.alarm(TreatMissingData=treat)
    assert world.minutes(None, None) == states


def test_two_of_three_in_words(world: World) -> None:
    world.alarm(DatapointsToAlarm=2, TreatMissingData="missing")
    assert world.minutes(GOOD, BAD, BAD) == [FINE, FINE, ALERT]
    points = r"[500.0 ("
    reason = world.memory.cloudwatch.alarms["queue"].reason
    assert reason.startswith(f"Threshold Crossed: 2 out of the last 3 datapoints {points}")
    end = (
        "were greater than the threshold (100.0) (minimum 2 datapoints for OK -> ALARM transition)."
    )
    assert reason.endswith(end)


def test_the_notification_has_what_cloudwatch_sends(world: World) -> None:
    world.alarm(AlarmDescription="mail waits")
    world.minutes(GOOD, BAD, BAD, BAD)
    email, request = world.sent()[-2:]
    text = email.body
    assert text.startswith(
        'You are receiving this email because your Amazon CloudWatch Alarm "queue" in the US East '
        "(N. Virginia) region has entered the ALARM state, because "
        '"Threshold Crossed: 3 datapoints [500.0 ('
    )
    for line in (
        "- Description:                mail waits",
        "- State Change:               OK -> ALARM",
        "- Dimensions:                          [Host = mail.relay.example]",
        "- TreatMissingData:                    breaching",
        "unsubscribe.html?SubscriptionArn=",
    ):
        assert line in text
    envelope = json.loads(request.body)
    assert (envelope["Type"], envelope["TopicArn"]) == ("Notification", world.topic)
    assert envelope["Subject"] == 'ALARM: "queue" in US East (N. Virginia)'
    told = json.loads(envelope["Message"])
    assert (told["OldStateValue"], told["NewStateValue"]) == (FINE, ALERT)
    assert told["Trigger"]["Dimensions"] == [{"value": HOST[0]["Value"], "name": "Host"}]
    assert (told["Trigger"]["Statistic"], told["Trigger"]["Threshold"]) == ("MAXIMUM", 100)


def test_actions_that_are_switched_off_tell_nobody(world: World) -> None:
    world.alarm(ActionsEnabled=False)
    assert world.minutes(GOOD, BAD, BAD, BAD)[-1] == ALERT
    assert world.sent() == []
    world.cloudwatch.enable_alarm_actions(AlarmNames=["queue"])
    assert world.minutes(BAD) == [ALERT]
    assert world.sent() == []  # nothing has changed
    assert world.minutes(GOOD) == [FINE]
    assert len(world.sent()) == 2


def test_a_state_that_was_set_lasts_until_the_next_evaluation(world: World) -> None:
    world.alarm()
    world.minutes(GOOD)
    world.sent()
    world.cloudwatch.set_alarm_state(AlarmName="queue", StateValue=ALERT, StateReason="a test")
    assert [d.protocol for d in world.sent()] == ["email", "https"]
    assert world.minutes(GOOD) == [FINE]


def test_a_topic_that_lets_cloudwatch_not_publish_is_told_in_the_history(world: World) -> None:
    def policy(service: str) -> str:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sns:Publish",
            "Resource": world.topic,
            "Condition": {"StringEquals": {"aws:SourceAccount": backends.ACCOUNT}},
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def told(service: str, state: str) -> tuple[int, str]:
        world.sns.set_topic_attributes(
            TopicArn=world.topic, AttributeName="Policy", AttributeValue=policy(service)
        )
        world.cloudwatch.set_alarm_state(AlarmName="queue", StateValue=state, StateReason="x")
        items = world.cloudwatch.describe_alarm_history(AlarmName="queue", HistoryItemType="Action")
        return len(world.sent()), items["AlarmHistoryItems"][0]["HistorySummary"].split(" action")[
            0
        ]

    world.alarm()
    assert told("events.amazonaws.com", ALERT) == (0, "Failed to execute")
    assert told("cloudwatch.amazonaws.com", FINE) == (2, "Successfully executed")


def test_an_alarm_for_a_topic_that_is_gone_is_told_in_the_history(world: World) -> None:
    world.alarm(AlarmActions=[f"{world.topic}-other"])
    world.cloudwatch.set_alarm_state(AlarmName="queue", StateValue=ALERT, StateReason="x")
    items = world.cloudwatch.describe_alarm_history(AlarmName="queue")["AlarmHistoryItems"]
    assert "Topic does not exist" in items[0]["HistorySummary"]
    assert world.sent() == []


def test_each_alarm_has_its_own_second_of_the_minute(world: World) -> None:
    world.alarm()
    alarm = world.memory.cloudwatch.alarms["queue"]
    begun = math.floor(world.now / MINUTE) * MINUTE + MINUTE
    alarm.evaluated = begun - MINUTE
    first = next(s for s in range(120) if evaluation.due(alarm, begun - MINUTE + s))
    alarm.evaluated = begun - MINUTE + first
    (again,) = [s for s in range(61) if evaluation.due(alarm, alarm.evaluated + s)]
    assert again == 60


@pytest.mark.parametrize(
    ("period", "periods", "step"),
    [(10, 3, 10), (30, 1, 10), (60, 3, 60), (300, 3, 60), (86_400, 1, 60), (3600, 25, 3600)],
)
def test_how_often_an_alarm_is_evaluated(
    world: World, period: int, periods: int, step: int
) -> None:
    world.alarm(Period=period, EvaluationPeriods=periods)
    assert evaluation.step_of(world.memory.cloudwatch.alarms["queue"]) == step


def test_a_long_period_ends_at_the_last_full_minute(world: World) -> None:
    world.alarm(Period=300, EvaluationPeriods=1, Statistic="Sum")
    begun = math.floor(world.now / MINUTE) * MINUTE
    for minute in range(1, 6):
        world.memory.cloudwatch.metrics.put(KEY, single(begun - minute * MINUTE, 21.0))
    alarm = world.memory.cloudwatch.alarms["queue"]
    judgement, end = evaluation.look(world.memory, alarm, begun + 17)
    assert (judgement.used, end) == (((0, 105.0),), begun)


def test_a_long_name_leaves_room_in_the_subject(world: World) -> None:
    world.alarm(AlarmName="x" * 255)
    subject = reasons.subject(world.memory.cloudwatch.alarms["x" * 255])
    assert len(subject) == 100
    assert subject.endswith('xx..." in US East (N. Virginia)')


def test_status_checks_are_metrics_of_instances_that_run() -> None:
    class State:
        name = "running"

    class Instance:
        id, state_code, instance_status = "i-1", 16, {"Status": "ok"}
        launch_time = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=5)

    memory, instance = Memory(), Instance()
    now = math.floor(time.time() / MINUTE) * MINUTE

    def published() -> list[float]:
        key = ("AWS/EC2", "StatusCheckFailed", (("InstanceId", "i-1"),))
        return [s.total for s in memory.cloudwatch.metrics.series.get(key, [])]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backends, "instances", lambda: [instance])
        patch.setattr("lab.region.power.before_status", lambda *_: None)
        evaluation.tick(memory, now)
        evaluation.tick(memory, now + 30)
        assert published() == [0]
        instance.instance_status = {"Status": "impaired"}
        evaluation.tick(memory, now + 61)
        assert published() == [0, 1]
        instance.state_code = 80
        evaluation.tick(memory, now + 121)
        assert published() == [0, 1]

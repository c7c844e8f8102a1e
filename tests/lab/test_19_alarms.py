"""Alarms reach people outside our own mail, and services, and so does their end."""

from collections.abc import Iterator
from typing import Any

import pytest
from world import World

from lab.internet.endpoint import endpoint
from lab.internet.subscriptions import confirm
from lab.wait import until

ADDRESS = "alarms@inbox.example"
SECONDS = 400.0
ALARM: dict[str, Any] = {
    "AlarmName": "test-silence",
    "Namespace": "Test",
    "MetricName": "Alive",
    "Statistic": "Minimum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "LessThanThreshold",
    "TreatMissingData": "breaching",
}


@pytest.fixture(scope="module")
def amazon(world: World) -> Iterator[Any]:
    """Calls of the lab's AWS."""

    def call(service: str, name: str, **given: Any) -> dict[str, Any]:
        with world.network():
            return getattr(world.client(service), name)(**given)

    yield call
    call("cloudwatch", "delete_alarms", AlarmNames=[ALARM["AlarmName"]])


def test_silence_is_told_by_mail_and_request_and_so_is_its_end(world: World, amazon: Any) -> None:
    topic = amazon("sns", "create_topic", Name="test-alarms")["TopicArn"]
    with endpoint(world.lab) as service:
        for protocol, where in (("email", ADDRESS), ("https", service.url)):
            amazon("sns", "subscribe", TopicArn=topic, Protocol=protocol, Endpoint=where)
        assert "Subscription confirmed!" in confirm(world.inbox, ADDRESS)
        assert "Subscription confirmed!" in service.confirm()
        told = {"AlarmActions": [topic], "OKActions": [topic]}
        amazon("cloudwatch", "put_metric_alarm", **ALARM, **told)

        def mail(state: str) -> Any:
            subject = f'{state}: "test-silence" in US East (N. Virginia)'
            (found,) = world.inbox.wait_for(lambda m: m.subject == subject, seconds=SECONDS)
            return found

        alarm = mail("ALARM")
        assert alarm.recipient == ADDRESS
        assert alarm.client_name.endswith(".smtp-out.amazonses.com")
        assert (alarm.verdict.spf, alarm.verdict.dkim) == ("pass", "pass")
        data = [{"MetricName": "Alive", "Value": 1.0}]
        amazon("cloudwatch", "put_metric_data", Namespace="Test", MetricData=data)
        assert "State Change:               ALARM -> OK" in mail("OK").parsed.get_content()
        until("the endpoint was told both", lambda: len(service.alarms()) == 2, 60)
        changes = [(a["OldStateValue"], a["NewStateValue"]) for a in service.alarms()]
        assert changes == [("INSUFFICIENT_DATA", "ALARM"), ("ALARM", "OK")]
    amazon("sns", "delete_topic", TopicArn=topic)

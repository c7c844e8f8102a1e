"""A stack's monitoring with the real engine: turned on, found by its tags, and off again."""

from typing import Any

from stacks import Stack

from ops.leftovers import alarms
from ops.verify import topics

HOST = "mail.relay.example"
NAMES = {
    f"mail-relay-test {HOST} {metric}"
    for metric in (
        "Serving",
        "QueueOldest",
        "DiskFree",
        "RefusedByReceivers",
        "CertificateDays",
        "WayOut",
        "Listed",
    )
}


def settings(**monitoring: Any) -> dict[str, Any]:
    return {
        "aws:region": "us-east-1",
        "mail-relay:operator": "ops@inbox.example",
        "mail-relay:gateway": {"name": HOST},
        "mail-relay:domains": [{"name": "relay.example"}],
        "mail-relay:monitoring": monitoring,
    }


def left(stack: Stack) -> set[str]:
    """What `leftovers` finds of it, by its tags and its name."""
    client = stack.region.client
    tags = {"Project": "mail-relay", "Stack": "test"}
    return {one.name for one in alarms.find(client("cloudwatch"), client("sns"), tags)}


def test_01_a_stack_has_alarms_and_somebody_to_tell(stack: Stack) -> None:
    stack.write(settings(enabled=True, detail=True, notify=["https://hook.example/"]))
    stack.up()
    assert left(stack) == {*NAMES, "mail-relay-test-alarms", "mail-relay-test"}
    told = stack.region.client("sns").list_subscriptions()["Subscriptions"]
    assert {(s["Protocol"], s["Endpoint"]) for s in told} == {
        ("email", "ops@inbox.example"),
        ("https", "https://hook.example/"),
    }


def test_02_verify_says_who_has_not_confirmed(stack: Stack) -> None:
    wanted = stack.outputs().alarms
    assert wanted is not None
    held = topics.subscriptions(stack.region.client("sns"), wanted.topic)
    assert held == dict.fromkeys(wanted.notify, topics.PENDING)
    assert wanted.notify == ("ops@inbox.example", "https://hook.example/")


def test_03_nothing_is_to_be_done_after_a_refresh(stack: Stack) -> None:
    stack.up("--refresh", "--expect-no-changes")


def test_04_turned_off_it_leaves_nothing(stack: Stack) -> None:
    stack.write(settings(enabled=False))
    stack.up()
    assert left(stack) == set()

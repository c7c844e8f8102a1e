"""A stack's monitoring and logs with the real engine: turned on, found, and off again."""

from typing import Any

from stacks import Stack

from ops.leftovers import alarms, begun, log_groups
from ops.verify import topics

HOST, GROUP = "mail.relay.example", "mail-relay/test/mail"
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


def settings(*, ship: str = "none", **monitoring: Any) -> dict[str, Any]:
    return {
        "aws:region": "us-east-1",
        "mail-relay:operator": "ops@inbox.example",
        "mail-relay:gateway": {"name": HOST},
        "mail-relay:domains": [{"name": "relay.example"}],
        "mail-relay:monitoring": monitoring,
        "mail-relay:logs": {"ship": ship, "days": 10},
    }


def left(stack: Stack) -> set[str]:
    """What `leftovers` finds of it, by its tags and its name."""
    client = stack.region.client
    tags = {"Project": "mail-relay", "Stack": "test"}
    found = [*alarms.find(client("cloudwatch"), client("sns"), tags)]
    return {one.name for one in (*found, *log_groups.find(client("logs"), tags))}


def test_01_a_stack_has_alarms_and_somebody_to_tell(stack: Stack) -> None:
    notify = ["https://hook.example/"]
    stack.write(settings(ship="cloudwatch", enabled=True, detail=True, notify=notify))
    stack.up()
    assert left(stack) == {*NAMES, "mail-relay-test-alarms", "mail-relay-test", GROUP}
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


def test_02_the_logs_have_a_group_of_their_own(stack: Stack) -> None:
    wanted, logs = stack.outputs().logs, stack.region.client("logs")
    assert wanted is not None
    assert wanted.group == GROUP
    (group,) = logs.describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 14
    tags = logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]
    assert (tags["Project"], tags["Stack"]) == ("mail-relay", "test")
    # an interrupted creation is found again
    assert [*begun.log_group(stack.region.client, {"name": GROUP})] == [GROUP]


def test_03_nothing_is_to_be_done_after_a_refresh(stack: Stack) -> None:
    stack.up("--refresh", "--expect-no-changes")


def test_04_turned_off_it_leaves_nothing(stack: Stack) -> None:
    stack.write(settings(enabled=False))
    stack.up()
    assert left(stack) == set()

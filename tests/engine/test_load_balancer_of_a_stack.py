"""A load balancer with the real engine: made, taken away, and back; a story, in order."""

import re
from typing import Any

import pytest
from examined import config
from examined import found as examined
from killed import Here, here, until_quiet, up_killed_once
from stacks import Stack

from components.rebuild import refusal
from ops.leftovers.find import in_state
from ops.leftovers.records import find
from ops.settle.settle import CHANGED, settle
from settings import read

__all__ = ["here"]

NAME = "mail.relay.example"


def settings(*, balanced: bool, drain: bool = False) -> dict[str, Any]:
    second = {"name": "mx2.relay.example", "zone": "us-east-1b"}
    return {
        "aws:region": "us-east-1",
        "mail-relay:operator": "ops@inbox.example",
        "mail-relay:gateways": [
            {"name": "mx1.relay.example"},
            {**second, "drain": True} if drain else second,
        ],
        "mail-relay:submission": {"name": NAME, "loadBalancer": balanced},
        "mail-relay:domains": [{"name": "relay.example"}],
    }


def targets(stack: Stack) -> list[int]:
    """How many targets each target group has."""
    elb = stack.region.client("elbv2")
    arns = [group["TargetGroupArn"] for group in elb.describe_target_groups()["TargetGroups"]]
    found = [elb.describe_target_health(TargetGroupArn=arn) for arn in arns]
    return [len(health["TargetHealthDescriptions"]) for health in found]


def at_the_name(stack: Stack) -> list[str]:
    """What the name's record sets are: an alias' target, or an answer's identifier."""
    route53 = stack.region.client("route53")
    zones = route53.list_hosted_zones()["HostedZones"]
    (zone,) = [z["Id"] for z in zones if z["Name"] == "relay.example."]
    sets = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    held = [s for s in sets if (s["Name"], s["Type"]) == (f"{NAME}.", "A")]
    return sorted(
        s["AliasTarget"]["DNSName"] if "AliasTarget" in s else s["SetIdentifier"] for s in held
    )


def strangers(stack: Stack) -> list[str]:
    """Records at the name that `doctor` or `leftovers` takes for somebody else's."""
    code, said = stack.pulumi("stack", "export", "--stack=test")
    assert code == 0, said
    prefix = "mail-relay:"
    given = {k.removeprefix(prefix): v for k, v in config(stack).items() if k.startswith(prefix)}
    ours = [left.id for left in find(stack.region.client("route53"), read(given))]
    assert any(f"_{NAME}_A" in each for each in ours)
    found = [problem.text for result in examined(stack) for problem in result.errors]
    return [*(set(ours) - set(in_state(said))), *(text for text in found if NAME in text)]


def test_01_the_name_is_an_alias_and_both_gateways_are_targets(stack: Stack) -> None:
    stack.write(settings(balanced=True))
    stack.up()
    (balancer,) = stack.region.client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert len(balancer["AvailabilityZones"]) == 2
    assert balancer["SecurityGroups"]
    assert at_the_name(stack) == [balancer["DNSName"]]
    assert targets(stack) == [2, 2]
    assert stack.region.client("route53").list_health_checks()["HealthChecks"] == []


def test_02_nothing_is_to_be_done_after_a_refresh(stack: Stack) -> None:
    code, said = stack.pulumi("up", "--yes", "--refresh", "--expect-no-changes", "--stack=test")
    assert code == 0, said


def test_03_a_draining_gateway_is_no_target(stack: Stack) -> None:
    stack.write(settings(balanced=True, drain=True))
    stack.up()
    assert targets(stack) == [1, 1]


def test_04_answers_take_the_place_of_the_alias_in_one_up(stack: Stack) -> None:
    stack.write(settings(balanced=False))
    stack.up()
    assert [name.rpartition("/")[2] for name in at_the_name(stack)] == [
        "mx1.relay.example",
        "mx2.relay.example",
    ]
    assert stack.region.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert strangers(stack) == []


def test_05_a_preview_refuses_an_alias_beside_other_answers(stack: Stack) -> None:
    stack.write(settings(balanced=True))
    code, said = stack.pulumi("preview", "--stack=test")
    assert code != 0
    assert "leads to mx2.relay.example as well" in " ".join(said.split())


def test_06_with_one_answer_the_alias_takes_its_place(stack: Stack) -> None:
    stack.write(settings(balanced=False, drain=True))
    stack.up()
    stack.write(settings(balanced=True))
    stack.up()
    (alias,) = at_the_name(stack)
    assert ".elb." in alias
    assert strangers(stack) == []
    stack.write(settings(balanced=False))
    assert strangers(stack) == []  # before the way back
    stack.write(settings(balanced=True))
    assert targets(stack) == [2, 2]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("balanced", [False, True])
def test_06_settle_knows_what_a_name_became_before_the_up_was_cut_off(
    stack: Stack, here: Here, balanced: bool, again: bool
) -> None:
    """The state is saved after the provider has waited until Route53's servers have the change.

    With `again`, an `up` before it fails, and forgets what was pending.
    """
    stack.write(settings(balanced=not balanced, drain=balanced))
    stack.up()
    stack.write(settings(balanced=balanced, drain=not balanced))
    stack.region.control.put("account/changes", {"held": True})
    up_killed_once(stack, lambda: [".elb." in name for name in at_the_name(stack)] == [balanced])
    stack.region.control.put("account/changes", {"held": False})
    until_quiet(stack)
    if again:
        stack.pulumi("cancel", "--yes", "test")
        code, said = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test")
        assert code != 0
        assert "InvalidChangeBatch" in said
    (found,) = [f for f in settle(here).findings if f.urn.rpartition("::")[2].startswith(NAME)]
    assert found.result == CHANGED
    stack.up()
    stack.up("--expect-no-changes")
    assert [".elb." in name for name in at_the_name(stack)] == [balanced]
    assert strangers(stack) == []


def test_07_one_gateway_of_several_is_rebuilt_alone(stack: Stack) -> None:
    """As `up` advises, where one behind it in the list has to be repaired by the same change."""
    before = {host.name: host.instance_id for host in stack.outputs().hosts}
    stack.write({**settings(balanced=True), "mail-relay:inbound": {"dmarc": "mark"}})
    said = refusal("mx1.relay.example", {"mx2.relay.example": "it has written nothing"})
    (pattern,) = re.findall(r"--target '(.*?)'", said)
    code, said = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test", "--target", pattern)
    assert code == 0, said
    after = {host.name: host.instance_id for host in stack.outputs().hosts}
    assert {name for name in after if after[name] != before[name]} == {"mx2.relay.example"}


def test_08_a_destroyed_stack_leaves_nothing(stack: Stack) -> None:
    code, said = stack.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert stack.region.control.get("leftovers") == []

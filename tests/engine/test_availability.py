"""Zones, types and images change on AWS; a stack that stands does not: a story, in order."""

from typing import Any

import pytest
from stacks import Stack
from test_program import config, instances

LOCAL = "us-east-1-atl-2a"  # sorts before us-east-1a
ORDINARY = [f"us-east-1{letter}" for letter in "abcdef"]
TYPES = ["t4g.small", "t4g.micro"]


def account(stack: Stack, **differences: Any) -> None:
    """How the account's zones differ from AWS's usual ones."""
    stack.region.control.put("availability-zones", differences)


def with_network(**network: str) -> dict[str, Any]:
    return {**config(), "mail-relay:network": network}


def refused(stack: Stack, settings: dict[str, Any]) -> str:
    """The preview must fail, clearly; without line breaks."""
    stack.write(settings)
    code, said = stack.pulumi("preview", "--stack=test")
    assert code != 0, said
    assert "Traceback" not in said
    return " ".join(said.split())


def places(stack: Stack) -> set[str]:
    """Where subnets of the stack and volumes are."""
    ec2 = stack.region.client("ec2")
    tagged = [{"Name": "tag:Stack", "Values": ["test"]}]
    subnets = ec2.describe_subnets(Filters=tagged)["Subnets"]
    volumes = ec2.describe_volumes(Filters=tagged)["Volumes"]
    assert subnets
    assert volumes
    return {thing["AvailabilityZone"] for thing in [*subnets, *volumes]}


def test_01_no_zone_with_every_type_stops_the_preview(stack: Stack) -> None:
    offers = {"us-east-1b": ["t4g.small"], "us-east-1c": ["t4g.micro"]}
    account(stack, offers={**{zone: [] for zone in ORDINARY}, **offers})
    said = refused(stack, config())
    assert f"no availability zone of us-east-1 ({', '.join(ORDINARY)}) offers every" in said
    assert "t4g.small is in us-east-1b; t4g.micro is in us-east-1c. Choose other types" in said
    assert stack.region.control.get("leftovers") == []


@pytest.mark.parametrize(
    ("zone", "why"),
    [
        ("us-east-1z", "it is no availability zone of us-east-1 that can be used; those are"),
        ("us-east-1a", "it is no availability zone of us-east-1 that can be used; those are"),
        ("us-east-1e", "it does not offer t4g.small and t4g.micro: t4g.small is in us-east-1b"),
    ],
)
def test_02_a_zone_that_cannot_be_used_stops_the_preview(stack: Stack, zone: str, why: str) -> None:
    account(stack, states={"us-east-1a": "impaired"})
    said = refused(stack, with_network(zone=zone))
    assert f"mail-relay:network.zone: '{zone}': {why}" in said


def test_03_a_new_stack_goes_to_the_first_ordinary_zone_with_its_types(stack: Stack) -> None:
    account(
        stack,
        local=[LOCAL],
        states={"us-east-1a": "unavailable"},
        offers={LOCAL: TYPES, "us-east-1b": ["t4g.micro"]},
    )
    stack.write(config())
    stack.up()
    assert places(stack) == {"us-east-1c"}


@pytest.mark.parametrize(
    "differences",
    [
        {"local": [LOCAL], "offers": {LOCAL: TYPES}},
        {"states": {"us-east-1c": "impaired"}},
        {"gone": ["us-east-1c"]},
        {"offers": {"us-east-1c": []}},
        {"gone": ORDINARY},
    ],
)
def test_04_a_stack_that_stands_stays_whatever_is_listed(
    stack: Stack, differences: dict[str, Any]
) -> None:
    account(stack, **differences)
    stack.write(config())
    code, said = stack.pulumi("preview", "--expect-no-changes", "--stack=test")
    assert code == 0, said


def test_05_a_private_client_is_added_in_the_zone_that_the_stack_is_in(stack: Stack) -> None:
    account(stack)
    before = instances(stack)
    wanted = with_network(zone="us-east-1c")  # where it is; so this is no change
    wanted["mail-relay:clients"].append({"name": "in.shop.example", "private": True})
    stack.write(wanted)
    stack.up()
    assert places(stack) == {"us-east-1c"}
    assert len(instances(stack) - before) == 2  # the new client, and the gateway for its NAT


def test_06_another_zone_is_refused_and_moves_nothing(stack: Stack) -> None:
    said = refused(stack, with_network(zone="us-east-1d"))
    assert (
        "mail-relay:network.zone: 'us-east-1d': the stack is in us-east-1c, and its data volume "
        "cannot leave it; set us-east-1c, or make another stack and move to it"
    ) in said


def test_06_the_zone_that_a_gateway_is_in_is_not_given_to_it(stack: Stack) -> None:
    """Its interface would move to another subnet at once, so nobody would serve meanwhile."""
    wanted = config()
    del wanted["mail-relay:gateway"]
    wanted["mail-relay:gateways"] = [{"name": "mail.relay.example", "zone": "us-east-1c"}]
    wanted["mail-relay:submission"] = {"name": "submit.relay.example"}
    key = "mail-relay:gateways[0].zone (mail.relay.example)"
    assert f"{key}: 'us-east-1c': this is the stack's own zone" in refused(stack, wanted)
    assert f"{key}: 'us-east-1c': this is the stack's own zone" in unmoved(stack)


def unmoved(stack: Stack) -> str:
    """An `up` without a preview must fail, and leave the interfaces where they are."""
    ec2 = stack.region.client("ec2")
    before = {
        i["NetworkInterfaceId"] for i in ec2.describe_network_interfaces()["NetworkInterfaces"]
    }
    code, said = stack.pulumi("up", "--yes", "--skip-preview", "--stack=test")
    assert code != 0, said
    after = {
        i["NetworkInterfaceId"] for i in ec2.describe_network_interfaces()["NetworkInterfaces"]
    }
    assert after == before
    return " ".join(said.split())


def test_06_another_network_is_refused_and_moves_nothing(stack: Stack) -> None:
    """A VPC whose addresses are in use cannot be replaced."""
    said = refused(stack, with_network(cidr="10.99.0.0/16"))
    why = "mail-relay:network.cidr: '10.99.0.0/16': the stack's VPC has 10.20.0.0/16"
    assert why in said
    assert why in unmoved(stack)


def test_07_a_type_that_the_stacks_zone_lacks_stops_the_preview(stack: Stack) -> None:
    account(stack, offers={"us-east-1c": TYPES})
    gateway = {"name": "mail.relay.example", "instanceType": "m7g.large"}
    said = refused(stack, {**config(), "mail-relay:gateway": gateway})
    assert "m7g.large, which its availability zone us-east-1c does not offer" in said


def test_08_a_deprecated_image_is_still_found(stack: Stack) -> None:
    account(stack)
    stack.write(config())
    stack.up()
    stack.region.control.put("images/day", {"date": "2027-11-18"})
    name = {"Name": "name", "Values": ["debian-13-arm64-20251117-2299"]}
    call = stack.region.client("ec2").describe_images
    assert call(Filters=[name])["Images"] == []
    assert len(call(Filters=[name], IncludeDeprecated=True)["Images"]) == 1
    code, said = stack.pulumi("preview", "--expect-no-changes", "--stack=test")
    assert code == 0, said
    stack.region.control.put("images/day", {"date": None})


def test_09_an_image_that_is_not_there_is_named(stack: Stack) -> None:
    said = refused(stack, {**config(), "mail-relay:image": "debian-13-arm64-20990101-1"})
    assert (
        "mail-relay:image: 'debian-13-arm64-20990101-1': Debian has no image of this name in "
        "us-east-1"
    ) in said

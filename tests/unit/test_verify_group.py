"""The rules of a gateway's security group as AWS gives them."""

from typing import Any

import pytest
from verify_world import OUTPUTS

from ops.errors import StackError
from ops.outputs import read as read_outputs
from ops.verify import group

EXPECTED = read_outputs(OUTPUTS)
GATEWAY = EXPECTED.gateways[0]
ANY, OFFICE = {"CidrIp": "0.0.0.0/0"}, {"CidrIp": "192.0.2.0/24"}


def _rule(protocol: str, port: int, *networks: dict[str, str]) -> dict[str, Any]:
    ports = {} if protocol == "-1" else {"FromPort": port, "ToPort": port}
    return {"IpProtocol": protocol, **ports, "IpRanges": list(networks)}


EVERYTHING_OUT = [_rule("-1", 0, ANY)]
RIGHT = [_rule("tcp", port, ANY) for port in (25, 587, 465)]


class Ec2:
    """One instance, whose interface has one group; others of the account have every rule."""

    def __init__(self, ingress: list[dict[str, Any]], egress: list[dict[str, Any]]) -> None:
        self.groups = {
            "sg-own": {"IpPermissions": ingress, "IpPermissionsEgress": egress},
            "sg-other": {"IpPermissions": EVERYTHING_OUT, "IpPermissionsEgress": EVERYTHING_OUT},
        }
        self.attached = ["sg-own"]

    def describe_instances(self, InstanceIds: list[str]) -> dict[str, Any]:
        assert InstanceIds == ["i-1"]
        groups = [{"GroupId": one} for one in self.attached]
        interfaces = [{"Groups": groups}] if groups else []
        return {"Reservations": [{"Instances": [{"NetworkInterfaces": interfaces}]}]}

    def describe_security_groups(self, GroupIds: list[str]) -> dict[str, Any]:
        return {"SecurityGroups": [self.groups[one] for one in GroupIds or self.groups]}


@pytest.mark.parametrize(
    ("ingress", "egress", "closed"),
    [
        (RIGHT, EVERYTHING_OUT, ()),
        (EVERYTHING_OUT, EVERYTHING_OUT, ()),
        (RIGHT[1:], EVERYTHING_OUT, ("in tcp-25",)),
        ([*RIGHT[:2], _rule("tcp", 465, OFFICE)], EVERYTHING_OUT, ("in tcp-465",)),
        ([*RIGHT[:2], _rule("udp", 465, ANY)], EVERYTHING_OUT, ("in tcp-465",)),
        (
            RIGHT,
            [_rule("tcp", p, ANY) for p in (25, 53, 443)] + [_rule("icmp", -1, ANY)],
            ("out udp-53", "out tcp-80", "out udp-123"),
        ),
        (
            RIGHT,
            [_rule("tcp", p, ANY) for p in (53, 80, 443)]
            + [_rule("udp", p, ANY) for p in (53, 123)]
            + [_rule("icmp", -1, ANY)],
            ("out mail",),
        ),
    ],
)
def test_a_rule_that_is_not_there_for_everybody_is_named(
    ingress: list[dict[str, Any]], egress: list[dict[str, Any]], closed: tuple[str, ...]
) -> None:
    ec2 = Ec2(ingress, egress)
    result = group.check(EXPECTED, GATEWAY, group.read(lambda _: ec2, GATEWAY))
    assert tuple(part for problem in result.errors for part in problem.parts) == closed
    assert "sg-own" in str(result)


def test_a_host_without_an_interface_has_no_groups_rules_to_judge() -> None:
    ec2 = Ec2(RIGHT, EVERYTHING_OUT)
    ec2.attached = []
    with pytest.raises(StackError, match="i-1 has no network interface"):
        group.read(lambda _: ec2, GATEWAY)

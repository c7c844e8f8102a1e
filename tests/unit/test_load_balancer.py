"""Several gateways behind a load balancer: the resource graph, and what settings it goes with."""

import asyncio
from typing import Any

import pytest
from recorder import Recorded, Recorder, declare
from test_several_gateways import NAME, changed

from components import reach
from components.route53_zone import RecordExists, Route53Zone
from components.serving import NotServing
from settings import SettingsError, read

BALANCED = {"name": NAME, "loadBalancer": True}
GATEWAYS = ["mx1.example.com", "mx2.example.com", "mx3.example.com"]


@pytest.fixture(scope="module")
def graph() -> Recorder:
    return declare(changed(submission=BALANCED))


def balancer_of(graph: Recorder) -> Recorded:
    (found,) = [r for r in graph.of("LoadBalancer") if r.type.startswith("aws:")]
    return found


def test_the_name_leads_to_a_load_balancer_in_each_zone_of_a_gateway(graph: Recorder) -> None:
    balancer = balancer_of(graph)
    assert balancer.inputs["subnets"] == ["network-public-id", "network-public-us-east-1b-id"]
    assert balancer.inputs["enableCrossZoneLoadBalancing"] is True
    (name,) = [r for r in graph.of("Record") if r.inputs["name"] == NAME]
    (alias,) = name.inputs["aliases"]
    assert alias["name"] == "submission-1.elb.us-east-1.amazonaws.com"
    assert alias["evaluateTargetHealth"] is True
    assert graph.of("HealthCheck") == []


def test_names_are_short_enough_for_aws(graph: Recorder) -> None:
    """Pulumi adds a hyphen and seven characters; AWS takes 32 (CreateTargetGroup)."""
    named = [*graph.of("TargetGroup"), balancer_of(graph)]
    assert [r.name for r in named if len(r.name) + 8 > 32] == []


def test_gateways_take_logins_from_the_load_balancer_alone(graph: Recorder) -> None:
    rules = [r.inputs for r in graph.of("SecurityGroupIngressRule")]
    gateways = [r for r in rules if r["securityGroupId"] == "network-gateway-id"]
    assert sorted(r["fromPort"] for r in gateways if "cidrIpv4" in r) == [25]
    peers = {r["fromPort"]: r["referencedSecurityGroupId"] for r in gateways if "cidrIpv4" not in r}
    assert peers == {587: "network-submission-id", 465: "network-submission-id"}
    own = [r for r in rules if r["securityGroupId"] == "network-submission-id"]
    assert {(r["fromPort"], r["cidrIpv4"]) for r in own} == {(n, "0.0.0.0/0") for n in (587, 465)}


def test_limits_see_the_clients_own_addresses(graph: Recorder) -> None:
    for group in graph.of("TargetGroup"):
        assert group.inputs["preserveClientIp"] == "true"
        assert group.inputs["healthCheck"]["port"] == "465"


def test_a_gateway_gets_connections_once_it_serves_and_the_next_is_rebuilt_after(
    graph: Recorder,
) -> None:
    before = ""
    for gateway in GATEWAYS:
        made = graph.one("Instance", gateway)
        assert not before or ("Stash", f"{before}-balanced") in made.options.dependencies
        for port in (587, 465):
            attached = graph.one("TargetGroupAttachment", f"{gateway}-{port}").options
            assert ("Stash", f"{gateway}-serving") in attached.dependencies
            assert attached.delete_before_replace
        waits = graph.one("Stash", f"{gateway}-balanced").options
        # for another type it is stopped and started, and is the same instance
        assert graph.one("Stash", f"{gateway}-balanced").inputs["input"]["type"] == "t4g.small"
        assert ("TargetGroupAttachment", f"{gateway}-465") in waits.dependencies
        before = gateway


def test_a_gateway_that_drains_gets_none() -> None:
    listed = [{"name": GATEWAYS[0]}, {"name": GATEWAYS[1], "drain": True}]
    graph = declare(changed(gateways=listed, submission=BALANCED))
    attached = {r.inputs["targetId"] for r in graph.of("TargetGroupAttachment")}
    assert attached == {f"{GATEWAYS[0]}-id"}


def test_nobody_waits_where_the_stack_does_not() -> None:
    graph = declare(changed(submission=BALANCED, wait={"minutes": 0}))
    assert [r.name for r in graph.of("Stash") if r.name.endswith("-balanced")] == []
    before = graph.one("Instance", GATEWAYS[1]).options.dependencies
    assert ("TargetGroupAttachment", f"{GATEWAYS[0]}-465") in before


def test_private_clients_reach_the_gateways_themselves() -> None:
    """By the load balancer they would come from a gateway, which cannot reach itself there."""
    clients = [{"name": "app.example.org", "private": True}]
    graph = declare(changed(submission=BALANCED, clients=clients))
    rules = [r.inputs for r in graph.of("SecurityGroupIngressRule")]
    let_in = [
        r["fromPort"] for r in rules if r.get("referencedSecurityGroupId") == "network-private-id"
    ]
    assert {587, 465} <= set(let_in)
    names = graph.one("Record", f"{NAME}-private-A").inputs
    assert names["records"] == ["10.20.0.9"] * 3


def test_beside_private_clients_the_public_ones_go_the_same_way() -> None:
    """The name leads them to private addresses too: its private zone is the whole VPC's."""
    clients = [
        {"name": "app.example.org", "private": True},
        {"name": "web.example.org"},
        {"name": "shop.example.org"},
    ]
    graph = declare(changed(submission=BALANCED, clients=clients))
    rules = [r.inputs for r in graph.of("SecurityGroupIngressRule")]
    let_in = [
        (r["securityGroupId"], r["fromPort"])
        for r in rules
        if r.get("referencedSecurityGroupId") == "network-client-id"
    ]
    assert sorted(let_in) == [("network-gateway-id", 465), ("network-gateway-id", 587)]


def test_a_gateway_that_may_not_leave_leaves_no_zone_of_the_load_balancer(graph: Recorder) -> None:
    """Who loses a zone is deleted and made anew."""
    assert ("Stash", "gateways") in balancer_of(graph).options.dependencies


def test_one_gateway_has_no_load_balancer() -> None:
    given = {
        "gateways": [{"name": "mx1.example.com"}],
        "submission": BALANCED,
        "domains": [{"name": "example.com"}],
        "operator": "me@inbox.example",
    }
    with pytest.raises(SettingsError) as error:
        read(given)
    (line,) = error.value.lines
    assert line.startswith("mail-relay:submission.loadBalancer: true: there is one gateway")


def zone_with(answers: list[str]) -> Route53Zone:
    found = Route53Zone("example.com", None, [], guard=None)  # type: ignore[arg-type]
    found._answers[NAME, "A"] = [*answers]
    return found


def test_an_alias_takes_the_place_of_the_last_answer_only() -> None:
    """Route53 takes no alias beside answers: it would refuse in the middle of an `up`."""
    mx1, mx2 = "mail-relay/prod/mx1.example.com", "mail-relay/prod/mx2.example.com"
    zone_with([mx1]).take_over(NAME, "A", mx1, None)
    with pytest.raises(RecordExists, match=r"leads to mx2.example.com as well.*drain: true"):
        zone_with([mx1, mx2]).take_over(NAME, "A", mx1, None)


def test_answers_come_back_beside_the_first_that_takes_the_place_of_an_alias() -> None:
    zone = zone_with([])
    zone.held = {NAME: {"A": ["an alias of submission-1.elb.us-east-1.amazonaws.com"]}}
    zone.take_over(NAME, "A", None, "mail-relay/prod/mx1.example.com")
    zone.refuse_existing("it", NAME, "A", "mail-relay/prod/mx2.example.com")


class Elb:
    """Target groups by their ARNs: what DescribeTargetHealth says, one answer after another."""

    def __init__(self, **answers: list[dict[str, str]]) -> None:
        self.answers = answers

    def describe_target_health(self, TargetGroupArn: str, Targets: Any) -> Any:
        health = self.answers[TargetGroupArn.split("/")[1]]
        now = health.pop(0) if len(health) > 1 else health[0]
        return {"TargetHealthDescriptions": [{"Target": Targets[0], "TargetHealth": now}]}


INITIAL = {"State": "initial", "Description": "Initial health checks in progress"}
HEALTHY = {"State": "healthy"}


def waits(elb: Elb, seconds: float) -> list[str]:
    said: list[str] = []

    def look() -> list[str]:
        found = (reach.no_target(elb, f"arn:target/{name}/1", "i-1") for name in elb.answers)
        return [line for line in found if line]

    asyncio.run(reach.wait("mx1.example.com", look, seconds, said.append, reach.BALANCER))
    return said


def test_an_up_waits_until_both_ports_get_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "POLL_SECONDS", 0.01)
    said = waits(Elb(a=[INITIAL, HEALTHY], b=[INITIAL, INITIAL, HEALTHY]), 20)
    assert said[0].startswith("mx1.example.com: the load balancer waits: a: initial.")
    assert said[-1] == "mx1.example.com: gets connections from the load balancer"


def test_an_up_ends_with_what_the_target_group_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "POLL_SECONDS", 0.01)
    sick = {"State": "unhealthy", "Description": "Health checks failed"}
    with pytest.raises(NotServing, match=r"sends it no connections: a: unhealthy\. Health checks"):
        waits(Elb(a=[sick]), 0.05)


def test_rules_go_after_the_name_leads_elsewhere(graph: Recorder) -> None:
    """Those that are declared no more; who waits for nothing has nothing to wait for."""
    for group in graph.of("VpcSecurityGroupRulesExclusive"):
        assert ("Record", f"{NAME}-A") in group.options.dependencies
        assert ("Stash", "way") in group.options.dependencies

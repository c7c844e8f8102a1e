"""The resource graph of several gateways: examples/Pulumi.resilient.yaml under Pulumi's mocks."""

import json
from typing import Any

import pulumi
import pytest
import yaml
from recorder import Recorded, Recorder, declare

from agent.bundle import parse
from components.answers import CHECK_FAILURES
from mail import dkim, records
from ops import outputs

GATEWAYS = ["mx1.example.com", "mx2.example.com", "mx3.example.com"]
ADDRESSES = {name: f"203.0.113.{number}" for number, name in enumerate(GATEWAYS, 11)}
NAME = "mail.example.com"
HELD = {("Eip", name): {"publicIp": address} for name, address in ADDRESSES.items()}


def written(raw: dict[str, Any]) -> dict[str, str]:
    return {key: v if isinstance(v, str) else json.dumps(v) for key, v in raw.items()}


with open("examples/Pulumi.resilient.yaml") as _file:  # noqa: PTH123
    CONFIG = written(yaml.safe_load(_file)["config"])


def changed(**settings: Any) -> dict[str, str]:
    return CONFIG | written({f"mail-relay:{key}": value for key, value in settings.items()})


@pytest.fixture(scope="module")
def graph() -> Recorder:
    return declare(CONFIG, HELD)


def test_each_zone_that_is_named_has_a_subnet_of_its_own(graph: Recorder) -> None:
    subnets = {
        r.name: (r.inputs["availabilityZone"], r.inputs["cidrBlock"]) for r in graph.of("Subnet")
    }
    assert subnets == {
        "network-public": ("us-east-1a", "10.20.0.0/24"),
        "network-public-us-east-1b": ("us-east-1b", "10.20.3.0/24"),
    }
    for name in subnets:  # each has the way out
        leads = graph.one("RouteTableAssociation", name).inputs
        assert (leads["routeTableId"], leads["subnetId"]) == ("network-public-id", f"{name}-id")


def test_a_gateway_and_its_volume_are_in_its_zone(graph: Recorder) -> None:
    subnets = {name: graph.one("NetworkInterface", name).inputs["subnetId"] for name in GATEWAYS}
    assert subnets == {
        GATEWAYS[0]: "network-public-id",
        GATEWAYS[1]: "network-public-us-east-1b-id",
        GATEWAYS[2]: "network-public-id",
    }
    zones = {name: graph.one("Volume", name).inputs["availabilityZone"] for name in GATEWAYS}
    assert [*zones.values()] == ["us-east-1a", "us-east-1b", "us-east-1a"]
    way = ("RouteTableAssociation", "network-public-us-east-1b")
    assert way in graph.one("Eip", GATEWAYS[1]).options.dependencies


@pytest.mark.parametrize(
    ("zone", "held", "said"),
    [
        ("us-east-1b", "us-east-1a", "as it was, or make a gateway of another name in us-east-1b"),
        (None, "us-east-1b", "as it was, or make a gateway of another name in us-east-1a"),
    ],
)
def test_a_gateway_whose_volume_is_elsewhere_stops_the_program(
    zone: str | None, held: str, said: str
) -> None:
    """AWS would refuse the attachment, in the middle of an `up`."""
    gateways = [{"name": GATEWAYS[0]}, {"name": GATEWAYS[1], **({"zone": zone} if zone else {})}]
    place = zone or "us-east-1a"
    with pytest.raises(pulumi.RunError) as caught:
        declare(changed(gateways=gateways), {("Volume", GATEWAYS[1]): {"availabilityZone": held}})
    assert f".zone ({GATEWAYS[1]}): '{place}': its data volume is in {held}" in str(caught.value)
    assert f"and cannot leave it; put `zone` back {said}" in str(caught.value)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("named", [0, 1])
def test_the_stacks_own_zone_is_not_named(named: int, balanced: bool) -> None:
    """A second subnet there would move a standing gateway, and no load balancer takes two."""
    gateways = [{"name": GATEWAYS[0]}, {"name": GATEWAYS[1]}]
    gateways[named]["zone"] = "us-east-1a"
    submission = {"name": NAME, **({"loadBalancer": True} if balanced else {})}
    with pytest.raises(pulumi.RunError) as caught:
        declare(changed(gateways=gateways, submission=submission))
    assert str(caught.value) == (
        f"mail-relay:gateways[{named}].zone ({GATEWAYS[named]}): 'us-east-1a': this is the stack's "
        "own zone, where a gateway without `zone` is; leave `zone` out"
    )


def objects(graph: Recorder, key: str) -> list[Recorded]:
    return [r for r in graph.of("BucketObjectv2") if r.inputs["key"] == key]


def test_all_gateways_read_the_same_tables(graph: Recorder) -> None:
    (tables,) = objects(graph, "gateway.json")
    content = tables.inputs["content"]["value"].encode()
    for name in GATEWAYS:
        assert parse(content, name, "gateway")["gateways"] == GATEWAYS
        needs = graph.one("Instance", name).options.dependencies
        assert ("BucketObjectv2", tables.name) in needs


def test_a_gateways_role_is_for_its_own_name_and_the_one_of_all(graph: Recorder) -> None:
    bucket = "arn:aws:s3:::mail-relay-test-123456789012"
    for name in GATEWAYS:
        policy = json.loads(graph.one("RolePolicy", name).inputs["policy"])["Statement"]
        assert [s["Resource"] for s in policy if s["Action"].startswith("s3:")] == [
            f"{bucket}/gateway.json",
            f"{bucket}/setup/{name}/*.json",
            f"{bucket}/status/{name}.json",
            f"{bucket}/status/*.json",
        ]
        (change,) = [s for s in policy if s["Action"] == "route53:ChangeResourceRecordSets"]
        assert change["Resource"] == "arn:aws:route53:::hostedzone/Z-example.com"
        names = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
        assert change["Condition"]["ForAllValues:StringEquals"][names] == [
            f"_acme-challenge.{name}",
            f"_acme-challenge.{NAME}",
        ]


def test_a_submission_name_in_another_zone_is_certified_there() -> None:
    graph = declare(changed(submission={"name": "smtp.example.org"}))
    policy = json.loads(graph.one("RolePolicy", GATEWAYS[0]).inputs["policy"])["Statement"]
    (change,) = [s for s in policy if s["Action"] == "route53:ChangeResourceRecordSets"]
    zone = "arn:aws:route53:::hostedzone/Z-"
    assert change["Resource"] == [f"{zone}example.com", f"{zone}example.org"]


def test_any_gateway_takes_the_mail_of_domains_and_of_gateways(graph: Recorder) -> None:
    exchanges = {
        r.inputs["name"]: r.inputs["records"]
        for r in graph.of("Record")
        if r.inputs["type"] == "MX"
    }
    every = [f"10 {name}." for name in GATEWAYS]
    assert exchanges == dict.fromkeys(("example.com", "example.org", *GATEWAYS), every)


def test_an_mx_waits_for_the_gateways_in_it_and_for_no_other() -> None:
    elsewhere = {"host": "mx.far.example", "preference": 10}
    second = {"host": GATEWAYS[1], "preference": 10}
    domains = [
        {"name": "example.com", "mx": [elsewhere]},
        {"name": "example.org", "mx": [second, elsewhere | {"preference": 20}]},
    ]
    forward = {"address": "info@example.org", "to": ["jane@far.example"]}
    graph = declare(changed(domains=domains, forwards=[forward]), HELD)

    def waits(name: str) -> set[str]:
        needed = graph.one("Record", f"{name}-MX").options.dependencies
        return {made for kind, made in needed if kind == "Stash"}

    assert waits("example.com") == set()
    assert waits("example.org") == {f"{GATEWAYS[1]}-serving"}
    assert waits(GATEWAYS[0]) == {f"{name}-serving" for name in GATEWAYS}


def test_one_spf_policy_has_all_addresses(graph: Recorder) -> None:
    (policy,) = graph.one("Record", "_spf.example.com-TXT").inputs["records"]
    assert policy == "v=spf1 ip4:203.0.113.11 ip4:203.0.113.12 ip4:203.0.113.13 -all"
    for domain in ("example.com", "example.org"):
        (own,) = graph.one("Record", f"{domain}-TXT").inputs["records"]
        assert "include:_spf.example.com" in own


def answers(graph: Recorder) -> list[dict[str, Any]]:
    found = [r.inputs for r in graph.of("Record") if r.inputs["name"] == NAME]
    return sorted(found, key=lambda inputs: inputs["setIdentifier"])


def test_the_submission_name_answers_with_the_gateways_that_serve(graph: Recorder) -> None:
    found = answers(graph)
    assert [made["records"] for made in found] == [[address] for address in ADDRESSES.values()]
    for made, name in zip(found, GATEWAYS, strict=True):
        assert (made["type"], made["ttl"]) == ("A", records.SUBMISSION_TTL)
        assert made["multivalueAnswerRoutingPolicy"] is True
        assert made["setIdentifier"] == f"mail-relay/test/{name}"
        assert made["healthCheckId"] == f"{name}-id"
        check = graph.one("HealthCheck", name).inputs
        assert (check["type"], check["ipAddress"], check["port"]) == ("TCP", ADDRESSES[name], 465)
        assert (check["requestInterval"], check["failureThreshold"]) == (30, CHECK_FAILURES)
    assert len(graph.of("HealthCheck")) == len(GATEWAYS)


def after(graph: Recorder, name: str) -> set[str]:
    """The hosts that must serve before this one is made."""
    needed = graph.one("Instance", name).options.dependencies
    stashes = {made.rpartition("-") for kind, made in needed if kind == "Stash"}
    return {host for host, _, how in stashes if how in ("serving", "answered")}


def test_a_gateway_is_made_once_the_one_before_it_is_an_answer(graph: Recorder) -> None:
    assert [after(graph, name) for name in GATEWAYS] == [set(), {GATEWAYS[0]}, {GATEWAYS[1]}]
    for name in GATEWAYS:
        waits = graph.one("Stash", f"{name}-answered")
        assert waits.inputs["input"]["healthCheck"] == f"{name}-id"
        assert waits.options.hooks == ("gateway-is-answered", "gateway-is-answered")
        needed = {("Stash", f"{name}-serving"), ("Record", f"{NAME}-A-{name}")}
        assert needed <= set(waits.options.dependencies)


def test_private_clients_are_led_to_the_gateways_that_take_mail() -> None:
    for drains, many in ((False, 3), (True, 2)):
        one = {"name": GATEWAYS[0], "drain": drains}
        listed = [*({"name": name} for name in GATEWAYS[1:]), one]
        private = [{"name": "app.example.org", "private": True}]
        graph = declare(changed(gateways=listed, clients=private), HELD)
        (record,) = [r for r in graph.of("Record") if r.name.endswith("-private-A")]
        assert len(record.inputs["records"]) == many


def test_nobody_is_led_to_a_new_gateway_before_it_serves() -> None:
    """Route53 takes a new health check for healthy, and in the VPC nothing leaves one out."""
    clients = [{"name": "app.example.org"}, {"name": "in.example.org", "private": True}]
    graph = declare(changed(clients=clients), HELD)
    needs = {r.inputs.get("setIdentifier"): r.options.dependencies for r in graph.of("Record")}
    for name in GATEWAYS:
        assert ("Stash", f"{name}-serving") in needs[f"mail-relay/test/{name}"]
    inside = graph.one("Record", f"{NAME}-private-A").options.dependencies
    assert {("Stash", f"{name}-serving") for name in GATEWAYS} <= set(inside)
    way_out = graph.one("Route", "network-private-gateway").options.dependencies
    assert ("Stash", f"{GATEWAYS[0]}-serving") in way_out
    # a resolver would remember for a quarter of an hour that there is no such name
    hosts = {n: graph.one("Instance", n).options.dependencies for n in [c["name"] for c in clients]}
    assert ("Record", f"{NAME}-private-A") in hosts["in.example.org"]
    assert ("Record", f"{NAME}-A-{GATEWAYS[0]}") in hosts["app.example.org"]


def test_a_gateway_that_drains_is_no_answer_to_wait_for() -> None:
    listed = [{"name": GATEWAYS[0], "drain": True}, *({"name": name} for name in GATEWAYS[1:])]
    graph = declare(changed(gateways=listed), HELD)
    waits = [r.name for r in graph.of("Stash") if r.name.endswith("-answered")]
    assert waits == [f"{name}-answered" for name in GATEWAYS[1:]]
    assert ("Stash", f"{GATEWAYS[0]}-serving") in (
        graph.one("Instance", GATEWAYS[1]).options.dependencies
    )


def test_the_other_gateways_are_looked_at_before_one_is_rebuilt(graph: Recorder) -> None:
    for name, before in zip(GATEWAYS, (None, *GATEWAYS), strict=False):
        judged = graph.one("Stash", f"{name}-replaceable").options
        assert ("Stash", f"{name}-replaceable") in graph.one("Instance", name).options.dependencies
        assert judged.hooks == ("another-gateway-serves",)
        # at its own turn, not at the first one's
        assert not before or ("Stash", f"{before}-answered") in judged.dependencies


def made_of(**settings: Any) -> str:
    graph = declare(changed(**settings), HELD)
    return graph.one("Stash", f"{GATEWAYS[1]}-replaceable").inputs["input"]["instance"]


def test_they_are_looked_at_when_it_is_rebuilt_and_only_then() -> None:
    before = made_of()
    assert made_of() == before
    assert made_of(logins=[{"address": "me@example.com"}]) == before
    fourth = [*({"name": name} for name in GATEWAYS), {"name": "mx4.example.com"}]
    assert made_of(gateways=fourth) == before
    assert made_of(operator="another@inbox.example") != before
    bigger = [{"name": name, "instanceType": "t4g.medium"} for name in GATEWAYS]
    assert made_of(gateways=bigger) != before


@pytest.mark.parametrize(
    "settings", [{"wait": {"minutes": 0}}, {"gateways": [{"name": GATEWAYS[0]}]}]
)
def test_nobody_looks_where_none_waits_or_there_is_no_other(settings: dict[str, Any]) -> None:
    graph = declare(changed(**settings), HELD)
    assert [r.name for r in graph.of("Stash") if r.name.endswith("-answered")] == []
    # it is there from the gateway's first `up` on, or the next gateway would wait for itself
    made = [r for r in graph.of("Stash") if r.name.endswith("-replaceable")]
    assert made
    assert [r.name for r in made if r.options.hooks] == []


def test_a_quarter_of_the_clients_is_made_at_a_time(graph: Recorder) -> None:
    assert [after(graph, f"{c}.example.org") for c in ("app", "web")] == [
        set(),
        {"app.example.org"},
    ]
    names = [f"c{number}.example.org" for number in range(6)]
    many = declare(changed(clients=[{"name": name} for name in names]))
    assert [after(many, name) for name in names] == [
        set(),
        set(),
        {names[0]},
        {names[1]},
        {names[2]},
        {names[3]},
    ]


def test_the_outputs_have_every_gateway_and_the_name_of_all(graph: Recorder) -> None:
    found = outputs.read(graph.outputs)
    assert {host.name: host.address for host in found.gateways} == ADDRESSES
    assert found.submission.host == NAME
    told = found.record(NAME, "A")
    assert told is not None
    assert sorted(told.values) == sorted(ADDRESSES.values())
    assert len({host.tables for host in found.gateways}) == 1
    client = json.loads(
        objects(graph, "clients/app.example.org.json")[0].inputs["content"]["value"]
    )
    assert client["gateway"] == NAME
    assert client["gateways"] == GATEWAYS


def by_name(graph: Recorder) -> dict[tuple[str, str], Recorded]:
    return {(made.type, made.name): made for made in graph.resources}


@pytest.fixture
def repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    key = dkim.generate()
    monkeypatch.setattr(dkim, "generate", lambda: key)
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: "as-before")


@pytest.mark.usefixtures("repeatable")
def test_one_gateway_may_be_listed_or_not() -> None:
    """What stands stays as it is when a stack goes over to the list."""
    one = {"name": GATEWAYS[0]}
    plain = declare(changed(gateway=one, gateways=[], submission={}))
    listed = declare(changed(gateway={}, gateways=[one], submission={}))
    assert len(plain.resources) > 30
    assert by_name(plain) == by_name(listed)
    assert plain.outputs == listed.outputs
    assert answers(plain) == []


def test_a_name_of_one_gateways_submission_is_not_checked() -> None:
    """There is no other to lead to."""
    graph = declare(changed(gateways=[{"name": GATEWAYS[0]}]), HELD)
    assert graph.of("HealthCheck") == []
    (answer,) = answers(graph)
    assert answer["records"] == [ADDRESSES[GATEWAYS[0]]]
    assert "healthCheckId" not in answer
    assert {r.inputs["name"] for r in graph.of("Record") if r.inputs["type"] == "MX"} == {
        "example.com",
        "example.org",
    }


def test_what_a_gateway_needs_stays_until_it_may_leave(graph: Recorder) -> None:
    # an `up` without a preview stops there, and the gateway goes on draining
    judged = ("Stash", "gateways")
    assert judged in graph.one("BucketObjectv2", "tables-gateway.json").options.dependencies
    assert judged in graph.one("Record", "_spf.example.com-TXT").options.dependencies

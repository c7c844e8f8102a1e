"""What Pulumi is told about each resource beside its inputs: what is kept, what waits for what."""

import json
from collections.abc import Iterator

import pytest
from recorder import Options, Recorder, declare
from test_graph import CONFIG

GATEWAY, CLIENT = "mail.relay.example", "app.shop.example"
PRIVATE = [{"name": CLIENT}, {"name": "in.shop.example", "private": True}]


@pytest.fixture(scope="module")
def graph() -> Iterator[Recorder]:
    """The example, protected, with a private client beside the other."""
    changed = {"mail-relay:protect": "true", "mail-relay:clients": json.dumps(PRIVATE)}
    yield declare({**CONFIG, **changed})


def options(graph: Recorder, kind: str, name: str) -> Options:
    return graph.one(kind, name).options


def test_what_nobody_could_make_anew_is_protected_and_nothing_else(graph: Recorder) -> None:
    assert {(r.type.rpartition(":")[2], r.name) for r in graph.resources if r.options.protect} == {
        ("Volume", GATEWAY),
        ("Eip", GATEWAY),
        ("Eip", CLIENT),
        ("Stash", "s1.relay.example-key"),
        ("Stash", "s1.shop.example-key"),
        ("Stash", "me@shop.example-password"),
        ("Stash", f"relay@{CLIENT}-password"),
        ("Stash", "relay@in.shop.example-password"),
        ("Stash", "srs-secret"),
    }


def test_nothing_is_protected_unless_it_is_asked_for() -> None:
    assert [r.name for r in declare(CONFIG).resources if r.options.protect] == []


def test_a_zone_that_the_stack_makes_is_protected_and_a_retired_key_no_longer() -> None:
    names = {"gateway": {"name": "mail.try.relay.example"}, "clients": [], "logins": []}
    names |= {"forwards": [], "protect": True}
    names["delegation"] = {"zone": "try.relay.example", "parent": "relay.example"}
    names["domains"] = [{"name": "try.relay.example", "selectors": ["s2"], "retired": ["s1"]}]
    graph = declare({**CONFIG, **{f"mail-relay:{k}": json.dumps(v) for k, v in names.items()}})
    assert options(graph, "Zone", "try.relay.example").protect
    assert options(graph, "Stash", "s2.try.relay.example-key").protect
    assert not options(graph, "Stash", "s1.try.relay.example-key").protect


@pytest.mark.parametrize("host", [GATEWAY, CLIENT])
def test_a_host_is_deleted_before_another_takes_its_interface(graph: Recorder, host: str) -> None:
    assert options(graph, "Instance", host).delete_before_replace
    # which the provider would take for a change (the interface's own)
    assert options(graph, "Instance", host).ignore_changes == ("sourceDestCheck",)


def test_a_volume_is_let_go_before_it_is_attached_anew(graph: Recorder) -> None:
    assert options(graph, "VolumeAttachment", GATEWAY).delete_before_replace
    others = [r for r in graph.resources if r.options.delete_before_replace]
    assert {r.type.rpartition(":")[2] for r in others} == {"Instance", "VolumeAttachment"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("Volume", GATEWAY), ("Subnet", "network-public"), ("Subnet", "network-private")],
)
def test_nothing_leaves_its_availability_zone(graph: Recorder, kind: str, name: str) -> None:
    """A volume that did would come back empty."""
    assert "availabilityZone" in options(graph, kind, name).ignore_changes


@pytest.mark.parametrize(
    ("kind", "name", "needed"),
    [
        # a PTR is set only once the name leads to the address
        ("EipDomainName", GATEWAY, {("Record", f"{GATEWAY}-A"), ("Eip", GATEWAY)}),
        ("EipDomainName", CLIENT, {("Record", f"{CLIENT}-A"), ("Eip", CLIENT)}),
        # an address works once there is a way out
        (
            "Eip",
            GATEWAY,
            {
                ("InternetGateway", "network-internet"),
                ("Route", "network-public-internet"),
                ("RouteTableAssociation", "network-public"),
            },
        ),
        # a host's first packet leaves from its own address; what it is set up by is there
        (
            "Instance",
            GATEWAY,
            {
                ("Eip", GATEWAY),
                ("NetworkInterface", GATEWAY),
                ("RolePolicy", GATEWAY),
                ("BucketObjectv2", f"setup-{GATEWAY}"),
                ("BucketObjectv2", "tables-gateway.json"),
            },
        ),
        (
            "Instance",
            CLIENT,
            {
                ("Eip", CLIENT),
                ("RolePolicy", CLIENT),
                ("BucketObjectv2", f"setup-{CLIENT}"),
                ("BucketObjectv2", f"tables-clients/{CLIENT}.json"),
            },
        ),
        # a private client sees the gateway by the private zone, and goes out through it
        (
            "Instance",
            "in.shop.example",
            {
                ("NetworkInterface", "in.shop.example"),
                ("Record", f"{GATEWAY}-private-A"),
                ("Route", "network-private-gateway"),
                ("RouteTableAssociation", "network-private"),
            },
        ),
        # a gateway without its volume does not serve
        (
            "Stash",
            f"{GATEWAY}-serving",
            {("Instance", GATEWAY), ("VolumeAttachment", GATEWAY)},
        ),
        ("Stash", f"{CLIENT}-serving", {("Instance", CLIENT)}),
        # no object is there before the bucket is closed and encrypted
        (
            "BucketObjectv2",
            "tables-gateway.json",
            {
                ("BucketPublicAccessBlock", "tables"),
                ("BucketPolicy", "tables"),
                ("BucketServerSideEncryptionConfiguration", "tables"),
                ("BucketVersioning", "tables"),
            },
        ),
    ],
)
def test_what_a_resource_waits_for(
    graph: Recorder, kind: str, name: str, needed: set[tuple[str, str]]
) -> None:
    assert needed <= options(graph, kind, name).dependencies


def test_what_is_generated_is_kept_for_life_and_secret(graph: Recorder) -> None:
    ours = ("-serving", "-replaceable")
    kept = [r for r in graph.of("Stash") if not r.name.endswith(ours)]
    kept = [r for r in kept if r.name not in ("gateways", "exchangers")]
    assert len(kept) == 6
    for stash in kept:
        assert stash.options.ignore_changes == ("input",)
        assert stash.options.secret_outputs == ("output",)
        assert set(stash.inputs["input"]) > {"value"}  # with Pulumi's own mark of a secret
        # 24 octets of chance, or a key
        assert len(stash.inputs["input"]["value"]) >= 32


def test_tables_are_secret_in_the_state(graph: Recorder) -> None:
    for made in graph.of("BucketObjectv2"):
        is_public = made.name.startswith("setup-")
        assert made.options.secret_outputs == (() if is_public else ("content",))


def test_every_record_is_looked_for_before_it_is_made_and_can_be_taken_over(
    graph: Recorder,
) -> None:
    # a private zone is the stack's own from its first moment
    records = [r for r in graph.of("Record") if "private" not in r.name]
    assert len(records) > 10
    for record in records:
        assert record.options.hooks == ("record-is-new",)
        assert record.options.was_without_parent  # where `pulumi import` puts it


@pytest.mark.parametrize(
    ("kind", "name", "hook", "moments"),
    [
        ("Stash", f"{GATEWAY}-serving", "host-serves", 2),
        ("Stash", f"{CLIENT}-serving", "host-serves", 2),
        ("Instance", GATEWAY, "zone-offers-type", 2),
        ("Instance", CLIENT, "zone-offers-type", 2),
        ("Vpc", "network", "zone-can-be-used", 1),
        ("Subnet", "network-public", "zone-can-be-used", 1),
    ],
)
def test_what_is_looked_at_before_a_resource_is_made_or_changed(
    graph: Recorder, kind: str, name: str, hook: str, moments: int
) -> None:
    assert options(graph, kind, name).hooks == (hook,) * moments


def test_a_stack_that_does_not_wait_declares_no_waiting() -> None:
    graph = declare({**CONFIG, "mail-relay:wait": json.dumps({"minutes": 0})})
    assert [r.name for r in graph.of("Stash") if r.name.endswith("-serving")] == []

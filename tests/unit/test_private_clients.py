"""Private clients in the resource graph: what leads to them, and what they lead to."""

import json
from typing import Any

import pytest
import yaml
from recorder import Recorder, declare, host_files

from lab.internet import private_zones
from lab.machines.state import PrivateZone
from ops import ssh
from ops.outputs import Host

SERVER, CLIENT = "mail.example.com", "client.example.com"
NAT = "etc/nftables.d/nat.nft"


def config(file: str) -> dict[str, str]:
    with open(file) as text:  # noqa: PTH123
        content = yaml.safe_load(text)["config"]
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in content.items()}


@pytest.fixture(scope="module")
def graph() -> Recorder:
    return declare(config("examples/Pulumi.handson.yaml"))


def rules(graph: Recorder, kind: str, group: str) -> set[tuple[int, str]]:
    """(port, network or group) of what a security group lets in or out."""
    return {
        (
            int(r.inputs["fromPort"]),
            r.inputs.get("cidrIpv4") or r.inputs["referencedSecurityGroupId"],
        )
        for r in graph.of(f"SecurityGroup{kind}Rule")
        if r.inputs["securityGroupId"] == f"network-{group}-id"
    }


def test_a_private_client_has_no_address_and_no_name(graph: Recorder) -> None:
    for kind in ("Eip", "EipDomainName"):
        assert [r.name for r in graph.of(kind)] == [SERVER]
    assert CLIENT not in {r.inputs["name"] for r in graph.of("Record")}
    interface = graph.one("NetworkInterface", CLIENT).inputs
    assert interface["subnetId"] == "network-private-id"
    assert graph.one("Subnet", "network-private").inputs["cidrBlock"] == "10.20.1.0/24"


def test_its_way_out_is_the_gateways_interface(graph: Recorder) -> None:
    (route,) = [r for r in graph.of("Route") if "networkInterfaceId" in r.inputs]
    assert route.inputs["networkInterfaceId"] == f"{SERVER}-id"
    assert route.inputs["routeTableId"] == "network-private-id"
    assert graph.one("NetworkInterface", SERVER).inputs["sourceDestCheck"] is False
    assert "ip saddr 10.20.1.0/24 masquerade" in host_files(graph, SERVER)[NAT]
    assert NAT not in host_files(graph, CLIENT)


def test_without_private_clients_a_gateway_forwards_nothing() -> None:
    graph = declare(config("Pulumi.dev.yaml"))
    for interface in graph.of("NetworkInterface"):
        assert interface.inputs["sourceDestCheck"] is True
    assert NAT not in host_files(graph, "mail.relay.example")
    assert graph.of("Zone") == []


def test_security_groups_let_through_what_is_named(graph: Recorder) -> None:
    world, laptop = "0.0.0.0/0", "198.51.100.16/28"
    server, private = "network-gateway-id", "network-private-id"
    mail = {(port, world) for port in (25, 465, 587)}
    assert rules(graph, "Ingress", "gateway") == {
        *mail,
        (22, laptop),
        (80, private),
        (443, private),
    }
    assert rules(graph, "Ingress", "private") == {(22, server)}
    assert rules(graph, "Egress", "private") == {
        (80, world),
        (443, world),
        (465, server),
        (587, server),
    }


def test_without_a_network_for_ssh_it_is_closed_inside_too() -> None:
    closed = config("examples/Pulumi.handson.yaml")
    del closed["mail-relay:ssh"]
    graph = declare(closed)
    assert rules(graph, "Ingress", "private") == set()
    assert 22 not in {port for port, _ in rules(graph, "Egress", "gateway")}


def test_the_gateways_name_alone_is_a_private_zone(graph: Recorder) -> None:
    (zone,) = graph.of("Zone")
    assert zone.inputs["name"] == SERVER
    assert zone.inputs["vpcs"] == [{"vpcId": "network-id"}]
    record = graph.one("Record", f"{SERVER}-private-A").inputs
    assert (record["name"], record["type"], record["records"]) == (SERVER, "A", ["10.20.0.9"])


def test_commands_reach_a_private_client_through_the_gateway() -> None:
    known: dict[str, Any] = {"name": CLIENT, "instance_id": "i-1", "tables": "", "status": ""}
    jump = "ssh -J admin@mail.example.com admin@10.20.1.4"
    private = Host(private_address="10.20.1.4", ssh=jump, **known)
    assert ssh._address(private) == ["-J", "admin@mail.example.com", "admin@10.20.1.4"]
    assert ssh._address(Host(address="203.0.113.1", **known)) == ["admin@203.0.113.1"]


def test_the_labs_resolver_has_a_view_for_each_vpc() -> None:
    one = ("mail.example.com.", "A", 300, "10.20.0.4")
    two = ("mail.example.com.", "A", 300, "10.30.0.4")
    zones = [
        PrivateZone(name="mail.example.com.", networks=("10.20.0.0/16",), records=(one,)),
        PrivateZone(name="mail.example.com.", networks=("10.30.0.0/16",), records=(two,)),
    ]
    before, first, second = private_zones.configuration(zones).split("view:\n")
    assert 'access-control-view: 10.20.0.0/16 "10.20.0.0/16"' in before
    assert "10.20.0.4" in first
    assert "10.30.0.4" not in first
    assert "10.30.0.4" in second

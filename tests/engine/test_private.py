"""The set-up with a private client, with the real engine: a story, in the order of the tests."""

import json
from typing import Any

import pytest
import yaml
from stacks import PROJECT, Region, Stack

from ops.outputs import Host
from ops.settle import orphans

SERVER, CLIENT = "mail.example.com", "client.example.com"


def config(**client: Any) -> dict[str, Any]:
    content = yaml.safe_load((PROJECT / "examples/Pulumi.handson.yaml").read_text())["config"]
    content["mail-relay:clients"] = [{"name": CLIENT, **client}]
    return content


@pytest.fixture(scope="module")
def handson(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    made = Stack(region, tmp_path_factory.mktemp("handson"))
    made.write(config(private=True))
    region.client("route53").create_hosted_zone(Name="example.com", CallerReference="h")
    code, said = made.pulumi("stack", "init", "test")
    assert code == 0, said
    return made


def machine(stack: Stack, host: Host) -> dict[str, Any]:
    """A host as the machines' side sees it."""
    instances = stack.region.control.get("state")["instances"]
    (found,) = [i for i in instances if i["id"] == host.instance_id]
    return found


def test_01_the_client_goes_out_through_the_server(handson: Stack) -> None:
    handson.up()
    outputs = handson.outputs()
    (server,), (client,) = outputs.gateways, outputs.clients
    assert client.address == ""
    assert client.ssh == f"ssh -J admin@{SERVER} admin@{client.private_address}"
    private, public = machine(handson, client), machine(handson, server)
    assert (private["internet"], private["via"]) == (False, server.private_address)
    assert (public["internet"], public["via"]) == (True, None)
    assert (private["forwards"], public["forwards"]) == (False, True)


def test_02_the_private_zone_is_seen_by_its_vpc(handson: Stack) -> None:
    (zone,) = handson.region.control.get("state")["privateZones"]
    assert (zone["name"], zone["networks"]) == (f"{SERVER}.", ["10.20.0.0/16"])
    server = handson.outputs().gateways[0].private_address
    assert [f"{SERVER}.", "A", 300, server] in zone["records"]


def test_03_a_second_up_changes_nothing(handson: Stack) -> None:
    handson.up("--refresh", "--expect-no-changes")


def test_04_a_client_becomes_public_and_private_again(handson: Stack) -> None:
    handson.write(config())
    handson.up()
    outputs = handson.outputs()
    client = outputs.clients[0]
    assert machine(handson, client)["publicAddress"] == client.address
    assert machine(handson, outputs.gateways[0])["forwards"] is False
    assert handson.region.control.get("state")["privateZones"] == []
    handson.write(config(private=True))
    handson.up()
    assert handson.outputs().clients[0].address == ""


def test_05_an_endpoint_takes_the_place_of_the_open_port(handson: Stack) -> None:
    """Found by its tags if an `up` was cut off while it was made; a second `up` changes nothing."""
    reached = config(private=True)
    reached["mail-relay:ssh"] = {"endpoint": True}
    handson.write(reached)
    handson.up()
    outputs = handson.outputs()
    endpoint = outputs.ssh.endpoint
    assert endpoint
    assert [(host.endpoint, host.ssh) for host in outputs.clients] == [(endpoint, "")]
    code, said = handson.pulumi("stack", "export", "--stack=test")
    assert code == 0, said
    resources = json.loads(said)["deployment"]["resources"]
    (made,) = [r for r in resources if r["type"].endswith(":InstanceConnectEndpoint")]
    assert orphans.find(handson.region.client, made) == [endpoint.id] == [made["id"]]
    for host in outputs.hosts:
        rules = [r for r in machine(handson, host)["ingress"] if r["from"] == 22]
        (address,) = [e["address"] for e in handson.region.control.get("state")["endpoints"]]
        assert [rule["cidr"] for rule in rules] == [f"{address}/32"]
    handson.up("--refresh", "--expect-no-changes")


def test_06_destroy_leaves_nothing(handson: Stack) -> None:
    code, said = handson.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert handson.region.control.get("leftovers") == []

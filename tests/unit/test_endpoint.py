"""The EC2 Instance Connect Endpoint: what is declared, and what the lab's region does with it."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from recorder import Recorder, declare
from region_service import serving
from test_private_clients import config, rules

from lab.machines.network import ruleset
from lab.machines.state import Amazons, RegionState
from lab.region import backends, control_api, instance_connect
from lab.region.memory import Memory
from lab.region.rules import instance_connect as calls
from ops.outputs import Endpoint
from ops.outputs import read as read_outputs
from settings import advice, read

EXAMPLE = "examples/Pulumi.handson.yaml"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGGyz2mDEvEhcK6OT0wjtSPyvsyCMtCHqpqv1ZkeUzJ1 a@b"


def graph(ssh: str) -> Recorder:
    return declare({**config(EXAMPLE), "mail-relay:ssh": ssh})


def made(graph: Recorder) -> set[tuple[str, str]]:
    return {(r.type.rpartition(":")[2], r.name) for r in graph.resources}


@pytest.fixture(scope="module")
def closed() -> Recorder:
    return graph("{}")


@pytest.fixture(scope="module")
def reached() -> Recorder:
    return graph('{"endpoint": true}')


def test_a_stack_without_it_has_not_one_resource_of_it(closed: Recorder, reached: Recorder) -> None:
    assert made(closed) < made(reached)
    assert made(reached) - made(closed) == {
        ("Endpoint", "endpoint"),
        ("InstanceConnectEndpoint", "endpoint"),
        ("SecurityGroup", "network-endpoint"),
        ("VpcSecurityGroupRulesExclusive", "network-endpoint"),
        ("SecurityGroupEgressRule", "endpoint-out-network-gateway"),
        ("SecurityGroupEgressRule", "endpoint-out-network-private"),
        ("SecurityGroupIngressRule", "endpoint-in-network-gateway"),
        ("SecurityGroupIngressRule", "endpoint-in-network-private"),
    }
    assert read_outputs(closed.outputs).ssh.endpoint is None


def test_port_22_is_open_to_the_endpoint_alone(reached: Recorder) -> None:
    """A private client's too: nothing jumps over the gateway."""
    for kind in ("gateway", "private"):
        of = {peer for port, peer in rules(reached, "Ingress", kind) if port == 22}
        assert of == {"network-endpoint-id"}
    ways = {(22, "network-gateway-id"), (22, "network-private-id")}
    assert rules(reached, "Egress", "endpoint") == ways
    assert rules(reached, "Ingress", "endpoint") == set()
    assert 22 not in {port for port, _ in rules(reached, "Egress", "gateway")}


def test_hosts_see_the_endpoint_and_the_vpc_has_one_at_most(reached: Recorder) -> None:
    (endpoint,) = reached.of("InstanceConnectEndpoint")
    # a rule for a security group does not let in who keeps the address of a client elsewhere
    assert endpoint.inputs["preserveClientIp"] is False
    assert endpoint.inputs["securityGroupIds"] == ["network-endpoint-id"]
    assert endpoint.inputs["subnetId"] == "network-public-id"
    assert endpoint.options.delete_before_replace


def test_the_outputs_say_how_hosts_are_reached(reached: Recorder) -> None:
    found = read_outputs(reached.outputs)
    assert found.ssh.endpoint == Endpoint(id="endpoint-id", dns_name="endpoint.eice.example")
    (client,) = found.clients
    assert client.ssh == ""  # the jump, which leads nowhere
    both = graph('{"endpoint": true, "allowFrom": ["192.0.2.0/24"]}')
    (client,) = read_outputs(both.outputs).clients
    assert client.ssh.startswith("ssh -J")


@pytest.mark.parametrize("key", [None, KEY])
def test_an_endpoint_without_a_key_is_advised_against(key: str | None) -> None:
    ssh = {"endpoint": True} | ({"publicKey": key} if key else {})
    raw = {
        "operator": "ops@inbox.example",
        "gateway": {"name": "mail.relay.example"},
        "domains": [{"name": "shop.example"}],
        "ssh": ssh,
    }
    told = [line for line in advice.advice(read(raw)) if "ssh.endpoint" in line]
    assert len(told) == (0 if key else 1)


class Region:
    """The lab's region with two VPCs, whose calls about endpoints take no time."""

    def __init__(self, memory: Memory, client: Any) -> None:
        self.memory, self.ec2 = memory, client("ec2")
        memory.endpoint_seconds = 0
        self.subnets = [self.subnet(f"10.{n}.0.0/16", f"10.{n}.0.0/24") for n in (30, 31)]

    def subnet(self, vpc: str, cidr: str) -> dict[str, Any]:
        made = self.ec2.create_vpc(CidrBlock=vpc)["Vpc"]
        return self.ec2.create_subnet(VpcId=made["VpcId"], CidrBlock=cidr)["Subnet"]

    def group(self, vpc: str) -> str:
        return self.ec2.create_security_group(VpcId=vpc, GroupName="e", Description="e")["GroupId"]

    def create(self, number: int = 0, **more: Any) -> dict[str, Any]:
        subnet = self.subnets[number]["SubnetId"]
        return self.ec2.create_instance_connect_endpoint(SubnetId=subnet, **more)[
            "InstanceConnectEndpoint"
        ]

    def listed(self, **filters: str) -> list[str]:
        given = [{"Name": n.replace("_", "-"), "Values": [v]} for n, v in filters.items()]
        found = self.ec2.describe_instance_connect_endpoints(Filters=given)
        return [e["InstanceConnectEndpointId"] for e in found["InstanceConnectEndpoints"]]

    def delete(self, identity: str) -> None:
        self.ec2.delete_instance_connect_endpoint(InstanceConnectEndpointId=identity)


@pytest.fixture
def region() -> Iterator[Region]:
    memory = Memory()
    with serving(memory) as (client, _):
        yield Region(memory, client)
    backends.ec2().reset()


def code(call: Any) -> str:
    with pytest.raises(ClientError) as error:
        call()
    return error.value.response["Error"]["Code"]


def test_a_vpc_has_one_and_a_region_five(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    region.create()
    assert code(region.create) == "InstanceConnectEndpointLimitExceeded"
    monkeypatch.setattr(calls, "A_REGION", 1)
    assert code(lambda: region.create(1)) == "InstanceConnectEndpointLimitExceeded"


def test_it_is_ready_after_a_while_and_gone_after_a_while(region: Region) -> None:
    region.memory.endpoint_seconds = 200
    tags = [{"ResourceType": "instance-connect-endpoint", "Tags": [{"Key": "a", "Value": "b"}]}]
    vpc = region.subnets[0]["VpcId"]
    group = region.group(vpc)
    found = region.create(SecurityGroupIds=[group], PreserveClientIp=False, TagSpecifications=tags)
    identity = found["InstanceConnectEndpointId"]
    assert (found["State"], found["PreserveClientIp"]) == ("create-in-progress", False)
    (endpoint,) = region.memory.endpoints.values()
    endpoint.made -= 200
    ready = {"state": "create-complete", "vpc_id": vpc, "tag:a": "b"}
    assert region.listed(**ready) == [identity]
    assert region.listed(**{"tag:a": "c"}) == []
    (interface,) = found["NetworkInterfaceIds"]
    remove = region.ec2.delete_network_interface
    assert code(lambda: remove(NetworkInterfaceId=interface)) == "OperationNotPermitted"
    region.delete(identity)
    assert region.listed(state="delete-in-progress") == [identity]
    assert control_api.leftovers(region.memory).count(f"instance connect endpoint {identity}") == 1
    drop = region.ec2.delete_security_group
    assert code(lambda: drop(GroupId=group)) == "DependencyViolation"
    assert endpoint.deleted
    endpoint.deleted -= instance_connect.DELETE_SECONDS
    assert region.listed() == []
    drop(GroupId=group)
    unknown = "InvalidInstanceConnectEndpointId.NotFound"
    assert code(lambda: region.delete(identity)) == unknown


def test_groups_of_another_vpc_are_refused(region: Region) -> None:
    group = region.group(region.subnets[1]["VpcId"])
    refused = code(lambda: region.create(SecurityGroupIds=[group]))
    assert refused == "InvalidSecurityGroupID.NotFound"


def test_the_router_holds_it_to_its_security_group(region: Region) -> None:
    region.create()
    (endpoint,) = RegionState.model_validate(control_api.state(region.memory)).endpoints
    assert endpoint.address.startswith("10.30.0.")
    link = f"n-{endpoint.id.removeprefix('eni-')[:8]}"
    rules_ = ruleset([], False, endpoints=[endpoint])
    for wanted in (
        f'iifname "{link}" ip saddr != {endpoint.address} drop',
        f'iifname "{link}" jump out-{link}',
        f'oifname "{link}" jump in-{link}',
    ):
        assert wanted in rules_
    dark = Amazons.model_validate({**endpoint.model_dump(), "powered": False})
    assert f'iifname "{link}" drop' in ruleset([], False, endpoints=[dark])

"""Every resource and look-up of every example is as the providers' SDKs have it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from recorder import Recorder, declare
from sdk_schema import call_problems, resource_problems

from lab.provider.invokes import INVOKES
from lab.provider.servicer import KINDS

OF_SEVERAL = {
    "aws:route53/healthCheck:HealthCheck",
    *(kind for kind in KINDS if kind.startswith("aws:lb/")),
}
# test_moving_address.py compares it with the SDK
OF_MOVING = {"aws:ec2/eipAssociation:EipAssociation"}
# the program declares none of these
UNUSED = {"aws:sns/topicPolicy:TopicPolicy"}
STACKS = [Path("Pulumi.dev.yaml"), *sorted(Path("examples").glob("Pulumi.*.yaml"))]
SES = "with Amazon SES, a zone of its own, monitoring, an endpoint, logs and backups"
SES_ZONE = {
    "gateway": {"name": "mail.try.relay.example"},
    "domains": [{"name": "shop.try.relay.example"}],
    "operator": "ops@inbox.example",
    "smarthost": {"ses": True},
    "delegation": {"zone": "try.relay.example", "parent": "relay.example"},
    "monitoring": {"enabled": True, "detail": True, "notify": ["https://hook.example/"]},
    "ssh": {"endpoint": True},
    "logs": {"ship": "cloudwatch"},
    "backup": {"days": 7},
}


def declared(file: Path, *, ses: bool = False) -> Recorder:
    config = yaml.safe_load(file.read_text())["config"]
    for account in config.get("mail-relay:smarthost", {}).get("accounts", []):
        account["password"] = "not-a-secret"
    if ses:
        config = {"aws:region": "us-east-1", **{f"mail-relay:{k}": v for k, v in SES_ZONE.items()}}
    return declare({k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()})


@pytest.fixture(scope="module")
def graphs() -> dict[str, Recorder]:
    found = {file.stem: declared(file) for file in STACKS}
    return {**found, SES: declared(Path("Pulumi.dev.yaml"), ses=True)}


def provided(graph: Recorder) -> list[tuple[str, str, dict[str, Any]]]:
    return [(r.type, r.name, r.inputs) for r in graph.resources if r.type.startswith("aws:")]


@pytest.mark.parametrize("stack", [*(file.stem for file in STACKS), SES])
def test_every_resource_is_what_the_sdk_takes(graphs: dict[str, Recorder], stack: str) -> None:
    resources = provided(graphs[stack])
    assert len(resources) > 30
    assert {
        name: problems
        for kind, name, inputs in resources
        if (problems := resource_problems(kind, inputs))
    } == {}


@pytest.mark.parametrize("stack", [*(file.stem for file in STACKS), SES])
def test_every_look_up_is_what_the_sdk_takes(graphs: dict[str, Recorder], stack: str) -> None:
    calls = graphs[stack].calls
    assert len(calls) > 5
    assert [p for token, arguments in calls for p in call_problems(token, arguments)] == []


def test_what_the_lab_has_is_what_the_examples_use(graphs: dict[str, Recorder]) -> None:
    used = {kind for graph in graphs.values() for kind, *_ in provided(graph)}
    # a stack with several gateways has health checks
    assert used | OF_SEVERAL | UNUSED | OF_MOVING == set(KINDS)
    called = {token for graph in graphs.values() for token, _ in graph.calls}
    # these two are for an error's text, and for other programs
    assert called | {"aws:route53/getZones:getZones", "aws:index/getRegion:getRegion"} == set(
        INVOKES
    )


INSTANCE = "aws:ec2/instance:Instance"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"metadataOptions": {"httpToken": "required"}}, ".metadataOptions.httpToken: there is no"),
        ({"metadataOptions": {"httpPutResponseHopLimit": "x"}}, "HopLimit: 'x' is no int"),
        ({"userDataReplaceOnChange": "yes"}, ".userDataReplaceOnChange: 'yes' is no bool"),
        ({"tags": ["a"]}, ".tags: ['a'] is no map"),
        ({"primaryNetworkInterface": {}}, ".primaryNetworkInterface.networkInterfaceId: missing"),
        ({"typo": 1}, ".typo: there is no such input"),
    ],
)
def test_a_wrong_input_would_be_told(
    graphs: dict[str, Recorder], change: dict[str, Any], problem: str
) -> None:
    inputs = copy.deepcopy(graphs["Pulumi.dev"].of("Instance")[0].inputs)
    (found,) = resource_problems(INSTANCE, {**inputs, **change})
    assert problem in found


def test_a_wrong_argument_of_a_look_up_would_be_told() -> None:
    token = "aws:ec2/getAmi:getAmi"
    assert call_problems(token, {"owner": "x"}) == [f"{token}.owner: there is no such input"]
    filters = [{"name": "name"}]
    assert call_problems(token, {"filters": filters}) == [f"{token}.filters[0].values: missing"]

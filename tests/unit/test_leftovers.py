"""What `leftovers` looks for in the zones is what the program makes there."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from recorder import declare

from ops import outputs
from ops.leftovers import begun, records
from ops.leftovers.find import in_state
from ops.leftovers.records import _values, is_ours, looked_for
from settings import read

STACKS = [Path("Pulumi.dev.yaml"), *sorted(Path("examples").glob("Pulumi.*.yaml"))]


def settings(file: Path) -> dict[str, Any]:
    """A stack's settings; accounts get the password that their user would set."""
    config = yaml.safe_load(file.read_text())["config"]
    for account in config.get("mail-relay:smarthost", {}).get("accounts", []):
        account["password"] = "not-a-secret"
    return config


@pytest.mark.parametrize("file", STACKS, ids=lambda file: file.stem)
def test_every_record_set_of_a_stack_would_be_found(file: Path) -> None:
    config = settings(file)
    graph = declare({k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()})
    prefix = "mail-relay:"
    ours = {k.removeprefix(prefix): v for k, v in config.items() if k.startswith(prefix)}
    wanted = looked_for(read(ours))
    made = outputs.read(graph.outputs).records
    assert len(made) > 5
    for record in made:
        assert any(
            (record.name, record.kind) == (one.name, one.kind) and is_ours(one, record.values)
            for one in wanted
        ), record


def test_a_foreign_record_in_route53s_octal_is_read() -> None:
    held = {
        "Name": "\\052.shop.example.",
        "Type": "TXT",
        "ResourceRecords": [{"Value": '"Gr\\303\\274\\303\\237e"'}, {"Value": '"a\\052b"'}],
    }
    assert _values(held) == ["Grüße", "a*b"]


def test_answers_of_one_name_are_told_apart_by_their_identifiers() -> None:
    """Their ids are those of the state, or each would be left over while it is in use."""
    config = settings(Path("examples/Pulumi.resilient.yaml"))
    ours = ((key.partition("mail-relay:")[2], value) for key, value in config.items())
    stack = read({key: value for key, value in ours if key})
    name = stack.submission_name
    common = {"Name": f"{name}.", "Type": "A", "ResourceRecords": [{"Value": "203.0.113.1"}]}
    challenge = {"Name": f"_acme-challenge.{name}.", "Type": "TXT"}
    held = [
        {**common, "SetIdentifier": "mail-relay/test/mx1"},
        {**common, "SetIdentifier": "mail-relay/test/mx2"},
        {**challenge, "ResourceRecords": [{"Value": '"a-key"'}]},
    ]
    pages = {
        "list_hosted_zones": {
            "HostedZones": [{"Id": "/hostedzone/Z1", "Name": "example.com.", "Config": {}}]
        },
        "list_resource_record_sets": {"ResourceRecordSets": held},
    }

    class Route53:
        def get_paginator(self, call: str) -> Any:
            return SimpleNamespace(paginate=lambda **_: [pages[call]])

    assert [left.id for left in records.find(Route53(), stack)] == [
        f"Z1_{name}_A_mail-relay/test/mx1",
        f"Z1_{name}_A_mail-relay/test/mx2",
        f"Z1__acme-challenge.{name}_TXT",
    ]


def test_a_record_set_that_became_another_one_is_known_as_what_it_is() -> None:
    """The provider keeps the id that it was created with."""
    name, answer = "mail.relay.example", "mail-relay/prod/mx1.relay.example"
    record = {"type": "aws:route53/record:Record", "id": f"Z1_{name}_A_{answer}"}
    outputs_ = {"zoneId": "Z1", "name": name, "type": "A"}
    known = {"type": "aws:ec2/vpc:Vpc", "id": "vpc-1", "outputs": {}}
    alias = {**record, "outputs": outputs_}
    back = {**record, "id": f"Z1_{name}_A", "outputs": {**outputs_, "setIdentifier": answer}}
    states = [alias, back, known, {"type": "pulumi:pulumi:Stack"}]
    export = json.dumps({"deployment": {"resources": states}})
    assert in_state(export) == [back["id"], record["id"], "vpc-1", ""]


@pytest.mark.parametrize("identifier", [None, "mail-relay/prod/mx2.relay.example"])
def test_of_several_answers_an_up_began_the_one_with_its_identifier(identifier: str | None) -> None:
    """As Route53 lists them: by name, type and identifier."""
    name, zone = "mail.relay.example", "ZR"
    common = {"Name": f"{name}.", "Type": "A", "ResourceRecords": [{"Value": "192.0.2.2"}]}
    mine = {"SetIdentifier": identifier} if identifier else {}
    other = {**common, "SetIdentifier": "mail-relay/prod/mx1.relay.example"}

    class Route53:
        sets = (other, {**common, **mine}) if identifier else ({**common, **mine},)

        def list_resource_record_sets(self, **given: str) -> dict[str, Any]:
            return {"ResourceRecordSets": self.sets[: int(given["MaxItems"])]}

    inputs = {"zoneId": zone, "name": name, "type": "A", "records": ["192.0.2.2"]}
    if identifier:
        inputs |= {"setIdentifier": identifier}
    whole = f"{zone}_{name}_A" + (f"_{identifier}" if identifier else "")
    assert [*begun.record(lambda _: Route53(), inputs)] == [whole]
    Route53.sets = (other,)  # which is not what the `up` began
    assert [*begun.record(lambda _: Route53(), inputs)] == []


@pytest.mark.parametrize(
    ("tags", "config", "found"),
    [
        ({"Stack": "prod", "Name": "x"}, {}, ["c1"]),
        ({}, {}, ["c1"]),  # cut off before it was tagged
        ({"Stack": "other"}, {}, []),
        ({}, {"IPAddress": "192.0.2.9"}, []),
        ({}, {"Port": 25}, []),
        ({}, {"Type": "HTTPS"}, []),
    ],
)
def test_a_health_check_that_an_up_began_is_found(
    tags: dict[str, str], config: dict[str, Any], found: list[str]
) -> None:
    held = {"IPAddress": "192.0.2.2", "Port": 465, "Type": "TCP", **config}
    page = {"HealthChecks": [{"Id": "c1", "HealthCheckConfig": held}]}

    class Route53:
        def get_paginator(self, _: str) -> Any:
            return SimpleNamespace(paginate=lambda: [page])

        def list_tags_for_resource(self, **_: str) -> dict[str, Any]:
            listed = [{"Key": key, "Value": value} for key, value in tags.items()]
            return {"ResourceTagSet": {"Tags": listed}}

    inputs = {"ipAddress": "192.0.2.2", "port": 465, "type": "TCP", "tags": {"Stack": "prod"}}
    assert [*begun.health_check(lambda _: Route53(), inputs)] == found


def test_health_checks_are_found_by_their_tags_ten_at_a_time() -> None:
    checks = [
        {"Id": f"c{n}", "HealthCheckConfig": {"IPAddress": f"192.0.2.{n}", "Type": "TCP"}}
        for n in range(12)
    ]
    ours = {"Project": "mail-relay", "Stack": "prod"}
    tags = {"c3": ours, "c4": {**ours, "Stack": "other"}, "c11": {**ours, "Name": "mx1.x.example"}}

    class Route53:
        def get_paginator(self, _: str) -> Any:
            return SimpleNamespace(paginate=lambda: [{"HealthChecks": checks}])

        def list_tags_for_resources(self, ResourceType: str, ResourceIds: Any) -> dict[str, Any]:
            assert len(ResourceIds) <= 10
            held = {
                identity: [{"Key": key, "Value": value} for key, value in of.items()]
                for identity, of in tags.items()
            }
            sets = [{"ResourceId": n, "Tags": held.get(n, [])} for n in ResourceIds]
            return {"ResourceTagSets": sets}

    found = [*records.health_checks(Route53(), ours)]
    assert [(left.id, left.name) for left in found] == [
        ("c3", "192.0.2.3"),
        ("c11", "mx1.x.example"),
    ]

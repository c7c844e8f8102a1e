"""What `settle` finds of a `pulumi up` that was killed."""

from types import SimpleNamespace
from typing import Any

import pytest

from ops.settle import orphans, settle, strayed

KIND = "aws:route53/record:Record"
WHOSE = "mail-relay/prod/mx1.example.com"
HERE = f"Z1_mail.example.com_A_{WHOSE}"


def record(called: str, identity: str, **outputs: str) -> dict[str, Any]:
    urn = f"urn:pulumi:prod::mail-relay::{KIND}::{called}"
    found: dict[str, Any] = {"urn": urn, "type": KIND, "custom": True, "inputs": {}}
    return found | ({"id": identity, "outputs": outputs} if identity else {})


def test_an_answer_is_found_though_another_record_was_created_with_its_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A load balancer's alias took its place, and then another answer the alias's."""
    held = {"zoneId": "Z1", "name": "mail.example.com", "type": "A"}
    other = record("mx2", HERE, **held, setIdentifier="mail-relay/prod/mx2.example.com")
    begun = {"resource": record("mx1", ""), "type": "creating"}
    deployment: Any = {"resources": [other], "pending_operations": [begun]}
    found: list[str] = [HERE]
    monkeypatch.setattr(orphans, "find", lambda *_: found)
    client: Any = None
    (finding,) = settle._found(deployment, client)
    assert (finding.result, finding.id) == (settle.ADOPTED, HERE)


NAME, BALANCER = "mail.example.com", "submission-1.elb.us-east-1.amazonaws.com"
OWNER = "mail-relay/prod/"
AT_NAME = {"zoneId": "Z1", "name": NAME, "type": "A"}
ANSWER = {**AT_NAME, "ttl": 30, "records": ["192.0.2.1"], "setIdentifier": WHOSE}
TARGET = {"name": BALANCER, "zoneId": "Z9", "evaluateTargetHealth": True}
ALIAS = {**AT_NAME, "aliases": [TARGET]}


def held(inputs: dict[str, Any]) -> dict[str, Any]:
    """The record set as Route53 has it."""
    found = {"Name": f"{inputs['name']}.", "Type": inputs["type"]}
    if "aliases" in inputs:
        (target,) = inputs["aliases"]
        names = {"DNSName": f"{target['name']}.", "HostedZoneId": target["zoneId"]}
        return {**found, "AliasTarget": {**names, "EvaluateTargetHealth": True}}
    records = [{"Value": value} for value in inputs["records"]]
    given = {"SetIdentifier": inputs["setIdentifier"], "MultiValueAnswer": True}
    return {**found, **given, "TTL": inputs["ttl"], "ResourceRecords": records}


def found(state: dict[str, Any], *sets: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """What became another one, by the inputs in the state, and the sets that Route53 has."""
    lb = {"urn": "lb", "type": strayed.BALANCER, "outputs": {"dnsName": BALANCER}}
    adopted = {"urn": "lb2", "type": strayed.BALANCER, "outputs": {}}
    resource = {"urn": "record", "type": KIND, "inputs": state}
    deployment = {"resources": [{"urn": "stack", "type": "pulumi:pulumi:Stack"}, lb, adopted]}
    deployment["resources"].append(resource)
    answer = {"ResourceRecordSets": [*map(held, sets)]}
    route53: Any = SimpleNamespace(list_resource_record_sets=lambda **_: answer)
    given = strayed.find(deployment, lambda _: route53, OWNER)
    return [(now["inputs"], identity) for now, identity in given]


def test_a_name_that_became_another_one_is_found() -> None:
    assert found(ANSWER, ALIAS) == [(ALIAS, f"Z1_{NAME}_A")]
    now = {**ANSWER, "multivalueAnswerRoutingPolicy": True}
    assert found(ALIAS, ANSWER) == [(now, HERE)]


def test_what_is_as_the_state_has_it_or_somebody_elses_is_left() -> None:
    assert found(ANSWER, ANSWER) == []
    assert found(ALIAS, ALIAS) == []
    assert found(ANSWER) == []
    other = {**AT_NAME, "aliases": [{**TARGET, "name": "other-1.elb.us-east-1.amazonaws.com"}]}
    assert found(ANSWER, other) == []
    assert found(ALIAS, {**ANSWER, "setIdentifier": "mail-relay/test/mx1.example.com"}) == []
    assert found(ANSWER, {**ALIAS, "name": "www.example.com"}) == []
    # which of them it is nobody can say
    assert found(ALIAS, ANSWER, {**ANSWER, "setIdentifier": f"{OWNER}mx2.example.com"}) == []

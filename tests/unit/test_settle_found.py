"""What `settle` finds of a `pulumi up` that was killed."""

from typing import Any

import pytest

from ops.settle import orphans, settle

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

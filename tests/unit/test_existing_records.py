"""Records that a zone has already: which of them stop a preview, and what is said."""

from types import SimpleNamespace
from typing import Any

import pulumi_aws as aws
import pytest

from components.route53_zone import RecordExists, Route53Zone

NAME = "mail.relay.example"


def held(*values: str, answer: str = "", name: str = NAME, kind: str = "A") -> Any:
    return SimpleNamespace(
        name=f"{name}.",
        type=kind,
        resource_records=[SimpleNamespace(value=value) for value in values],
        alias_target=None,
        multi_value_answer=bool(answer),
        set_identifier=answer,
    )


def refused(monkeypatch: pytest.MonkeyPatch, identifier: str | None, *there: Any) -> str:
    """What stops the making of the A record; "" if nothing does."""
    answer = SimpleNamespace(resource_record_sets=[*there])
    monkeypatch.setattr(aws.route53, "get_records", lambda **_: answer)
    zone = Route53Zone("relay.example", "ZR", ["ns-1.example"], None)  # type: ignore[arg-type]
    try:
        zone.refuse_existing(f"{NAME}-A", NAME, "A", identifier)
    except RecordExists as error:
        return str(error)
    return ""


MX1, MX2 = "mail-relay/prod/mx1.relay.example", "mail-relay/prod/mx2.relay.example"
OTHER = "mail-relay/try/mx1.relay.example"


@pytest.mark.parametrize(
    ("identifier", "there", "said"),
    [
        (None, [], ""),
        (MX2, [], ""),
        (MX2, [held("192.0.2.1", answer=MX1)], ""),
        (MX2, [held("192.0.2.1", answer=MX1), held("192.0.2.3", answer=f"{MX1}x")], ""),
        (MX2, [held("192.0.2.1", name="www.relay.example")], ""),
        # the stack's own, which its state does not have
        (MX2, [held("192.0.2.2", answer=MX2)], f"{NAME}-A ZR_{NAME}_A_{MX2}"),
        (None, [held("192.0.2.1")], f"{NAME}-A ZR_{NAME}_A"),
        (None, [held("192.0.2.1", answer=MX1)], "has a record of type A that the state"),
        (MX2, [held("192.0.2.1", answer=OTHER)], f"of another stack already ({OTHER}): choose"),
        (
            MX2,
            [held("192.0.2.1", answer=MX1), held("192.0.2.9", answer=OTHER)],
            f"of another stack already ({OTHER}): choose",
        ),
        (MX2, [held("192.0.2.1")], "has a simple record (192.0.2.1), and Route53 takes no answers"),
        (MX2, [held("web.example.", kind="CNAME")], "is a CNAME of web.example."),
        (MX2, [held("ns.far.example.", kind="NS")], f"{NAME} is delegated to other servers"),
    ],
)
def test_only_other_answers_of_the_same_stack_may_be_there(
    monkeypatch: pytest.MonkeyPatch, identifier: str | None, there: list[Any], said: str
) -> None:
    found = refused(monkeypatch, identifier, *there)
    assert said in found
    assert bool(said) == bool(found)

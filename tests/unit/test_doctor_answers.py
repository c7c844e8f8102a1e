"""The doctor at the submission name of several gateways, where Route53 has an answer for each."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from doctor_account import found

from ops.verify.result import Problem

NAME, TWO = "smtp.relay.example", ("mx1.relay.example", "mx2.relay.example")
SETTINGS = {
    "gateway": None,
    "gateways": [{"name": name} for name in TWO],
    "submission": {"name": NAME},
    "limits": {},
}
OURS = [f"mail-relay/prod/{name}" for name in TWO]
IMPORT = "pulumi import --protect=false --generate-code=false aws:route53/record:Record"


def holding(answers: Sequence[str], simple: str = "") -> Mapping[str, Any]:
    """The zone with answers by their identifiers at the name, or a simple record."""
    plain = {"Name": f"{NAME}.", "Type": "A", "TTL": 30}
    sets: list[dict[str, Any]] = [
        {
            **plain,
            "SetIdentifier": identifier,
            "MultiValueAnswer": True,
            "ResourceRecords": [{"Value": f"203.0.113.{number}"}],
        }
        for number, identifier in enumerate(answers, 1)
    ]
    if simple:
        sets.append({**plain, "ResourceRecords": [{"Value": simple}]})
    listed = {"ResourceRecordSets": sets, "IsTruncated": False}
    nothing = {"ResourceRecordSets": [], "IsTruncated": False}
    return {
        "ListResourceRecordSets": lambda given: (
            listed if given["HostedZoneId"] == "ZRELAY" else nothing
        )
    }


def problems(answers: Sequence[str], simple: str = "", **changes: Any) -> list[Problem]:
    results = found(holding(answers, simple), **{"settings": SETTINGS, **changes})
    return [p for r in results for p in r.errors if r.check == "names"]


def test_each_answer_is_taken_over_by_its_identifier() -> None:
    first, second = problems(OURS)
    for problem, gateway, identifier in zip((first, second), TWO, OURS, strict=True):
        (remedy,) = problem.instructions
        took = f"{IMPORT} {NAME}-A-{gateway} ZRELAY_{NAME}_A_{identifier} --stack prod"
        assert remedy.endswith(took)
    assert "203.0.113.1 and 203.0.113.2" in first.text


def test_what_the_stack_has_itself_is_not_in_its_way() -> None:
    known = frozenset(f"ZRELAY_{NAME}_A_{identifier}" for identifier in OURS)
    assert problems(OURS, state=known) == []
    (left,) = problems(OURS, state=known - {f"ZRELAY_{NAME}_A_{OURS[1]}"})
    assert TWO[1] in left.instructions[0]


@pytest.mark.parametrize(
    ("answers", "simple", "said"),
    [
        (["mail-relay/dev/mx1.relay.example"], "", "leads to gateways of another stack already"),
        ([], "192.0.2.1", "Route53 takes no answers of several gateways beside it"),
    ],
)
def test_what_cannot_be_taken_over_is_told_without_a_command(
    answers: list[str], simple: str, said: str
) -> None:
    (problem,) = problems(answers, simple)
    assert said in problem.text
    assert "import" not in problem.instructions[0]


def test_answers_at_a_name_of_one_address_cannot_be_taken_over() -> None:
    one = {"gateway": {"name": NAME}}
    (problem,) = problems(OURS, settings=one)
    assert "they are multivalue answers" in problem.text
    assert "import" not in problem.instructions[0]


@pytest.mark.parametrize("ours", [True, False])
def test_the_stacks_own_alias_is_not_in_the_answers_way(ours: bool) -> None:
    target = {"HostedZoneId": "Z26", "DNSName": "nlb-1.elb.example.", "EvaluateTargetHealth": True}
    alias = {"Name": f"{NAME}.", "Type": "A", "AliasTarget": target}
    listed = {"ResourceRecordSets": [alias], "IsTruncated": False}
    calls = {**holding([]), "ListResourceRecordSets": lambda _: listed}
    state = frozenset([f"ZRELAY_{NAME}_A"] if ours else [])
    results = found(calls, settings=SETTINGS, state=state)
    said = [p.text for r in results for p in r.errors if r.check == "names" and NAME in p.text]
    assert (said == []) is ours

"""A stack without outputs: what to do next."""

import json

import pytest

from ops.errors import StackError
from ops.target import AwsTarget


@pytest.mark.parametrize(
    ("pending", "said"),
    [
        ([], "the stack prod has no outputs yet: pulumi up --stack prod"),
        (["x"], "./relay settle --stack prod"),
    ],
)
def test_a_first_up_that_was_killed_is_to_be_settled(
    monkeypatch: pytest.MonkeyPatch, pending: list[str], said: str
) -> None:
    state = json.dumps({"deployment": {"pending_operations": pending}})
    monkeypatch.setattr(AwsTarget, "pulumi", lambda _, *a: state if "export" in a else "{}")
    with pytest.raises(StackError) as caught:
        AwsTarget("prod").outputs()
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    ("resources", "hint"),
    [
        ([], ""),
        ([{"type": "pulumi:pulumi:Stack"}], "; after one that was killed first ./relay settle "),
    ],
)
def test_a_first_up_that_was_killed_between_two_resources_may_have_left_its_lock(
    monkeypatch: pytest.MonkeyPatch, resources: list[dict[str, str]], hint: str
) -> None:
    state = json.dumps({"deployment": {"resources": resources}})
    monkeypatch.setattr(AwsTarget, "pulumi", lambda _, *a: state if "export" in a else "{}")
    with pytest.raises(StackError) as caught:
        AwsTarget("prod").outputs()
    said = str(caught.value)
    assert said.startswith("the stack prod has no outputs yet: pulumi up --stack prod")
    assert said.endswith(f"{hint}--stack prod")

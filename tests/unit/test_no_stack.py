"""Without a stack that is selected: what there is, and what to type."""

import pytest

from ops.errors import StackError
from ops.lab import target as lab_target
from ops.options import target
from ops.target import AwsTarget

LOGGED_OUT = "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions"
NONE = "error: no stack selected; please use `pulumi stack select` to choose a stack"


def said(patch: pytest.MonkeyPatch, pulumi: str, labs: list[str]) -> str:
    class Result:
        returncode, stdout, stderr = 255, "", pulumi

    patch.setattr(lab_target, "labs", lambda: labs)
    patch.setattr(AwsTarget, "_captured", lambda *_, **__: Result())
    with pytest.raises(StackError) as caught:
        target(None, None)
    return str(caught.value)


@pytest.mark.parametrize("pulumi", [LOGGED_OUT, NONE])
def test_the_labs_that_are_up_are_named_with_the_option(
    pulumi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = said(monkeypatch, pulumi, ["dev", "try"])
    assert "--lab dev, --lab try" in text
    assert "--stack" in text
    assert "PULUMI_ACCESS_TOKEN" not in text


def test_without_a_lab_the_way_to_select_a_stack_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(monkeypatch, NONE, []) == (
        "no stack is selected: name one with --stack (`pulumi stack ls` lists them), or "
        "`pulumi stack select` it; for a lab's: --lab NAME"
    )


def test_who_is_logged_in_nowhere_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    text = said(monkeypatch, LOGGED_OUT, [])
    assert "`pulumi login" in text
    assert "PULUMI_ACCESS_TOKEN" not in text


def test_another_reason_of_pulumis_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "(the state is broken)" in said(monkeypatch, "error: the state is broken", [])

"""What a login hears from the counter of its messages, and what the operator is told of."""

import json

import pytest
from test_agent import GATEWAY

from agent import limits, watch


@pytest.mark.parametrize("kind", limits.KINDS)
def test_a_login_that_is_no_more_is_not_told_that_it_has_sent_too_much(kind: str) -> None:
    content = json.loads(limits.configuration(GATEWAY, kind))
    # policyd-rate-limit: `limits_by_id`, or else `limits`; without one it says "dunno"
    assert content["limits_by_id"].get("removed@shop.example", content["limits"]) == []
    assert content["success_action"] == "dunno"


@pytest.mark.parametrize(("off", "told"), [(None, False), (2.0, False), (86_400.0, True)])
def test_a_clock_that_is_wrong_is_told(off: float | None, *, told: bool) -> None:
    assert [("86400 s off" in line) for line in watch.clock(off)] == [True] * told

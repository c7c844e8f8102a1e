"""What a login hears from the counter of its messages."""

import json

import pytest
from test_agent import GATEWAY

from agent import limits


@pytest.mark.parametrize("kind", limits.KINDS)
def test_a_login_that_is_no_more_is_not_told_that_it_has_sent_too_much(kind: str) -> None:
    content = json.loads(limits.configuration(GATEWAY, kind))
    # policyd-rate-limit: `limits_by_id`, or else `limits`; without one it says "dunno"
    assert content["limits_by_id"].get("removed@shop.example", content["limits"]) == []
    assert content["success_action"] == "dunno"

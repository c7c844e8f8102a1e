"""What a review says of the limits of logins."""

from typing import Any

import pytest
from review_changes import change

from ops.review.summary import sentences


@pytest.mark.parametrize(("one", "two"), [(None, 5), (5, None)])
def test_limits_of_a_login_that_come_or_go_are_told(one: int | None, two: int | None) -> None:
    def limited(messages: int | None) -> dict[str, Any]:
        limits = {"limits": {"messagesPerHour": messages}} if messages else {}
        return {"logins": [{"address": "me@shop.example", **limits}]}

    said = sentences(change(before=limited(one), after=limited(two)))
    key = "`mail-relay:logins.me@shop.example.limits.messagesPerHour`"
    assert said == [f"The setting {key} changes: `{one or 'unset'}` → `{two or 'unset'}`."]

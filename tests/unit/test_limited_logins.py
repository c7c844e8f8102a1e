"""Which logins have reached a limit, by what the gateways write."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ops import status
from ops.status import NoStatus

WHY = "300 messages an hour"


def test_a_gateway_that_cannot_be_read_hides_nothing_that_the_others_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read(_: object, gateway: str) -> Any:
        if gateway == "mx1":
            raise NoStatus("mx1 has written no status")
        return SimpleNamespace(status=SimpleNamespace(limited={"me@shop.example": WHY}))

    monkeypatch.setattr(status, "read", read)
    outputs = SimpleNamespace(gateways=["mx1", "mx2"])
    target = SimpleNamespace(outputs=lambda: outputs, account=lambda: nullcontext(None))
    assert status.limited(cast("Any", target)) == {"me@shop.example": WHY}

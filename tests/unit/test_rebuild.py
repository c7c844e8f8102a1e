"""The one gateway that serves is not rebuilt."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
from botocore.exceptions import ClientError
from test_removal import ONE, THREE, TWO, Store
from test_serving import status

from agent.host_status import Status
from components.rebuild import NoOtherServes, Rebuild

SERVES = (status(), 1.0)
ALL = (ONE, TWO, THREE)


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi, "ResourceHook", lambda *_: None)


def judged(host: str, taking: tuple[str, ...] = ALL, **found: tuple[Status | None, float]) -> None:
    """What the hook does before a gateway is rebuilt; each status with its age in seconds."""
    store = cast("Any", Store(**found))
    rebuild = Rebuild(taking, store, store)
    args = SimpleNamespace(new_inputs={"input": {"host": host, "instance": "x"}})
    asyncio.run(rebuild._judge(cast("Any", args)))  # pyright: ignore[reportPrivateUsage]


def test_one_is_rebuilt_while_another_serves() -> None:
    judged(ONE, mx1=SERVES, mx2=(None, 0), mx3=SERVES)


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ((status("certificate"), 1), "it lacks certificate"),
        ((status(), 301), "it has written nothing for 5 minutes"),
        ((None, 0), "it has written no status"),
    ],
)
def test_the_only_one_that_serves_is_not(other: tuple[Status | None, float], why: str) -> None:
    with pytest.raises(NoOtherServes) as error:
        judged(ONE, mx1=SERVES, mx2=other, mx3=other)
    assert str(error.value).startswith(
        f"{ONE} is not rebuilt now: no other gateway is seen to serve ({TWO}: {why}; {THREE}: {why}"
    )


@pytest.mark.parametrize("own", [(status("certificate"), 1), (status(), 301), (None, 0)])
def test_one_that_does_not_serve_is_rebuilt_as_its_repair(own: tuple[Status | None, float]) -> None:
    judged(ONE, mx1=own, mx2=(None, 0), mx3=(None, 0))


def test_one_that_drains_takes_nothing_anyway_and_helps_no_other() -> None:
    judged(THREE, taking=(ONE, TWO), mx3=SERVES)
    with pytest.raises(NoOtherServes, match=f"{TWO}: it has written no status"):
        judged(ONE, taking=(ONE, TWO), mx1=SERVES, mx3=SERVES)


def test_what_cannot_be_read_may_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a rebuild without the right to look would be one without a look."""

    def denied(*_: object, **__: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    monkeypatch.setattr(Store, "get_object", denied)
    with pytest.raises(NoOtherServes, match=f"{TWO}: .*AccessDenied"):
        judged(ONE)

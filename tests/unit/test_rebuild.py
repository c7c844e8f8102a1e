"""The one gateway that serves is not rebuilt."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
from test_removal import ONE, THREE, TWO, Store
from test_serving import status

from agent.host_status import Status
from components import rebuild
from components.rebuild import NoOtherServes, Rebuild, wait_for_another
from components.serving import Seen

SERVES = status()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(rebuild, "NEWS_SECONDS", 0.05)


class Gateways:
    """The statuses of all gateways, each with its age when the wait begins.

    Those of the `living` are written again at each look.
    """

    def __init__(self, *living: str, **found: tuple[Status | None, float]) -> None:
        self.living, self.looks, self.away = living, 0, dict[str, str]()
        ages = {f"{name}.relay.example": one for name, one in found.items()}
        self.seen = {n: Seen(what, 1000.0 - age, silent=age) for n, (what, age) in ages.items()}

    def look(self) -> dict[str, Seen]:
        self.looks += 1
        for name in self.living:
            if self.looks > 2:
                self.seen[name] = Seen(self.seen[name].status, 1000.0 + self.looks)
        return dict(self.seen)

    def leads(self, host: str, _: str) -> str:
        return self.away.get(host, "")

    def judge(self, host: str, draining: Sequence[str] = ()) -> list[str]:
        """What is reported until the host may be rebuilt."""
        said = list[str]()
        asyncio.run(wait_for_another(host, self.look, self.leads, said.append, draining))
        return said


def test_one_is_rebuilt_once_another_writes_that_it_serves() -> None:
    gateways = Gateways(THREE, mx1=(SERVES, 1), mx2=(None, 0), mx3=(SERVES, 40))
    assert gateways.judge(ONE) == [f"{ONE}: is rebuilt once another gateway writes that it serves"]
    assert gateways.looks > 2


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ((status("certificate"), 1), "it lacks certificate"),
        ((SERVES, 301), "it has written nothing for 5 minutes"),
        ((None, 0), "it has written no status"),
        # without power since a moment
        ((SERVES, 1), "it has written nothing new"),
    ],
)
def test_the_only_one_that_serves_is_not(other: tuple[Status | None, float], why: str) -> None:
    gateways = Gateways(ONE, mx1=(SERVES, 1), mx2=other, mx3=other)
    with pytest.raises(NoOtherServes) as error:
        gateways.judge(ONE)
    assert str(error.value).startswith(
        f"{ONE} is not rebuilt now: no other gateway is seen to serve ({TWO}: {why}; {THREE}: {why}"
    )
    added = f"If this `up` is to add {TWO} and {THREE}, do that in one of its own"
    assert (added in str(error.value)) is (other[0] is None)


def test_one_that_is_about_to_serve_is_waited_for() -> None:
    """Such as one of which a daemon has just been started again."""
    gateways = Gateways(TWO, mx1=(SERVES, 1), mx2=(status("postfix.service"), 1))
    wait = gateways.look

    def recovers() -> dict[str, Seen]:
        if gateways.looks == 4:
            gateways.seen[TWO] = Seen(SERVES, 1000.0)
        return wait()

    gateways.look = recovers
    assert len(gateways.judge(ONE)) == 1


def test_one_that_takes_all_mail_alone_is_not_rebuilt_while_the_others_drain() -> None:
    """Their drain may begin in this very `up`: nobody would take mail."""
    gateways = Gateways(ONE, mx1=(SERVES, 1), mx3=(SERVES, 400))
    with pytest.raises(NoOtherServes) as error:
        gateways.judge(ONE, draining=[TWO])
    assert f"({THREE}: it has written nothing for 7 minutes; {TWO}: it drains)" in str(error.value)
    with pytest.raises(NoOtherServes, match="Let one of them take mail again first"):
        Gateways(ONE, mx1=(SERVES, 1)).judge(ONE, draining=[TWO, THREE])
    assert Gateways(mx1=(status("certificate"), 1)).judge(ONE, draining=[TWO, THREE]) == []


def test_one_that_writes_what_it_lacks_does_not_help() -> None:
    gateways = Gateways(TWO, mx1=(SERVES, 1), mx2=(status("certificate"), 1), mx3=(SERVES, 1))
    with pytest.raises(NoOtherServes, match=f"{TWO}: it lacks certificate; {THREE}: it has writ"):
        gateways.judge(ONE)


@pytest.mark.parametrize("own", [(status("certificate"), 1), (SERVES, 301), (None, 0)])
def test_one_that_does_not_serve_is_rebuilt_as_its_repair(own: tuple[Status | None, float]) -> None:
    assert Gateways(mx1=own, mx2=(None, 0), mx3=(None, 0)).judge(ONE) == []


def test_what_cannot_be_read_may_serve() -> None:
    """Or a rebuild without the right to look would be one without a look."""
    gateways = Gateways(mx1=(None, 0), mx2=(None, 0))
    for name in gateways.seen:
        gateways.seen[name] = Seen(None, 0.0, "AccessDenied")
    with pytest.raises(NoOtherServes, match=f"{TWO}: AccessDenied"):
        gateways.judge(ONE)


def test_one_that_serves_and_gets_no_connections_does_not_help() -> None:
    """Such as one whose drain ends in this very `up`: the name would lead nowhere meanwhile."""
    gateways = Gateways(TWO, mx1=(SERVES, 1), mx2=(SERVES, 1))
    gateways.away = {TWO: "mail.relay.example does not lead to it"}
    with pytest.raises(NoOtherServes, match=f"{TWO}: mail.relay.example does not lead to it"):
        gateways.judge(ONE)
    gateways.away = {}
    assert len(gateways.judge(ONE)) == 1


def test_an_error_of_the_store_may_pass() -> None:
    gateways = Gateways(TWO, mx1=(SERVES, 1), mx2=(SERVES, 1))
    wait = gateways.look

    def fails() -> dict[str, Seen]:
        seen = wait()
        return {**seen, TWO: Seen(None, 0.0, "SlowDown")} if gateways.looks < 3 else seen

    gateways.look = fails
    assert len(gateways.judge(ONE)) == 1
    gateways.living, gateways.looks = (), 0  # what was written before is no news then
    with pytest.raises(NoOtherServes, match=f"{TWO}: it has written nothing new"):
        gateways.judge(ONE)


@pytest.mark.parametrize(("host", "asks"), [(ONE, True), (THREE, False)])
def test_one_that_drains_takes_nothing_anyway(
    monkeypatch: pytest.MonkeyPatch, host: str, asks: bool
) -> None:
    monkeypatch.setattr(pulumi, "ResourceHook", lambda *_: None)

    told = list[object]()

    async def looks(_: str, look: Any, *given: object) -> None:
        look()
        told.append(given[-1])

    async def leads() -> rebuild.Leads:
        return lambda *_: ""

    monkeypatch.setattr(rebuild, "wait_for_another", looks)
    store = cast("Any", Store(mx1=(SERVES, 1.0), mx2=(SERVES, 1.0)))
    asked = list[str]()
    monkeypatch.setattr(store, "status_key", lambda name: asked.append(name) or name[:3])
    judged = Rebuild((ONE, TWO), (THREE,), store, store, leads)
    args = SimpleNamespace(new_inputs={"input": {"host": host, "instance": "x"}})
    asyncio.run(judged._judge(cast("Any", args)))  # pyright: ignore[reportPrivateUsage]
    assert set(asked) == ({ONE, TWO} if asks else set())
    assert told == ([(THREE,)] if asks else [])

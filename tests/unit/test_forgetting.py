"""An `up` stops until resolvers have forgotten what led to something that goes."""

import asyncio
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
from recorder import Recorder
from test_several_gateways import CONFIG, GATEWAYS, HELD, NAME, changed, declare

from components import forgetting

OLD, NEW, OTHER = "mx1.example.com", "mx9.example.com", "mx.far.example"


def leading(*hosts: str, gateways: list[str], ttl: int = 300) -> dict[str, Any]:
    sets = {"example.com": {"ttl": 60, "hosts": [*hosts]}, "example.org": {"ttl": ttl}}
    sets["example.org"]["hosts"] = [*hosts]
    return {"sets": sets, "gateways": gateways}


@pytest.mark.parametrize(
    ("before", "now", "seconds"),
    [
        # its name goes with it
        (leading(OLD, gateways=[OLD]), leading(NEW, gateways=[NEW]), 360),
        (leading(OLD, gateways=[OLD], ttl=3600), leading(NEW, gateways=[NEW]), 3660),
        (leading(OLD, gateways=[OLD]), leading(OTHER, gateways=[NEW]), 360),
        # it drains
        (leading(OLD, gateways=[OLD]), leading(NEW, gateways=[OLD, NEW]), 0),
        # another one stays
        (leading(OLD, NEW, gateways=[OLD, NEW]), leading(NEW, gateways=[NEW]), 0),
        # a domain moves here
        (leading(OTHER, gateways=[OLD]), leading(NEW, gateways=[NEW]), 0),
        # a domain takes no mail any more
        (leading(OLD, gateways=[OLD]), {"sets": {}, "gateways": [NEW]}, 0),
    ],
)
def test_a_gateways_name_goes_once_nobody_takes_it_for_the_only_exchanger(
    before: dict[str, Any], now: dict[str, Any], seconds: int
) -> None:
    waits, until = forgetting.exchangers(before, now)
    assert waits == seconds
    assert not waits or f"no server takes {OLD} for the only exchanger" in until


def led(ttl: int, balancer: bool, name: str = NAME) -> dict[str, Any]:
    return {"name": name, "ttl": ttl, "balancer": balancer}


@pytest.mark.parametrize(
    ("before", "now", "seconds"),
    [
        (led(30, False), led(60, True), 60),
        (led(60, True), led(30, False), 120),
        (led(60, True), led(60, True), 0),
        (led(30, False, "smtp.example.com"), led(60, True), 0),
    ],
)
def test_the_former_way_is_open_until_resolvers_have_forgotten_it(
    before: dict[str, Any], now: dict[str, Any], seconds: int
) -> None:
    assert forgetting.way(before, now)[0] == seconds


def test_an_up_stops_before_the_state_says_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is cut off meanwhile, the next one stops anew."""
    hooks: dict[str, Any] = {}
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    real = pulumi.ResourceHook

    def made(name: str, hook: Any, *_: Any) -> Any:
        hooks[name] = hook
        return real(name, hook)

    monkeypatch.setattr(forgetting.pulumi, "ResourceHook", made)
    monkeypatch.setattr(forgetting.asyncio, "sleep", sleep)
    monkeypatch.setattr(forgetting.pulumi.log, "info", lambda *_: None)
    graph = declare(CONFIG, HELD)
    given = (led(30, False), led(60, True), led(60, True))
    for before, now in pairwise(given):
        args = SimpleNamespace(old_inputs={"input": before}, new_inputs={"input": now})
        asyncio.run(hooks["way-forgotten"](cast("Any", args)))
    assert [seconds for seconds in slept if seconds] == [60]
    assert graph.one("Stash", "way").options.hooks == ("way-forgotten",)
    assert ("Record", f"{NAME}-A-{GATEWAYS[0]}") in graph.one("Stash", "way").options.dependencies


def inputs(graph: Recorder, name: str) -> Any:
    return graph.one("Stash", name).inputs["input"]


def test_what_leads_is_known_as_it_is() -> None:
    graph = declare(CONFIG, HELD)
    hosts = {"ttl": 300, "hosts": GATEWAYS}
    names = ("example.com", "example.org", *GATEWAYS)
    assert inputs(graph, "exchangers") == {
        "sets": dict.fromkeys(names, hosts),
        "gateways": GATEWAYS,
    }
    assert inputs(graph, "way") == led(30, False)
    made = graph.one("Stash", "exchangers").options
    assert made.hooks == ("exchangers-forgotten",)
    assert {name for kind, name in made.dependencies if kind == "Record"} == {
        f"{name}-MX" for name in names
    }
    at_once = declare(changed(wait={"minutes": 0}), HELD)
    assert at_once.one("Stash", "exchangers").options.hooks == ()

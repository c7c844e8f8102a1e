"""MX record sets wait until the gateways that were in them are forgotten."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from components import zones
from components.zones import Zones

OLD, NEW, OTHER = "mx1.example.com", "mx9.example.com", "mx.far.example"


class Known(Zones):
    """The zones of a stack, by name alone, and its gateways."""

    def __init__(self, *gateways: str) -> None:
        self._all = {"example.com": cast("Any", None), "example.org": cast("Any", None)}
        self._gateways = {*gateways}


def waited(
    monkeypatch: pytest.MonkeyPatch, known: Zones, old: list[str], new: list[str]
) -> list[float]:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(zones.asyncio, "sleep", sleep)
    monkeypatch.setattr(zones.pulumi.log, "info", lambda *_: None)
    given = [
        {"name": "example.org", "ttl": 300.0, "records": [f"10 {host}." for host in hosts]}
        for hosts in (old, new)
    ]
    args = SimpleNamespace(old_inputs=given[0], new_inputs=given[1])
    asyncio.run(known._forget_exchangers(cast("Any", args)))  # pyright: ignore[reportPrivateUsage]
    return slept


@pytest.mark.parametrize(
    ("gateways", "old", "new", "waits"),
    [
        ([NEW], [OLD], [NEW], True),  # its name goes with it
        ([NEW], [OLD, "mx2.example.com"], [NEW], True),
        ([OLD, NEW], [OLD], [NEW], False),  # it drains
        ([NEW], [OLD, NEW], [NEW], False),
        ([NEW], [OTHER], [NEW], False),  # a domain that is moved here
        ([], [OLD], [OTHER], True),
    ],
)
def test_a_gateways_name_goes_once_nobody_takes_it_for_the_only_exchanger(
    monkeypatch: pytest.MonkeyPatch,
    gateways: list[str],
    old: list[str],
    new: list[str],
    waits: bool,
) -> None:
    assert waited(monkeypatch, Known(*gateways), old, new) == ([360.0] if waits else [])

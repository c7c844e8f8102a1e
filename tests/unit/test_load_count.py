"""What `make load` counts: a run that loses mail, or doubles it, does not pass."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from load.count import Count, Cut, count
from load.far import Copy, Far
from load.senders import Message

ONE, TWO = "203.0.113.1", "203.0.113.2"


class Arrivals:
    """A far side with these copies, by message: when each came, and from which gateway."""

    def __init__(self, **copies: list[tuple[float, str]]) -> None:
        self._copies = {k: [Copy(at, client, b"") for at, client in v] for k, v in copies.items()}

    def arrived(self) -> dict[str, list[Copy]]:
        return self._copies

    def failing(self, addresses: set[str]) -> dict[str, str]:
        assert addresses == {ONE, TWO}
        return {}


def counted(
    sent: Message, *cuts: Cut, unsure: str = "", **copies: list[tuple[float, str]]
) -> Count:
    hosts = [SimpleNamespace(address=address) for address in (ONE, TWO)]
    watch = SimpleNamespace(outputs=SimpleNamespace(gateways=hosts))
    far = cast(Far, Arrivals(**copies))
    return count([sent], far, cast(Any, watch), list(cuts), {unsure})


def message(**changes: Any) -> Message:
    return Message(**{"identity": "m1", "by": "login", "due": 100.0, "taken": 101.0, **changes})


def test_what_was_taken_and_came_once_is_good() -> None:
    found = counted(message(), m1=[(103.0, ONE)])
    assert found.good
    assert (found.longest_wait, found.longest_way) == (1.0, 3.0)


def test_what_was_taken_and_never_came_is_lost() -> None:
    assert counted(message()).lost == ["m1"]


def test_what_nobody_took_was_refused_and_is_not_lost() -> None:
    found = counted(message(taken=0.0, tries=[f"{ONE}: timed out"]))
    assert (found.lost, found.refused, found.good) == ([], ["m1"], False)
    assert found.errors == {"timed out": 1}


@pytest.mark.parametrize(
    ("sent", "cut", "unsure", "own"),
    [
        (message(), None, "", False),
        # its sender had lost the session before it was told
        (message(unsure=True), None, "", True),
        # a host's log says so
        (message(), None, "m1", True),
        # the gateway lost its power when it had sent it, and knew no more of that
        (message(), Cut(ONE, 110.0, 200.0), "", True),
        (message(), Cut(TWO, 110.0, 200.0), "", False),
        # long after it
        (message(), Cut(ONE, 900.0, 990.0), "", False),
    ],
)
def test_what_came_twice_is_wrong_unless_a_session_was_lost(
    sent: Message, cut: Cut | None, unsure: str, own: bool
) -> None:
    cuts = [cut] if cut else []
    found = counted(sent, *cuts, unsure=unsure, m1=[(103.0, ONE), (210.0, ONE)])
    assert (found.own, found.twice) == ((["m1"], []) if own else ([], ["m1"]))
    assert found.good is own

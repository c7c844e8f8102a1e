"""The tests that share a lab run in one process: another would take it away under their feet."""

from pathlib import Path

from abuse.place import ATTACKERS, STRANGERS
from elsewhere import FIRST
from side_by_side import SHARED

from lab.machines import network

LAB = Path(__file__).parent.parent / "lab"


def test_whatever_uses_the_shared_lab_is_of_its_process() -> None:
    using = [file.name for file in LAB.glob("test_*.py") if "world: World" in file.read_text()]
    assert len(using) > 10
    assert [name for name in using if not f"tests/lab/{name}".startswith(sum(SHARED, ()))] == []


def test_strangers_take_no_address_of_the_labs_own_computers() -> None:
    strangers = {*STRANGERS, *ATTACKERS, *(f"198.51.100.{FIRST + number}" for number in range(99))}
    assert strangers.isdisjoint(network.OTHERS.values())

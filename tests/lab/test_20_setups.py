"""The reference set-ups: each example comes up, does what it is for, and goes without a trace."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from world import PROJECT

from lab import control
from lab.lab import Lab
from lab.stories import STORIES


@dataclass(frozen=True)
class SetUp:
    """A set-up by its key, in a lab of the same name."""

    key: str

    def relay(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`./relay lab ARGUMENTS` on this lab."""
        command = [str(PROJECT / "relay"), "lab", *arguments, f"--name={self.key}"]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=550)


@pytest.fixture(scope="module", params=STORIES)
def set_up(request: pytest.FixtureRequest) -> Iterator[SetUp]:
    made, lab = SetUp(request.param), Lab(request.param)
    control.remove(lab)
    result = made.relay("up", "--example", made.key)
    assert result.returncode == 0, result.stderr
    yield made
    result = made.relay("down", "--json")
    control.remove(lab)
    assert json.loads(result.stdout)["left"] == []


def test_each_has_an_example_and_a_page() -> None:
    examples = {path.name.split(".")[1] for path in (PROJECT / "examples").iterdir()}
    pages = {path.stem for path in (PROJECT / "docs/setups").iterdir()}
    assert examples == pages == set(STORIES)


def test_it_does_what_it_is_for(set_up: SetUp) -> None:
    result = set_up.relay("demo", "--json")
    acts = json.loads(result.stdout)
    assert [act for act in acts if not act["passed"]] == []
    assert len(acts) == len(STORIES[set_up.key])
    assert result.returncode == 0, result.stderr

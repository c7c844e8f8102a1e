"""One lab for all tests that can share it; it is taken away at the end, and nothing may be left."""

from collections.abc import Iterator

import pytest
from world import SHARED, World

from lab import control
from lab.internet.stranger import Stranger, stranger
from lab.lab import Lab


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    lab = Lab(SHARED)
    keep = request.config.getoption("--keep-lab")
    if not (keep and control.running(lab)):
        control.remove(lab)
    made = World(lab)
    made.start()
    yield made
    if not keep:
        control.remove(lab)
        assert control.remains(lab) == []


@pytest.fixture(scope="session")
def friend(world: World) -> Iterator[Stranger]:
    """A correspondent whose domain proves its mail, and has the rest refused."""
    with stranger(world.lab) as who:
        yield who

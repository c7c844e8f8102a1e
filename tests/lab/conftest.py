"""One lab for all tests that can share it; it is taken away at the end, and nothing may be left."""

from collections.abc import Iterator

import pytest
from world import GATEWAY, SHARED, World

from lab import control
from lab.internet.stranger import Stranger, stranger
from lab.lab import Lab
from lab.machines import network


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


@pytest.fixture(scope="module")
def unhurried(world: World) -> Iterator[None]:
    """A stranger who may write as often as tests do; what one address may is tried elsewhere."""
    name = "smtpd_client_event_limit_exceptions"
    before = world.run(GATEWAY, "postconf", "-h", name).strip()
    try:
        world.run(GATEWAY, "postconf", "-e", f"{name}={before}, {network.PROBE}")
        world.run(GATEWAY, "postfix", "reload")
        yield
    finally:
        world.run(GATEWAY, "postconf", "-e", f"{name}={before}")
        world.run(GATEWAY, "postfix", "reload")

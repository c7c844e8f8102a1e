"""One lab for all tests that can share it; it is taken away after the last of them.

Nothing may be left of it then.
"""

from collections.abc import Iterator

import pytest
from side_by_side import shares
from world import GATEWAY, SHARED, World

from lab import control
from lab.internet.stranger import Stranger, stranger
from lab.lab import Lab
from lab.machines import network

STANDING = pytest.StashKey[World]()


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest) -> World:
    stash = request.config.stash
    if STANDING not in stash:
        lab = Lab(SHARED)
        if not (request.config.getoption("--keep-lab") and control.running(lab)):
            control.remove(lab)
        made = World(lab)
        made.start()
        stash[STANDING] = made
    return stash[STANDING]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the fixtures of the last test that shares the lab, a skipped one too."""
    if nextitem is None or not shares(nextitem.nodeid):
        _take_away(item.config)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After an interruption, too."""
    _take_away(session.config)


def _take_away(config: pytest.Config) -> None:
    made = config.stash.get(STANDING, None)
    if made and not config.getoption("--keep-lab"):
        del config.stash[STANDING]
        control.remove(made.lab)
        assert control.remains(made.lab) == []


@pytest.fixture(scope="module")
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

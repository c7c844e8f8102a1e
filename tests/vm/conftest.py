"""Gateway and client with Debian's cloud kernel, in a lab of their own (`make test-vm`)."""

from collections.abc import Iterator

import pytest
from world import CLIENT, GATEWAY, World

from lab import control
from lab.lab import Lab
from lab.machines import virtual
from lab.machines.image import virtual_image

# an emulated processor is slow, two of them beside each other slower
WAIT_MINUTES = 90
COMMAND_SECONDS = 600


class RealWorld(World):
    """A lab whose hosts are virtual machines."""

    def settings(self) -> dict[str, object]:
        """The stack's settings, with more patience."""
        return {**super().settings(), "mail-relay:wait": {"minutes": WAIT_MINUTES}}


@pytest.fixture(scope="session")
def world(request: pytest.FixtureRequest) -> Iterator[RealWorld]:
    lab = Lab("vm")
    keep = request.config.getoption("--keep-lab")
    if not (keep and control.running(lab)):
        control.remove(lab)
    virtual_image(print)
    control.start(lab, print)
    virtual.choose(lab, [GATEWAY, CLIENT])
    made = RealWorld(lab, command_seconds=COMMAND_SECONDS)
    made.apply(made.settings())
    yield made
    if not keep:
        control.remove(lab)
        assert control.remains(lab) == []

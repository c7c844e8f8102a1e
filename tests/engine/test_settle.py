"""A `pulumi up` that was killed is settled by one command, with the real engine."""

import signal
from typing import Any

import pytest
import yaml
from killed import Here, here, make_pending, unknown, until_quiet, up_killed
from stacks import PROJECT, Stack

from ops.settle import state
from ops.settle.settle import ADOPTED, settle, unlock

__all__ = ["here"]

DEV: dict[str, Any] = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
# About as many resources as the dev stack begins to make.
BEGUN = 60


def destroyed(stack: Stack) -> None:
    code, said = stack.pulumi("destroy", "--yes", "--skip-preview", "--stack=test")
    assert code == 0, said
    assert stack.region.door.get("leftovers") == []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "begun" in metafunc.fixturenames:
        moments = metafunc.config.getoption("--moments")
        step = BEGUN / moments
        metafunc.parametrize("begun", [1 + round(step * n) for n in range(moments)])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_01_an_up_that_was_killed_goes_on_and_leaves_nothing(
    stack: Stack, here: Here, begun: int, how: signal.Signals
) -> None:
    up_killed(stack, begun, how)
    until_quiet(stack)
    pending = state.pending(stack.export(), "creating")
    done = settle(here)
    print(
        f"{how.name} {begun}: pending {len(pending)}, "
        f"adopted {sum(f.result == ADOPTED for f in done.findings)}"
    )
    if not done:
        unlock(here)
    assert unknown(stack, DEV) == []
    assert not settle(here)
    stack.up()
    assert unknown(stack, DEV) == []
    destroyed(stack)

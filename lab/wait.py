"""Functions that wait for a condition until a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# Hosts look for new tables twice a minute, and resolvers may cache new records as missing.
EFFECT_SECONDS = 180.0


def within(seconds: float, condition: Callable[[], T], every: float = 0.2) -> T:
    """The condition's value once it is true, or its last value at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(every)
    return value


def until(
    what: str,
    condition: Callable[[], T | None],
    seconds: float = EFFECT_SECONDS,
    every: float = 0.2,
) -> T:
    """The condition's value once it is true; TimeoutError names the missing event."""
    if not (value := within(seconds, condition, every)):
        raise TimeoutError(f"after {seconds:.0f} s still not: {what}")
    return value

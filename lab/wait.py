"""Waiting for what comes in its own time, and no longer than that takes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# Hosts look for new tables twice a minute, and a domain's new records may be cached as missing.
EFFECT_SECONDS = 180.0


def within(seconds: float, condition: Callable[[], T], every: float = 0.2) -> T:
    """The condition's value once it is true; after so many seconds the last one, which is not."""
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
    """The condition's value once it is true; TimeoutError says what did not come."""
    if not (value := within(seconds, condition, every)):
        raise TimeoutError(f"after {seconds:.0f} s still not: {what}")
    return value

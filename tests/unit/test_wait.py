"""Waiting in the lab and in tests."""

from itertools import count

import pytest

from lab.wait import until, within


def test_what_comes_is_given() -> None:
    calls = count()
    assert until("three", lambda: next(calls) == 3, 5, every=0)
    assert next(calls) == 4


def test_what_does_not_come_is_named() -> None:
    with pytest.raises(TimeoutError, match="after 0 s still not: a letter"):
        until("a letter", lambda: [], 0)
    assert within(0, lambda: "") == ""

"""A resource that `leftovers` found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Left:
    """A resource that belongs to a stack by its tags or its name.

    `id` is as Pulumi's state has it; `cost` says what it costs a month in us-east-1 (2026) or what
    it keeps from others; `remove` is a command of AWS's own tool.
    """

    what: str
    id: str
    name: str
    cost: str
    remove: str


def monthly(dollars: float) -> str:
    """A price in words."""
    return f"about {dollars:.2f} USD a month"

"""A resource that `leftovers` found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Left:
    """A resource that belongs to a stack by its tags or its name.

    `id` is the id in Pulumi's state; `cost` is the price a month in us-east-1 (2026), and what else
    it blocks or holds; `remove` is a command of AWS's own tool.
    """

    what: str
    id: str
    name: str
    cost: str
    remove: str


def monthly(dollars: float) -> str:
    """A price in words."""
    return f"about {dollars:.2f} USD a month"

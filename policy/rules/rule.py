"""Types: rules, and the resources that they check."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Stands for a value that a preview cannot know; the update checks the real one.
UNKNOWN = object()
Level = Literal["mandatory", "advisory"]


@dataclass(frozen=True)
class Resource:
    """A declared resource; `needs` are the URNs of resources that its properties come from."""

    type: str
    name: str
    urn: str
    props: Mapping[str, Any]
    protect: bool = False
    needs: frozenset[str] = frozenset()

    @property
    def stack(self) -> str:
        """The name of the stack, from the URN."""
        return self.urn.removeprefix("urn:pulumi:").partition("::")[0]


@dataclass(frozen=True)
class Rule:
    """A rule for each resource on its own; `check` yields the problems of one."""

    name: str
    level: Level
    says: str
    remedy: str
    check: Callable[[Resource], Iterator[str]]


@dataclass(frozen=True)
class StackRule:
    """A rule for the stack as a whole; `check` yields resources, each with a problem."""

    name: str
    level: Level
    says: str
    remedy: str
    check: Callable[[Iterable[Resource]], Iterator[tuple[Resource, str]]]

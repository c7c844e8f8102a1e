"""Types: a rule, and the resources that it judges."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

# Stands for a value that a preview cannot know; the update judges the real one.
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
    """Judges each resource before it is made; `check` gives what is wrong with one."""

    name: str
    level: Level
    says: str
    remedy: str
    check: Callable[[Resource], Iterator[str]]


@dataclass(frozen=True)
class StackRule:
    """Judges the stack as a whole; `check` gives resources and what is wrong with each."""

    name: str
    level: Level
    says: str
    remedy: str
    check: Callable[[Iterable[Resource]], Iterator[tuple[Resource, str]]]

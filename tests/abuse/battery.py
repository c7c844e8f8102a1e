"""The engine: every row as it is, then each mutant with the rows that claim to catch it."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from abuse.place import Place
from abuse.row import Mutant, Row
from abuse.weaken import NotWeakened, weakened

NO_ANSWER = ("closed", "timed out", "TimeoutError", "OSError", "Connection", "421 ")


@dataclass(frozen=True)
class Tried:
    """A row as it went."""

    row: Row
    seen: str
    seconds: float

    @property
    def right(self) -> bool:
        """Whether what must happen happened."""
        return self.row.must.holds(self.seen)

    @property
    def catches(self) -> bool:
        """Whether it went wrong as its mutant would have it: something was let through or refused.

        A service that the mutant has only broken answers nothing, which proves nothing.
        """
        nothing = self.seen == "" or self.seen.startswith(NO_ANSWER)
        return not self.right and not (nothing and self.row.must.kind == "refused")


@dataclass(frozen=True)
class Caught:
    """A mutant with its rows; `missed` are those that saw no difference."""

    mutant: Mutant
    missed: tuple[Tried, ...]
    tried: int
    error: str = ""

    @property
    def killed(self) -> bool:
        """Whether every row that claims to catch it did."""
        return not self.missed and not self.error


@dataclass
class Found:
    """One set-up's result."""

    set_up: str
    tried: list[Tried] = field(default_factory=list)
    caught: list[Caught] = field(default_factory=list)

    @property
    def wrong(self) -> list[Tried]:
        """The rows that went otherwise than they must."""
        return [tried for tried in self.tried if not tried.right]

    @property
    def living(self) -> list[Caught]:
        """The mutants that a row did not see."""
        return [caught for caught in self.caught if not caught.killed]

    def table(self) -> list[dict[str, object]]:
        """A line for each family: its rows, how many are right, and the mutants killed."""
        families = list(dict.fromkeys(tried.row.family for tried in self.tried))
        return [self._line(family) for family in families]

    def _line(self, family: str) -> dict[str, object]:
        mine = [tried for tried in self.tried if tried.row.family == family]
        right = [tried.row.must.kind for tried in mine if tried.right]
        mutants = {id(tried.row.catches) for tried in mine}
        caught = [c for c in self.caught if id(c.mutant) in mutants]
        return {
            "family": family,
            "rows": len(mine),
            "refused": right.count("refused"),
            "served": right.count("served"),
            "wrong": len(mine) - len(right),
            "mutants killed": f"{sum(c.killed for c in caught)} of {len(caught)}",
        }


def applying(rows: Iterable[Row], place: Place) -> list[Row]:
    """The rows that make sense for a set-up."""
    return [row for row in rows if row.needs <= place.features]


def attempt(row: Row, place: Place) -> Tried:
    """Try a row; what it cannot bear is what is seen."""
    started = time.monotonic()
    try:
        seen = row.probe(place)
    except Exception as error:  # a probe's own fault is a wrong row, not the end of the battery
        seen = f"{type(error).__name__}: {error}"
    return Tried(row, seen, time.monotonic() - started)


def survey(rows: Sequence[Row], place: Place, told: Callable[[Tried], None]) -> list[Tried]:
    """Every row as the set-up is."""
    found: list[Tried] = []
    for row in rows:
        found.append(attempt(row, place))
        told(found[-1])
    return found


def by_mutant(rows: Iterable[Row]) -> list[tuple[Mutant, list[Row]]]:
    """The rows of each mutant, so that it is put in force once."""
    groups: dict[int, tuple[Mutant, list[Row]]] = {}
    for row in rows:
        groups.setdefault(id(row.catches), (row.catches, []))[1].append(row)
    return list(groups.values())


def catch(mutant: Mutant, rows: Sequence[Row], place: Place) -> Caught:
    """The mutant in force, and whether each of its rows goes wrong."""
    try:
        with weakened(place, mutant):
            tried = [attempt(row, place) for row in rows]
    except NotWeakened as error:
        return Caught(mutant, (), 0, str(error) or "it said nothing")
    return Caught(mutant, tuple(t for t in tried if not t.catches), len(tried))

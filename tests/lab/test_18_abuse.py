"""The battery's rows that take no time, against the shared stack; all of it is `make battery`."""

from collections.abc import Iterator

import pytest
from abuse.battery import attempt
from abuse.place import Place, place
from abuse.row import Row
from abuse.rows import ROWS
from world import World


@pytest.fixture(scope="module")
def here(world: World) -> Iterator[Place]:
    with place(world.lab) as made:
        yield made


@pytest.mark.parametrize("row", [r for r in ROWS if not r.slow], ids=lambda row: row.name)
def test_what_must_happen_happens(here: Place, row: Row) -> None:
    if not row.needs <= here.features:
        pytest.skip("this stack has no such thing")
    tried = attempt(row, here)
    assert tried.right, f"{row.name} -> {tried.seen} (must be {row.must.kind}: {row.must.pattern})"


def test_every_row_says_what_it_catches() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 150
    assert all(row.catches.name for row in ROWS)

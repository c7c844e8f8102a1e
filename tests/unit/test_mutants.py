"""The table of mutants fits the program as it is; `make mutants` runs it."""

import re
from collections import Counter

import mutants
import pytest


@pytest.mark.parametrize("mutant", mutants.ROWS, ids=lambda row: row.name)
def test_no_row_is_stale(mutant: mutants.Mutant) -> None:
    path = mutants.place(mutant)
    text = path.read_text().replace(mutant.text, mutant.replacement)
    assert text != path.read_text()
    if path.suffix == ".py":
        compile(text, path.name, "exec")  # else it is found by whatever imports it
    file, _, name = mutant.test.partition("::")
    source = (mutants.PROJECT / file).read_text()
    assert not name or re.search(rf"^def {name.partition('[')[0]}\(", source, re.MULTILINE)


def test_every_row_has_a_name_of_its_own() -> None:
    assert [
        name for name, count in Counter(row.name for row in mutants.ROWS).items() if count > 1
    ] == []

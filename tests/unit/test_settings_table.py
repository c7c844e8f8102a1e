"""Wrong and unusual settings, each with the lines that it gives: the files of `wrong_settings`.

A block has settings in YAML, one key a line, which take the place of those of RIGHT, and behind
"> " what is said: each line as a whole, or `taken`.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from raw_settings import RIGHT

from settings import SettingsError, read

FOLDER = Path(__file__).parent / "wrong_settings"


def blocks() -> Iterator[Any]:
    """The settings and what is said of them."""
    for file in sorted(FOLDER.glob("*.txt")):
        plain = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        for number, block in enumerate("\n".join(plain).strip().split("\n\n")):
            lines = block.strip().splitlines()
            given = "\n".join(line for line in lines if not line.startswith("> "))
            said = [line.removeprefix("> ") for line in lines if line.startswith("> ")]
            yield pytest.param(given, said, id=f"{file.stem}-{number}-{given[:40]}")


TABLE = list(blocks())


@pytest.mark.parametrize(("given", "said"), TABLE)
def test_settings_give_exactly_these_lines(given: str, said: list[str]) -> None:
    raw = {**copy.deepcopy(RIGHT), **yaml.safe_load(given)}
    try:
        read(raw)
    except SettingsError as error:
        assert error.lines == said
    else:
        assert said == ["taken"]


def test_the_table_is_whole() -> None:
    assert len(TABLE) > 250
    given = [row.values[0] for row in TABLE]
    assert len(set(given)) == len(given)


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({"spf": {"mechanisms": ["x" * 5000]}}, 350),
        ({"txt": ["many words " * 500]}, 600),
    ],
)
def test_a_long_value_is_not_shown_whole(settings: dict[str, Any], most: int) -> None:
    raw = {**copy.deepcopy(RIGHT), "domains": [{"name": "shop.example", **settings}]}
    with pytest.raises(SettingsError) as found:
        read(raw)
    assert max(map(len, found.value.lines)) < most

"""What commands print: results to standard output, everything else to standard error."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

# What others say, or a file holds, is shown as it is: no text is markup, colours are Text's.
_AS_IT_IS: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
PIPE_WIDTH = 200
ANY_WIDTH = 10_000  # more than a table's longest words need
notes = Console(stderr=True, **_AS_IT_IS)
results = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, **_AS_IT_IS)


def print_json(value: Any) -> None:
    """A result for programs."""
    print(json.dumps(value, indent=2))


def several(count: int, one: str, more: str) -> str:
    """So many, in words that fit the number."""
    return f"{count} {one if count == 1 else more}"


def print_table(title: str, rows: Sequence[Mapping[str, Any]], below: str = "") -> None:
    """A result for people: one column for each key; a list of nothing says so.

    Where a terminal is too narrow for the longest words of a row, each row is a list. What the key
    `below` has is shown below it all, on standard error.
    """
    if not rows:
        notes.print(f"{title}: none")
        return
    shown = [{key: _cell(row[key]) for key in row if key != below} for row in rows]
    table = Table(title=title, title_justify="left")
    for key in shown[0]:
        table.add_column(key, overflow="fold")
    for row in shown:
        table.add_row(*row.values())
    needed = results.measure(table, options=results.options.update(width=ANY_WIDTH)).minimum
    if needed > results.width:
        _print_lists(title, shown)
    else:
        results.print(table)
    for text in dict.fromkeys(_cell(row[below]) for row in rows if below and row[below]):
        notes.print(text, soft_wrap=True)


def _print_lists(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """Each row as lines of a key and its value, without the keys that have none."""
    results.print(Text(title, "italic"))
    width = max(map(len, rows[0]))
    for row in rows:
        results.print()
        for key, value in row.items():
            if value:
                results.print(f"{key:<{width}}  {value}", soft_wrap=True)


def _cell(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def begin(text: str) -> None:
    """Say what begins, for what ends with a word of its own."""
    notes.print(Text("...", "dim"), text)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show that a step begins, and afterwards how long it took."""
    started = time.monotonic()
    begin(text)
    yield
    notes.print(Text("ok ", "green"), f"{text} ({time.monotonic() - started:.1f} s)")

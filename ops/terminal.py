"""What commands print: results to standard output, everything else to standard error."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# What others say, or a file holds, is shown as it is: no text is markup, colours are Text's.
_AS_IT_IS: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
PIPE_WIDTH = 200
BORDER = 3  # what a table takes beside the text of a column
notes = Console(stderr=True, **_AS_IT_IS)
results = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, **_AS_IT_IS)


def print_json(value: Any) -> None:
    """A result for programs."""
    print(json.dumps(value, indent=2))


def several(count: int, one: str, more: str) -> str:
    """So many, in words that fit the number."""
    return f"{count} {one if count == 1 else more}"


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """A result for people: one column for each key; a list of nothing says so.

    Where the terminal is too narrow to show its words whole, each row is a few lines instead.
    """
    if not rows:
        notes.print(f"{title}: none")
        return
    cells = {key: [_cell(row[key]) for row in rows] for key in rows[0]}
    if not (widths := _widths({key: (key, *column) for key, column in cells.items()})):
        _print_lines(title, rows)
        return
    table = Table(title=title, title_justify="left")
    for key, width in widths.items():
        table.add_column(key, overflow="fold", width=width)
    for row in zip(*cells.values(), strict=True):
        table.add_row(*row)
    results.print(table)


def _widths(columns: dict[str, tuple[str, ...]]) -> dict[str, int]:
    """The width of each column in which no word is cut, by its texts; {} if there is no room."""
    widths = {
        key: max(cell_len(word) for text in texts for word in text.split() or [""])
        for key, texts in columns.items()
    }
    room = results.width - sum(widths.values()) - BORDER * len(widths) - 1
    if room < 0:
        return {}
    for key, texts in columns.items():
        more = min(max(map(cell_len, texts)) - widths[key], room)
        widths[key] += more
        room -= more
    return widths


def _print_lines(title: str, rows: list[dict[str, Any]]) -> None:
    width = max(map(len, rows[0]))
    results.print(Text(title, "italic"), soft_wrap=True)
    for row in rows:
        results.print()
        for key, value in row.items():
            results.print(Text(f"{key:{width}}", "bold"), _cell(value), soft_wrap=True)


def _cell(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show that a step begins, and afterwards how long it took."""
    started = time.monotonic()
    notes.print(Text("...", "dim"), text)
    yield
    notes.print(Text("ok ", "green"), f"{text} ({time.monotonic() - started:.1f} s)")

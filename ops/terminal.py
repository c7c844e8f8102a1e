"""What commands print: results to standard output, everything else to standard error."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

# What others say, or a file holds, is shown as it is: no text is markup, colours are Text's.
_AS_IT_IS: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
PIPE_WIDTH = 200
notes = Console(stderr=True, **_AS_IT_IS)
results = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, **_AS_IT_IS)


def print_json(value: Any) -> None:
    """A result for programs."""
    print(json.dumps(value, indent=2))


def shown_path(file: Path) -> str:
    """A file as it can be opened from here."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def several(count: int, one: str, more: str) -> str:
    """So many, in words that fit the number."""
    return f"{count} {one if count == 1 else more}"


def print_table(title: str, rows: list[dict[str, Any]]) -> None:
    """A result for people: one column for each key; a list of nothing says so."""
    if not rows:
        notes.print(f"{title}: none")
        return
    table = Table(title=title, title_justify="left")
    for key in rows[0]:
        table.add_column(key, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    results.print(table)


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

"""Output of commands: results on standard output, everything else on standard error."""

import errno
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from common.errors import RelayError

# Text of others or of files is shown as it is: strings are never markup, colours need a Text.
_AS_IT_IS: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
# Without a terminal, lines are not wrapped: programs and files read them.
PIPE_WIDTH = 10_000
# The widths between columns, and of both ends of a line.
_BORDER, _EDGE = 3, 1
# Nobody waits longer than this without being told what for.
SLOW_SECONDS = 2.0
notes = Console(stderr=True, **_AS_IT_IS)
results = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, **_AS_IT_IS)


def print_json(value: Any) -> None:
    """Print a result for programs."""
    print(json.dumps(value, indent=2))


@contextmanager
def reported(done: str) -> Iterator[None]:
    """Print the result of a change that is made, on standard output: the change counts.

    As with `mv -v`, a reader who goes away (`| true`) is no error: it has asked for no more, and an
    exit code would have a script do again what is done. A result that cannot be written is a
    RelayError, which begins with `done`.
    """
    error = None
    try:
        yield
    except OSError as raised:
        error = raised
    except SystemExit:  # rich's, for a pipe without a reader
        pass
    error = drained(sys.stdout) or error
    if error and error.errno != errno.EPIPE:
        raise RelayError(f"{done}, but the result cannot be written: {error.strerror}")


@contextmanager
def aside() -> Iterator[None]:
    """Print notes about a change that is made: they are no result, so nobody need get them."""
    with suppress(OSError, SystemExit):  # SystemExit is rich's, for a pipe without a reader
        yield
    drained(sys.stderr)


def drained(stream: TextIO | None) -> OSError | None:
    """Flush a stream; if that fails, return the error, and what is left and follows goes nowhere.

    Python would try again at its end, and exit with 120. There is no stream if it was closed.
    """
    if stream is None:
        return None
    try:
        stream.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return error
    return None


def shown_path(file: Path) -> str:
    """The path of a file, relative to the current folder if it is in it."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def several(count: int, one: str, more: str) -> str:
    """The count with the singular or the plural."""
    return f"{count} {one if count == 1 else more}"


def print_table(title: str, rows: Sequence[Mapping[str, Any]], below: str = "") -> None:
    """Print a result for people: one column for each key; "none" for no rows.

    Lines are broken between words; if even words do not fit, each key has its own line. In a pipe
    each row is one line, without borders, for `awk` and `grep`, and the title goes to standard
    error. Values of the key `below` are shown below the table, on standard error.
    """
    if not rows:
        notes.print(f"{title}: none")
        return
    keys = [key for key in rows[0] if key != below]
    cells = [[_cell(row[key]) for key in keys] for row in rows]
    columns = [[key, *column] for key, *column in zip(keys, *cells, strict=True)]
    widths = _widths(columns, results.width - _EDGE)
    if results.width == PIPE_WIDTH:
        notes.print(title)
        _print_columns(columns)
    elif widths is None:
        _print_blocks(title, keys, cells)
    else:
        table = Table(title=title, title_justify="left")
        for key, width in zip(keys, widths, strict=True):
            table.add_column(key, overflow="fold", width=width)
        for row in cells:
            table.add_row(*row)
        results.print(table)
    for text in dict.fromkeys(_cell(row[below]) for row in rows if below and row[below]):
        notes.print(text, soft_wrap=True)


def _widths(columns: list[list[str]], room: int) -> list[int] | None:
    """Widths of the columns that break no word, or None if there is not enough room."""
    wanted = [max(map(_longest_line, column)) for column in columns]
    found = [max(cell_len(word) for cell in c for word in (*cell.split(), "")) for c in columns]
    spare = room - sum(width + _BORDER for width in found)
    if spare < 0:
        return None
    for _ in range(spare):
        lacks = [want - width for want, width in zip(wanted, found, strict=True)]
        if max(lacks) <= 0:
            break
        found[lacks.index(max(lacks))] += 1
    return found


def _longest_line(text: str) -> int:
    return max(map(cell_len, text.split("\n")))


def _print_columns(columns: list[list[str]]) -> None:
    """Print the columns with two spaces between them."""
    flat = [[" ".join(cell.split()) for cell in column] for column in columns]
    widths = [max(map(cell_len, column)) for column in flat]
    for line in zip(*flat, strict=True):
        padded = (set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True))
        results.print("  ".join(padded).rstrip(), soft_wrap=True)


def _print_blocks(title: str, keys: list[str], cells: list[list[str]]) -> None:
    """Print the rows one after another, each key with a value on its own line."""
    results.print(title, style="italic")
    for row in cells:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for key, cell in zip(keys, row, strict=True):
            if cell:
                table.add_row(Text(key, "bold"), cell)
        results.print(table)
        results.print()


def _cell(value: Any) -> str:
    """The text of a value: a list with commas, a bool as yes or no."""
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def begin(text: str) -> None:
    """Show that something begins; its end is shown by the caller."""
    notes.print(Text("...", "dim"), text)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show that a step begins, and afterwards how long it took.

    A reader who goes away ends no step, since what a command changes has to be changed whole.
    """
    started = time.monotonic()
    with aside():
        begin(text)
    yield
    with aside():
        notes.print(Text("ok ", "green"), f"{text} ({time.monotonic() - started:.1f} s)")


def confirm(question: str) -> None:
    """Ask what `--yes` answers too: Abort without a yes, RelayError without an answer."""
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:  # the end of standard input, or Ctrl-C
        if sys.stdin.isatty():
            raise
        raise RelayError("nobody is there to answer: --yes does it without asking") from None
    if not agreed:
        raise typer.Abort


@contextmanager
def slow(text: str) -> Iterator[None]:
    """Show what is being done once it takes longer than SLOW_SECONDS."""
    timer = threading.Timer(SLOW_SECONDS, begin, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

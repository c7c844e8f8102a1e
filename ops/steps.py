"""What is done in steps: each call writes one into the stack's file, which an `up` applies."""

import datetime
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from ops.edit.replacing import alone
from ops.edit.stack_file import StackFile
from ops.target import Target
from ops.terminal import aside, notes, reported, results, shown_path

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the step that is due; change nothing.")
]


def save(chosen: Target, file: StackFile, show: Callable[[], None], *, json: bool) -> None:
    """Write a changed stack's file, and `show` the steps; without `json` say so."""
    with alone(chosen.file):
        file.save()
    done = f"{shown_path(chosen.file)} is changed"
    with reported(done):
        show()
    if not json:
        with aside():
            notes.print(done, soft_wrap=True)


def show(of: str, did: str, following: str, refused: str, details: Sequence[str] = ()) -> None:
    """Show for people what a call did, and what is next; `refused` says why that is unsafe."""
    results.print(of, style="bold")
    lines = [*details, did, f"next: {following}", f"refused: {refused}" if refused else ""]
    for line in filter(None, lines):
        results.print(f"  {line}", soft_wrap=True)


def moment(time: datetime.datetime) -> str:
    """The time from which a step is due, for people."""
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")

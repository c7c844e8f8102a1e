"""Results for people and for programs."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from ops.terminal import notes, results, several
from ops.verify.result import Result

COLOURS = {"ok": "green", "skipped": "dim", "warning": "yellow", "error": "red"}


def progress(result: Result) -> None:
    """One line as a check ends."""
    notes.print(Text("...", "dim"), f"{result.check} {result.subject}")


def as_dict(stack: str, found: Sequence[Result]) -> dict[str, Any]:
    """For JSON."""
    return {
        "stack": stack,
        "errors": sum(len(r.errors) for r in found),
        "warnings": sum(len(r.warnings) for r in found),
        "skipped": sum(bool(r.skipped) for r in found),
        "checks": [r.as_dict() for r in found],
    }


def show(stack: str, found: Sequence[Result]) -> None:
    """Each result with its instructions, then the numbers of errors and warnings."""
    for result in found:
        _show(result)
    count = as_dict(stack, found)
    errors = several(count["errors"], "error", "errors")
    warnings = several(count["warnings"], "warning", "warnings")
    notes.print(f"{errors}, {warnings}, {count['skipped']} skipped")


def _show(result: Result) -> None:
    seen = "; ".join(result.seen)
    status = Text(f"{result.status:<8}", COLOURS[result.status])
    subject = Text(result.subject, "bold")
    results.print(status, result.check, subject, f" {seen}", soft_wrap=True)
    for problem in result.problems:
        results.print(f"         {problem.code}: {problem.text}", soft_wrap=True)
        _instruct(problem.instructions)
        if problem.explains:
            text = f"         explains: {', '.join(problem.explains)}"
            results.print(text, style="dim", soft_wrap=True)
    _instruct(result.advice)
    if result.skipped:
        results.print(f"         skipped: {result.skipped}", style="dim", soft_wrap=True)


def _instruct(instructions: Sequence[str]) -> None:
    for text in instructions:
        for line in text.splitlines():
            results.print(f"           {line}", style="cyan", soft_wrap=True)

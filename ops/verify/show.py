"""Output of results, for people and for programs."""

import re
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from ops.target import Target
from ops.terminal import begin, notes, results, several
from ops.verify.result import Result

AWS_COMMAND = re.compile(r"\baws [a-z0-9]+ [a-z-]+ -")
COLOURS = {"ok": "green", "skipped": "dim", "warning": "yellow", "error": "red"}


def progress(result: Result) -> None:
    """Print a line as a check ends."""
    begin(f"{result.check} {result.subject}")


def as_dict(stack: str, found: Sequence[Result]) -> dict[str, Any]:
    """The results as JSON."""
    return {
        "stack": stack,
        "errors": sum(len(r.errors) for r in found),
        "warnings": sum(len(r.warnings) for r in found),
        "skipped": sum(bool(r.skipped) for r in found),
        "checks": [r.as_dict() for r in found],
    }


def show(target: Target, found: Sequence[Result]) -> None:
    """Print each result with its instructions, then the numbers of errors, warnings and skipped.

    Checks that were skipped for the same reason share a line.
    """
    skipped: dict[str, list[Result]] = {}
    for result in found:
        if result.status == "skipped":
            skipped.setdefault(_reason(result), []).append(result)
    for result in found:
        alike = skipped.get(_reason(result), [result])
        if result.status != "skipped" or len(alike) == 1:
            _show(result)
        elif result is alike[0]:
            _show_skipped(_reason(result), alike)
    if any(AWS_COMMAND.search(text) for result in found for text in result.instructions):
        notes.print(f"For AWS's own commands, first: {target.aws_environment}", soft_wrap=True)
    count = as_dict(target.stack, found)
    errors = several(count["errors"], "error", "errors")
    warnings = several(count["warnings"], "warning", "warnings")
    notes.print(f"{errors}, {warnings}, {count['skipped']} skipped")


def _reason(result: Result) -> str:
    """The reason that a check was skipped; if it is a single cause, without what was observed."""
    because = result.skipped.startswith("because of") and result.skipped.count("because of") == 1
    return result.skipped.partition(": ")[0] if because else result.skipped


def _show_skipped(reason: str, alike: Sequence[Result]) -> None:
    listed: dict[str, list[str]] = {}
    for result in alike:
        listed.setdefault(result.subject, []).append(result.check)
    what = "; ".join(f"{', '.join(checks)} {subject}" for subject, checks in listed.items())
    status = Text(f"{'skipped':<8}", COLOURS["skipped"])
    results.print(status, f"{len(alike)} checks: {what}", soft_wrap=True)
    results.print(f"         skipped: {reason}", style="dim", soft_wrap=True)


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

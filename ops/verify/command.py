"""`relay verify`."""

from typing import Annotated

import typer
from rich.markup import escape

from ops.output import notes, print_json, results
from ops.target import LabOption, StackOption, Target, target
from ops.verify.expected import Expected, expected
from ops.verify.place import place
from ops.verify.result import Result
from ops.verify.run import verify
from settings import SettingsError

MARKS = {
    "ok": "[green]ok[/green]      ",
    "skipped": "[dim]skipped[/dim] ",
    "warning": "[yellow]warning[/yellow] ",
    "error": "[red]error[/red]   ",
}


def command(
    stack: StackOption = None,
    lab: LabOption = None,
    domain: Annotated[
        str | None, typer.Option(help="Of the domains that send, only this one.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Compare the world with the stack: DNS, ports, certificates, hosts. Exit code 1: errors."""
    chosen = target(stack, lab)
    wanted = expected(chosen.outputs())
    if domain is not None:
        wanted = _only(wanted, domain)
    found: list[Result] = []
    with place(chosen, wanted) as here:
        for result in verify(wanted, here):
            found.append(result)
            notes.print(f"[dim]...[/dim] {result.check} {result.subject}")
    if json:
        print_json(_as_dict(chosen, found))
    else:
        for result in found:
            _show(result)
        _sum_up(chosen, found)
    if any(result.errors for result in found):
        raise typer.Exit(1)


def _only(wanted: Expected, domain: str) -> Expected:
    chosen = tuple(d for d in wanted.domains if d.name == domain)
    if not chosen:
        known = ", ".join(d.name for d in wanted.domains)
        raise SettingsError([f"--domain {domain}: it is no domain of the stack; there is {known}"])
    return wanted.model_copy(update={"domains": chosen})


def _as_dict(chosen: Target, found: list[Result]) -> dict[str, object]:
    return {
        "stack": chosen.stack,
        "errors": sum(len(r.errors) for r in found),
        "warnings": sum(len(r.warnings) for r in found),
        "skipped": sum(bool(r.skipped) for r in found),
        "checks": [r.as_dict() for r in found],
    }


def _show(result: Result) -> None:
    seen = "; ".join(result.seen)
    head = f"{MARKS[result.status]} {result.check} [bold]{escape(result.subject)}[/bold]"
    results.print(f"{head}  {escape(seen)}", soft_wrap=True)
    for problem in [*result.errors, *result.warnings]:
        results.print(f"         {problem.code}: {escape(problem.text)}", soft_wrap=True)
    for text in result.instructions:
        for line in text.splitlines():
            results.print(f"           {escape(line)}", style="cyan", soft_wrap=True)
    if result.skipped:
        results.print(f"         skipped: {escape(result.skipped)}", style="dim", soft_wrap=True)


def _sum_up(chosen: Target, found: list[Result]) -> None:
    count = _as_dict(chosen, found)
    notes.print(
        f"{count['errors']} errors, {count['warnings']} warnings, {count['skipped']} skipped"
    )
    if any(result.errors for result in found):
        notes.print(
            f"What the stack makes comes back with: {chosen.apply_command} --refresh; "
            "docs/verify.md says more about each code",
            soft_wrap=True,
        )

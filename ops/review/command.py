"""`relay review`: a report on what a change would do, from a real preview."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ops import engine, stack_yaml
from ops.errors import StackError
from ops.options import Json, LabOption, StackOption, existing_file, target
from ops.review import preview, snapshots
from ops.review.change import Change
from ops.review.report import markdown, report
from ops.review.warnings import tightened
from ops.target import Target
from ops.terminal import print_json, slow, step
from ops.verify.probes import vantage
from ops.verify.run import passing
from settings import SettingsError

PACK = engine.PROJECT / "policy"


def command(
    stack: StackOption = None,
    lab: LabOption = None,
    base: Annotated[
        str | None,
        typer.Option(help="Compare settings with a commit's; else with what is deployed."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            callback=existing_file,
            help="With --lab: a stack file as for `lab up`, instead of the lab's own.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """What the change in the working tree means for mail: a report for a pull request.

    Nothing is changed. The exit code is 1 if the preview fails or a mandatory rule is broken.
    """
    if base and lab:
        raise typer.BadParameter(
            "--base is of a stack file in git; a lab is compared with what is up in it: "
            f"./relay review --lab {lab}"
        )
    if file and not lab:
        raise typer.BadParameter("--file is for --lab; a stack has its own file")
    about = target(stack, lab)
    with about.reviewed(file) as read:
        stack_yaml.content(read)  # its errors have the line; Pulumi's have not even the file
        with step("the settings, before and after"):
            end = snapshots.of_file(about.pulumi, read)
            start, notes = _start(about, base)
        with step(f"a preview of {about.stack}"):
            seen, failure = about.preview("--config-file", str(read), "--policy-pack", str(PACK))
    change = Change(preview.read(seen.splitlines(), failure), start, end)
    with slow("the records that a stricter DMARC policy needs"):
        verified = _verified(about, change)
    found = report(about.stack, change, notes, verified)
    if json:
        print_json(found.json())
    else:
        print(markdown(found), end="")
    if not found.passes:
        raise typer.Exit(1)


def _start(about: Target, base: str | None) -> tuple[snapshots.Snapshot | None, list[str]]:
    """The settings to compare with, and notes about them for the report."""
    try:
        if base is None:
            return snapshots.deployed(about.pulumi), []
        start = snapshots.of_commit(about.pulumi, base, about.stack)
    except SettingsError as error:
        return None, [
            f"The settings {f'at {base}' if base else 'that are deployed'} are none that this "
            f"program reads ({error.lines[0]}): only resources are compared."
        ]
    if start and not start.secrets_read:
        return start, [
            f"The passwords and keys at {base} are encrypted for another key than today's: "
            "whether they change is not known."
        ]
    if start is None:
        return None, [f"There is no {about.file.name} at {base}: only resources are compared."]
    return start, _not_applied(about, start)


def _verified(about: Target, change: Change) -> dict[str, bool]:
    """For each domain whose DMARC policy is tightened, whether its mail passes now."""
    domains = [domain.name for domain, _ in tightened(change)]
    if not domains:
        return {}
    try:
        expectation = about.outputs()
    except StackError:  # never up, or with an older program's outputs
        return {}
    return passing(expectation, vantage(about, expectation).names, domains)


def _not_applied(about: Target, start: snapshots.Snapshot) -> list[str]:
    with suppress(SettingsError):
        up = snapshots.deployed(about.pulumi)
        if up and start.settings != up.settings:
            return [
                "What is up was made with other settings than those of the base: the operations "
                "hold what is not applied yet, too."
            ]
    return []

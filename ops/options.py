"""Options that commands have in common, and the target that they name."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from common.errors import RelayError
from ops.errors import StackError
from ops.known import meant
from ops.plain_words import unreadable
from ops.target import LOG_IN, AwsTarget, Target
from ops.terminal import shown_path

# The factor of a unit, by its first letter.
_SIZES = {"m": 1, "g": 1024, "t": 1024**2}
_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _whole(unit: str, worth: Mapping[str, int], example: int) -> Callable[[str], int]:
    """A parser of whole numbers; for a number with a unit, its error gives the right number."""

    def parse(text: str | int) -> int:
        said = str(text).strip()
        if re.fullmatch(r"-?\d{1,18}", said):
            return int(said)
        found = re.fullmatch(r"(\d{1,9})\s*([a-z])[a-z]*", said.lower())
        right = int(found[1]) * worth[found[2]] if found and found[2] in worth else example
        raise typer.BadParameter(f"{text!r}: give a whole number of {unit} alone, such as {right}")

    return parse


MIB = _whole("MiB", _SIZES, 2048)
SECONDS = _whole("seconds", _TIMES, 300)
StackOption = Annotated[
    str | None,
    typer.Option("--stack", help="The stack; unless given, the one that Pulumi has selected."),
]
LabOption = Annotated[
    str | None,
    typer.Option("--lab", help="A stack of the lab of this name, its own unless --stack is given."),
]
# Pulumi's message, which our error need not repeat.
_NONE = "no stack selected"
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def existing_file(param: typer.CallbackParam, file: Path | None) -> Path | None:
    """The file that an option or an argument names; RelayError, with its name, without it.

    It is a callback of typer's.
    """
    try:
        if file is not None:
            file.open("rb").close()
    except OSError as error:
        (word, *_) = param.opts
        named = word if word.startswith("-") else param.human_readable_name.rstrip(".")
        raise RelayError(f"{named} {unreadable(file, error)}") from None
    return file


def existing_files(param: typer.CallbackParam, files: Sequence[Path]) -> Sequence[Path]:
    """The same for an argument that names several."""
    for file in files:
        existing_file(param, file)
    return files


def target(stack: str | None, lab: str | None) -> Target:
    """The stack that the options name; StackError if there is none."""
    if lab:
        from ops.lab.target import running

        return running(stack, lab)
    if stack is None:
        try:
            said = AwsTarget("").pulumi_here("stack", "--show-name", "--non-interactive")
        except StackError as error:
            raise StackError(_unselected(str(error))) from None
        stack = said.strip()
    found = AwsTarget(stack)
    if not found.file.exists():
        listed = sorted(found.file.parent.glob("Pulumi.*.yaml"))
        files = [file for file in listed if file.exists()]  # a link may lead nowhere
        known = [file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files]
        raise StackError(
            f"--stack {stack}: {shown_path(found.file)}: there is no such file; "
            f"{meant(stack, known)}; a new stack has its settings there, and begins by "
            f"pulumi stack init {stack}"
        )
    return found


def _unselected(said: str) -> str:
    """The error that no stack is selected, with remedies; `said` is Pulumi's message."""
    from ops.lab.target import labs

    if up := labs():
        of_lab = ", ".join(f"--lab {lab}" for lab in up)
        return f"no stack is selected; for that of a lab which is up here: {of_lab}; else --stack"
    if said == LOG_IN:
        return f"no stack is selected. {said}"
    how = "name one with --stack (`pulumi stack ls` lists them), or `pulumi stack select` it"
    why = "" if _NONE in said else f" ({said.removeprefix('error: ')})"
    return f"no stack is selected{why}: {how}; for a lab's: --lab NAME"


def dev_stack(lab: str | None) -> Target:
    """The dev stack on AWS, or a lab's own; whether it exists is not checked."""
    if lab:
        from ops.lab.target import named

        return named(lab)
    return AwsTarget("dev")

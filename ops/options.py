"""Options that commands have in common, and the stack that they mean."""

from typing import Annotated

import typer

from ops.errors import StackError
from ops.target import LOG_IN, AwsTarget, Target

StackOption = Annotated[
    str | None,
    typer.Option("--stack", help="The stack; unless given, the one that Pulumi has selected."),
]
LabOption = Annotated[
    str | None,
    typer.Option("--lab", help="A stack of the lab of this name, its own unless --stack is given."),
]
# Pulumi's own words, which add nothing.
_NONE = "no stack selected"
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def target(stack: str | None, lab: str | None) -> Target:
    """The stack that the options mean; StackError if there is none."""
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
        raise StackError(f"--stack {stack}: there is no {found.file.name} in {found.file.parent}")
    return found


def _unselected(said: str) -> str:
    """That no stack is selected, with what selects one; `said` is Pulumi's own reason."""
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
    """The dev stack on AWS, or a lab's own; nobody looks whether it is there."""
    if lab:
        from ops.lab.target import named

        return named(lab)
    return AwsTarget("dev")

"""Options that commands have in common, and the stack that they mean."""

from typing import Annotated

import typer

from ops.errors import StackError
from ops.target import AwsTarget, Target

StackOption = Annotated[
    str | None,
    typer.Option("--stack", help="The stack, instead of the one that Pulumi has selected."),
]
LabOption = Annotated[
    str | None,
    typer.Option("--lab", help="A lab's name, such as dev: its stack, or another in it (--stack)."),
]
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
            why = str(error).removeprefix("error: ")
            text = f"no stack is selected ({why}); name one with --stack or --lab"
            raise StackError(text) from None
        stack = said.strip()
    found = AwsTarget(stack)
    if not found.file.exists():
        raise StackError(f"--stack {stack}: there is no {found.file.name} in {found.file.parent}")
    return found


def dev_stack(lab: str | None) -> Target:
    """The dev stack on AWS, or a lab's own; nobody looks whether it is there."""
    if lab:
        from ops.lab.target import named

        return named(lab)
    return AwsTarget("dev")

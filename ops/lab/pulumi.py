"""`relay pulumi ...`."""

from typing import Annotated

import typer

from lab.control import LabError
from ops import stack_yaml
from ops.lab import stack
from ops.lab.target import lab_of, not_up

app = typer.Typer(add_completion=False)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def pulumi(
    context: typer.Context,
    lab: Annotated[
        str, typer.Option("--lab", metavar="NAME", help="The lab whose stack is meant.")
    ] = "dev",
) -> None:
    """Pulumi's own commands on the stack of a lab, such as `./relay pulumi preview`.

    They are about the lab's own stack, unless --stack is given.
    """
    if context.args in (["--help"], ["-h"]):  # a command's own is Pulumi's: preview --help
        print(context.get_help())
        raise typer.Exit
    found = lab_of(lab)
    if not stack.work_dir(found).exists():
        raise LabError(not_up(lab))
    code = stack.pulumi(found, *context.args).returncode
    if code and not any(word.startswith(("--stack", "-s")) for word in context.args):
        stack_yaml.content(stack.own_file(found))  # Pulumi's errors do not name the file
    raise typer.Exit(code)

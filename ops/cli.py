"""`./relay`: the command line."""

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from common.errors import RelayError
from lab.control import LabError
from lab.lab import Lab
from ops import github, lab_commands, lab_stack, queue, trace
from ops.doctor import command as doctor
from ops.edit import domains, forwards, mailboxes, users
from ops.engine import engine
from ops.environments import command as environments
from ops.leftovers import command as leftovers
from ops.review import command as review
from ops.rotate import command as rotate
from ops.settle import command as settle
from ops.terminal import notes
from ops.verify import command as verify

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="mail-relay: mail relays in the cloud whose mail arrives.",
)
for name, commands in (
    ("lab", lab_commands),
    ("users", users),
    ("domains", domains),
    ("forwards", forwards),
    ("mailboxes", mailboxes),
    ("queue", queue),
    ("env", environments),
    ("github", github),
):
    app.add_typer(commands.app, name=name)
app.command()(trace.trace)
app.command("doctor")(doctor.command)
app.command("verify")(verify.command)
app.command("rotate")(rotate.command)
app.command("leftovers")(leftovers.command)
app.command("review")(review.command)
app.command("settle")(settle.command)

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
# What a user can put right: one line, no traceback.
EXPECTED = (BotoCoreError, ClientError, RelayError, TimeoutError, ValueError)


@app.command(context_settings=PASS_ON, add_help_option=False)
def pulumi(
    context: typer.Context,
    lab: Annotated[str, typer.Option("--lab", help="The lab whose stack is meant.")] = "dev",
) -> None:
    """Pulumi's own commands on the stack of a lab, such as `./relay pulumi preview`."""
    target = Lab(lab)
    if not lab_stack.work_dir(target).exists():
        raise LabError(f"the lab {lab} is not up: ./relay lab up --name {lab}")
    raise typer.Exit(lab_stack.pulumi(target, *context.args).returncode)


@app.command()
def setup() -> None:
    """Find or build Pulumi's engine, and make the lab's root file systems."""
    from lab.machines.image import host_image, inbox_image

    # side by side: the engine's build is the processor's work, the others wait for downloads
    with ThreadPoolExecutor() as pool:
        made = [
            pool.submit(engine),
            pool.submit(host_image, notes.print),
            pool.submit(inbox_image, notes.print),
        ]
        for part in made:
            print(part.result())


def main() -> None:
    """Run; a user's mistake is one line and exit code 1."""
    try:
        app(prog_name="relay")
    except EXPECTED as error:
        said = escape(str(error) or type(error).__name__)
        notes.print(f"[red]error:[/red] {said}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        notes.print("interrupted; `./relay lab up` goes on, `./relay lab down` takes it away")
        sys.exit(130)


if __name__ == "__main__":
    main()

"""`./relay`: the command line.

A command's module is imported when the command is called, so that help and errors come fast.
"""

import errno
import os
import signal
import sys
from importlib import import_module
from typing import Annotated, Any

if __name__ == "__main__":
    # An import that is broken off has nothing to undo, and would end in a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # typer reads it as a number when it is imported
    if not os.environ.get("TERMINAL_WIDTH", "0").isdigit():
        del os.environ["TERMINAL_WIDTH"]

import click
import typer
from rich.text import Text
from typer.core import TyperGroup
from typer.main import get_command, get_group

from common.errors import RelayError
from common.release import release
from ops.examples import EXAMPLES, epilog
from ops.terminal import drained, notes

# Each command's module below `ops`, and its text in the list of commands: a module has an `app` of
# several commands, or a function `command`.
COMMANDS = {
    "lab": ("lab.command", "A local AWS region with real machines and mail."),
    "users": ("edit.users", "Logins from the internet, and what each may send as."),
    "domains": ("edit.domains", "Domains that send, and what their records say."),
    "forwards": ("edit.forwards", "Inbound mail, and the addresses that it goes to."),
    "mailboxes": ("edit.mailboxes", "Mail that stays on the gateway, and its quotas."),
    "queue": ("queue", "Mail that waits on the hosts."),
    "shell": ("shell", "A shell on a host, as its root, or a command there."),
    "env": (
        "environments.command",
        "Throw-away copies of the dev stack, each below a zone of its own.",
    ),
    "github": ("github", "For the workflows: reviewed plans and pull requests, by `gh`."),
    "trace": (
        "trace",
        "Where a message is: who handed it in, who signed it, and what every receiver said.",
    ),
    "test": (
        "testmail.command",
        "Send a test message for real, and tell what the receiver said and how it was judged.",
    ),
    "doctor": (
        "doctor.command",
        "Before the first `up`: the AWS account against what the stack needs. Exit code 1: errors.",
    ),
    "verify": (
        "verify.command",
        "Compare the world with the stack: DNS, ports, certificates, hosts. Exit code 1: errors.",
    ),
    "report": (
        "report.command",
        "The state of the stack as one page: mail, verdicts, queue, alarms, certificates, DNS.",
    ),
    "rotate": (
        "rotate.command",
        "Turn DKIM keys over: do the step that is due, and say when the next one is.",
    ),
    "address": (
        "address.command",
        "A gateway's public address: replace one that is on block lists, in safe steps.",
    ),
    "backups": (
        "backups",
        "The snapshots of the gateways' data volumes, the newest first, and what they may cost.",
    ),
    "keys": (
        "keys.command",
        "DKIM keys and passwords in a sealed file, against the loss of the stack's state.",
    ),
    "update": (
        "update.command",
        "What is older than it should be: the hosts' image, Pulumi and its packages, this program.",
    ),
    "leftovers": (
        "leftovers.command",
        "What is in the account of a stack and not in its state. Exit code 1: something is left.",
    ),
    "review": (
        "review.command",
        "What the change in the working tree means for mail: a report for a pull request.",
    ),
    "settle": (
        "settle.command",
        "After a `pulumi up` or `destroy` that was killed: make the state know what there is.",
    ),
    "pulumi": (
        "lab.pulumi",
        "Pulumi's own commands on the stack of a lab, such as `./relay pulumi preview`.",
    ),
    "setup": (
        "lab.setup",
        "Find or build Pulumi's engine, and make the lab's root file systems.",
    ),
}

# What `shell` and `lab shell` hand over to a machine as it is.
COMMAND_LINE = "[COMMAND]..."


def loaded(name: str) -> click.Command:
    """A command with its options."""
    module = import_module(f"ops.{COMMANDS[name][0]}")
    if hasattr(module, "command"):
        app = typer.Typer(add_completion=False)
        app.command(name)(module.command)
    else:
        app = module.app
    app.suggest_commands = False  # click suggests them
    app.info.cls = Group
    found = get_group(app) if len(app.registered_commands) > 1 else get_command(app)
    for words, command in {name: found, **_inner(found, name)}.items():
        command.epilog = epilog(words)
        for param in command.params:
            _refuse_empty(param)
    return found


def _inner(command: click.Command, words: str) -> dict[str, click.Command]:
    """The commands of a group, by the words that call them."""
    inner = command.commands if isinstance(command, click.Group) else {}
    return {f"{words} {name}": one for name, one in inner.items()}


def _refuse_empty(param: click.Parameter) -> None:
    """Refuse an empty value, such as that of a variable of the shell that is not set.

    The words of a command that is run on a machine may be empty.
    """
    checked = param.callback

    def check(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, str) and not each.strip():
                raise click.BadParameter(f"{each!r} is empty; give a value", ctx, param)
        return checked(ctx, param, value) if checked else value

    if param.metavar != COMMAND_LINE:
        param.callback = check


class Group(TyperGroup):
    """Commands whose options come after their names."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.possibilities:  # similar to an option of the group
                raise
            names = ", ".join(self.list_commands(ctx))
            said = f"{ctx.info_name} needs a command before {error.option_name}: {names}"
            raise click.UsageError(said, ctx) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            # similar ones, which click shows; who asks for help does not mean `shell`
            if getattr(error, "possibilities", None) and args[:1] != ["help"]:
                raise
            names = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"{error.message.rstrip('.')}; there is {names}", ctx) from None


class Commands(Group):
    """The commands by name and help alone, until one of them is called."""

    def __init__(self, **attributes: Any) -> None:
        commands = {name: click.Command(name, help=text) for name, (_, text) in COMMANDS.items()}
        super().__init__(**{**attributes, "commands": commands})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            name, _, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            inner = [f"`{words}`" for words in EXAMPLES if words.endswith(f" {args[0]}")]
            if not inner or getattr(error, "possibilities", None):
                raise
            said = f"No such command {args[0]!r}; did you mean {' or '.join(inner)}?"
            raise click.UsageError(said, ctx) from None
        command = loaded(name) if name else None
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Raise BadParameter of a command's body as RelayError: one line, as its other errors."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if error.param is not None:  # raised by typer, which shows the parameter
                raise
            raise RelayError(error.message) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    suggest_commands=False,  # click suggests them
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},  # of all commands below it too
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mail-relay {release()}")
        raise typer.Exit


@app.callback()
def relay(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print it and exit."),
    ] = False,
) -> None:
    """mail-relay: mail relays in the cloud whose mail arrives."""


def main() -> None:
    """Run the command line; an error that a user can fix is one line and exit status 1."""
    try:
        app(prog_name="relay")
    except RelayError as error:
        # one of Pulumi's own has that word already
        said = str(error).removeprefix("error: ") or type(error).__name__
        _fail(said)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            drained(sys.stdout)
            _fail("no room is left where the output or a file is written")
        if error.filename is None:  # no file of the user's
            raise
        _fail(f"{error.filename}: {error.strerror}")


def _fail(said: str) -> None:
    notes.print(Text("error:", "red"), said, soft_wrap=True)
    sys.exit(1)


if __name__ == "__main__":
    main()

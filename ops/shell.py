"""`relay shell`: a shell on a host of a stack."""

import sys
from typing import Annotated

import typer

from ops import not_up
from ops.errors import StackError
from ops.options import LabOption, StackOption, target
from ops.ssh import CLOSED


def command(
    host: Annotated[str, typer.Argument(metavar="HOST", help="`gateway`, or a host's name.")],
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]...", help="A command instead of a shell; after -- if it has options."
        ),
    ] = None,
    stack: StackOption = None,
    lab: LabOption = None,
) -> None:
    """A shell on a host, as its root, or a command there.

    It goes through the stack's endpoint (mail-relay:ssh.endpoint) with your AWS credentials, which
    ends it after an hour, or by SSH where that is open to your network; in a lab without an
    endpoint directly. A terminal is there if this one is; what is piped stays as it is.

    Exit code: the command's own; 255: ssh has no connection; 1: there is no way to the host.
    """
    found = target(stack, lab)
    outputs = found.outputs()
    if host not in {"gateway", *(each.name for each in outputs.hosts)}:
        not_up.check(found, host, not_up.hosts)
    chosen = outputs.host(host)
    if not found.has_shell(outputs):
        raise StackError(CLOSED)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    raise typer.Exit(found.shell(chosen, command or (), terminal=terminal))

"""`relay lab mail`: what came to the lab's inbox, as its owner reads it."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from lab import control
from lab.internet.inbox import Inbox
from lab.internet.inbox.message import Message
from ops.lab.options import Name
from ops.lab.target import lab_of, not_up
from ops.options import Json
from ops.terminal import print_json, print_table, results


def command(
    number: Annotated[
        int | None,
        typer.Argument(min=1, metavar="[NUMBER]", help="Show this message (--json: as it came)."),
    ] = None,
    visit: Annotated[
        str | None,
        typer.Option(metavar="LINK", help="Open a link of a message, as its reader would."),
    ] = None,
    name: Name = "dev",
    json: Json = False,
) -> None:
    """The mail that came to the inbox (every address at inbox.example), oldest first.

    Exit code 1: there is no such message, or the link cannot be opened.
    """
    lab = lab_of(name)
    if not control.running(lab):
        raise control.LabError(not_up(name))
    inbox = Inbox(lab)
    if visit is not None:
        results.print(inbox.visit(visit).strip())
        return
    messages = inbox.messages()
    if number is None:
        rows = [_row(n, message) for n, message in enumerate(messages, 1)]
        print_json(rows) if json else print_table("inbox", rows)
        return
    if number > len(messages):
        raise typer.BadParameter(f"{number}: the inbox has {len(messages)} messages")
    message = messages[number - 1]
    if json:
        print_json({**_row(number, message), "raw": message.raw})
    else:
        results.print(message.readable, soft_wrap=True)


def _row(number: int, message: Message) -> dict[str, Any]:
    arrived = datetime.fromtimestamp(message.arrived, UTC)
    return {
        "number": number,
        "arrived": arrived.isoformat(timespec="seconds"),
        "from": message.sender or "<>",
        "to": message.recipient,
        "subject": message.subject,
        **message.verdict.model_dump(),
    }

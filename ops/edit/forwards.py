"""`relay forwards ...`: where inbound mail goes."""

import smtplib
from typing import Annotated, Any

import typer

from common.errors import RelayError
from mail import aliases
from ops import arrival
from ops.edit.common import edit, remove_item
from ops.edit.stack_file import StackFile
from ops.known import lowered
from ops.options import Json, LabOption, StackOption, target
from ops.outputs import Host
from ops.target import Target
from ops.terminal import print_json, print_table, shown_path
from settings import Settings

REFUSED = range(500, 600)  # permanently (RFC 5321, 4.2.1)
app = typer.Typer(no_args_is_help=True, help="Inbound mail, and the addresses that it goes to.")

Address = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS",
        callback=lowered,
        help="An address, or @domain for all its others. `forwards list` shows those that there "
        "are.",
    ),
]
Targets = Annotated[
    list[str],
    typer.Argument(metavar="TARGET...", callback=lowered, help="The addresses that get its mail."),
]


@app.command("list")
def list_(stack: StackOption = None, lab: LabOption = None, json: Json = False) -> None:
    """The forwards of the stack's file; each domain's postmaster and abuse go to the operator."""
    settings = StackFile(target(stack, lab)).settings()
    rows = [{"address": forward.address, "to": list(forward.to)} for forward in settings.forwards]
    print_json(rows) if json else print_table("forwards", rows)


@app.command()
def add(
    address: Address,
    to: Targets,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Forward an address. With its domain's first, the domain gets an MX record, which is told."""
    item = {"address": address, "to": to}
    edit(stack, lab, json, address, "added", lambda file, _: file.add("forwards", item))


@app.command()
def change(
    address: Address,
    to: Targets,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Forward an address to these, and no longer to those before.

    To add one, give the others (`forwards list`) again.
    """
    edit(
        stack,
        lab,
        json,
        address,
        "changed",
        lambda file, _: file.change("forwards", address, {"to": to}),
    )


@app.command()
def remove(
    address: Address, stack: StackOption = None, lab: LabOption = None, json: Json = False
) -> None:
    """Forward an address no longer: its mail is refused.

    Only the stack's file is changed, and `pulumi up` puts it in force. An address with a mailbox
    too keeps that, and one in a domain with a forward of @domain goes there.

    With a domain's last forward and mailbox its MX record goes too, which is told.
    """
    remove_item(stack, lab, json, "forwards", address)


@app.command()
def test(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", callback=lowered, help="An address to write to.")
    ],
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Ask each gateway on port 25 whether it takes mail for an address; no mail is sent.

    Many networks let nobody out on port 25: then there is no answer, whatever the gateway does.
    """
    found = target(stack, lab)
    settings = StackFile(found).settings()
    rows = [_asked(found, settings, gateway, address) for gateway in found.outputs().gateways]
    print_json(rows) if json else print_table(f"mail for {address}", rows)
    if not all(row["accepted"] for row in rows):
        raise typer.Exit(1)


def _asked(found: Target, settings: Settings, gateway: Host, address: str) -> dict[str, Any]:
    """A row with a gateway's reply to RCPT for an address."""
    row: dict[str, Any] = {"gateway": gateway.name, "accepted": False, "said": ""}
    try:
        with found.connect(gateway, 25, settings.acme.root) as session:
            session.mail("")
            code, text = session.rcpt(address)
            row |= {"accepted": code == 250, "said": f"{code} {text.decode(errors='replace')}"}
            if code in REFUSED and aliases.following(address, settings.targets) is not None:
                row["said"] += f"; {_why(found, gateway)}"
    except (OSError, smtplib.SMTPException) as error:
        row["said"] = f"no answer: {found.down(gateway) or error}"
    return row


def _why(found: Target, gateway: Host) -> str:
    """The reason that a gateway refuses an address of the stack's file: it is not in force yet."""
    try:
        late = arrival.late(found, [gateway])
    except RelayError:  # an account that does not answer tells nothing about it
        late = []
    if late:
        return f"{gateway.name} has not got the tables of the last `up` yet"
    return f"{shown_path(found.file)} has it: {found.apply_command} puts it in force"

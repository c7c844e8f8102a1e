"""`relay mailboxes ...`: mail that stays on the gateway."""

from typing import Annotated

import typer

from ops.edit.common import edit, remove_item
from ops.edit.stack_file import StackFile
from ops.known import lowered
from ops.options import MIB, Json, LabOption, StackOption, target
from ops.target import Target
from ops.terminal import print_json, print_table
from settings import Settings, SettingsError

app = typer.Typer(no_args_is_help=True, help="Mail that stays on the gateway, and its quotas.")

Address = Annotated[
    str,
    typer.Argument(
        metavar="ADDRESS",
        callback=lowered,
        help="The mailbox's address, which is a login's: that one reads it by IMAP. `mailboxes "
        "list` shows those that there are.",
    ),
]
Quota = Annotated[
    int | None,
    typer.Option(
        "--quota", metavar="MIB", parser=MIB, help="How much it holds; 1024 unless given."
    ),
]


def _check_readable(found: Target, settings: Settings, address: str) -> None:
    """SettingsError if an address of ours has no login: nobody could read its mail."""
    ours = {domain.name for domain in settings.mail_domains}
    logins = {login.address for login in settings.logins}
    if address.rpartition("@")[2] in ours and address not in logins:
        raise SettingsError(
            [
                f"{address} has no login, so nobody could read its mail; first: "
                f"./relay users add {address} {found.option}"
            ]
        )


@app.command("list")
def list_(stack: StackOption = None, lab: LabOption = None, json: Json = False) -> None:
    """The mailboxes of the stack's file, and the other addresses that come to each alone."""
    settings = StackFile(target(stack, lab)).settings()
    aliases = settings.mailbox_aliases
    rows = [
        {
            "address": mailbox.address,
            "quotaMiB": mailbox.quota_mib,
            "aliases": list(aliases[mailbox.address]),
        }
        for mailbox in settings.mailboxes
    ]
    print_json(rows) if json else print_table("mailboxes", rows)


@app.command()
def add(
    address: Address,
    quota: Quota = None,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Keep the mail of a login's address. The stack's first mailbox rebuilds the gateway."""
    item = {"address": address, "quotaMiB": quota}

    def make(file: StackFile, found: Target) -> None:
        _check_readable(found, file.settings(), address)
        file.add("mailboxes", item)

    edit(stack, lab, json, address, "added", make)


@app.command()
def change(
    address: Address,
    quota: Annotated[
        int, typer.Option("--quota", metavar="MIB", parser=MIB, help="How much it holds.")
    ],
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Change how much a mailbox holds."""
    values = {"quotaMiB": quota}
    edit(stack, lab, json, address, "changed", lambda f, _: f.change("mailboxes", address, values))


@app.command()
def remove(
    address: Address, stack: StackOption = None, lab: LabOption = None, json: Json = False
) -> None:
    """Keep an address's mail no longer: it is refused. What the mailbox holds stays on the host.

    Only the stack's file is changed, and `pulumi up` puts it in force. The login stays: it sends as
    before, and can no longer log in for IMAP. Nothing is deleted: what is in the mailbox stays on
    the gateway's data volume. Mail is not refused if a forward takes it, such as one of @domain.

    With a domain's last forward and mailbox its MX record goes too, and the stack's last mailbox
    rebuilds the gateways: both are told.
    """
    remove_item(stack, lab, json, "mailboxes", address)

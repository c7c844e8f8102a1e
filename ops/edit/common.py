"""What the commands that edit a stack's settings have in common."""

import re
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from ops.edit.stack_file import StackFile
from ops.options import target
from ops.terminal import notes, print_json
from settings import SettingsError

PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read a password from standard input.")
]
SendAs = Annotated[
    list[str] | None,
    typer.Option("--send-as", help="An address or @domain it may send as; can be repeated."),
]


def edit(
    stack: str | None, lab: str | None, json: bool, done: str, change: Callable[[StackFile], None]
) -> None:
    """Change the stack's file as a whole, and tell what puts that in force."""
    found = target(stack, lab)
    file = StackFile(found)
    change(file)
    file.save()
    if json:
        print_json({"did": done, "file": str(found.file), "next": found.apply_command})
        return
    notes.print(f"{done} in {found.file.name}. Next: {found.apply_command}", soft_wrap=True)


def remove_item(stack: str | None, lab: str | None, json: bool, section: str, name: str) -> None:
    """Take an item out of a list; SettingsError with what needs it, if anything does."""

    def change(file: StackFile) -> None:
        file.remove(section, name)
        try:
            file.settings()
        except SettingsError as error:
            # to put it back is no advice to who removes it
            back = re.compile(rf"; add [^;]* to mail-relay:{section}$")
            lines = [back.sub("", line) for line in error.lines]
            first = f"{name} is still needed; change or remove these first:"
            raise SettingsError([first, *lines]) from None

    edit(stack, lab, json, f"{name} is removed", change)


def password_from_stdin() -> str:
    """The password: asked for without echo on a terminal, else the first line of the input."""
    if sys.stdin.isatty():
        return typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return sys.stdin.readline().rstrip("\r\n")

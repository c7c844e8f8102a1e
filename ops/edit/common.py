"""Options and helpers of the commands that edit a stack's settings."""

import sys
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import typer

from common.errors import RelayError
from ops.edit.replacing import alone
from ops.edit.stack_file import StackFile
from ops.edit.uses import unserved
from ops.known import lowered
from ops.options import target
from ops.target import Target
from ops.terminal import aside, notes, print_json, reported, shown_path
from settings import Settings, SettingsError
from settings.advice import advice, new_lines, spf_advice
from settings.passing import needs_addresses
from settings.published import exchanges

PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read a password from standard input, its first line."),
]
SendAs = Annotated[
    list[str] | None,
    typer.Option(
        "--send-as",
        callback=lowered,
        help="An address or @domain it may send as; can be repeated.",
    ),
]
# The message, by verb, if there was nothing to do; for other verbs "is so already".
AS_IT_WAS = {name: f"is {name} already" for name in ("enabled", "disabled", "parked")}


def edit(
    stack: str | None,
    lab: str | None,
    json: bool,
    name: str,
    verb: str,
    change: Callable[[StackFile, Target], None],
) -> None:
    """Change the stack's file as a whole; print the command that applies it, and what comes of it.

    `name` and `verb` make the message: `me@example.org is added`.
    """
    found = target(stack, lab)
    with alone(found.file):
        file = StackFile(found)
        before = file.settings()
        change(file, found)
        changed = file.save()
    where = shown_path(found.file)
    done = f"{name} is {verb}" if changed else f"{name} {AS_IT_WAS.get(verb, 'is so already')}"
    following = found.apply_command if changed else None
    told = list(_consequences(found, before, file.settings())) if changed else []
    if json:
        what = {"did": done, "changed": changed, "file": str(found.file), "next": following}
        with reported(f"{done} in {where}"):
            print_json({**what, "advice": told})
        return
    with aside():
        if changed:
            notes.print(f"{done} in {where}. Next: {following}", soft_wrap=True)
        else:
            notes.print(f"{done}: nothing is changed in {where}", soft_wrap=True)
        for line in told:
            notes.print(f"Note: {line}", soft_wrap=True)


def _consequences(found: Target, before: Settings, after: Settings) -> Iterator[str]:
    yield from _mx_changes(before, after)
    yield from _rebuilds(found, before, after)
    yield from _newly_amiss(found, before, after)


def _mx_changes(before: Settings, after: Settings) -> Iterator[str]:
    """A line for each domain whose mail begins to come here, or that has no MX record any more."""
    was = {domain.name: exchanges(before, domain) for domain in before.mail_domains}
    for domain in after.mail_domains:
        old, new = was.get(domain.name), exchanges(after, domain)
        if old and not new:
            yield (
                f"{domain.name} has no forward and no mailbox, so its MX record goes too: it takes "
                "no mail any more"
            )
        elif not old and new and not domain.mx:
            gateways = " and ".join(gateway.name for gateway in after.taking)
            yield (
                f"{domain.name} gets an MX record: from then on mail for all its addresses comes "
                f"to {gateways}"
            )


def _rebuilds(found: Target, before: Settings, after: Settings) -> Iterator[str]:
    """A line if the gateways begin or cease to be servers of mailboxes."""
    if bool(before.mailboxes) != bool(after.mailboxes):
        gateways = " and ".join(gateway.name for gateway in after.gateways)
        which, what = ("first", "sets up") if after.mailboxes else ("last", "takes away")
        yield (
            f"this is the {which} mailbox: the `up` rebuilds {gateways}, which {what} IMAP; "
            f"./relay review {found.option} tells what is down meanwhile"
        )


def _newly_amiss(found: Target, before: Settings, after: Settings) -> list[str]:
    """The advice that a preview would print and would not have before, whatever an item's index."""
    addresses = _addresses(found) if needs_addresses(after) or needs_addresses(before) else {}
    was, now = ([*advice(s), *spf_advice(s, addresses)] for s in (before, after))
    return new_lines(was, now)


def _addresses(found: Target) -> dict[str, str]:
    """The gateways' addresses by name; none if the stack is not up or does not answer."""
    try:
        return {gateway.name: gateway.address for gateway in found.outputs().gateways}
    except RelayError:
        return {}


def remove_item(
    stack: str | None,
    lab: str | None,
    json: bool,
    section: Literal["logins", "forwards", "mailboxes"],
    name: str,
) -> None:
    """Remove an item from a list; SettingsError with its uses and the commands that end them."""

    def change(file: StackFile, found: Target) -> None:
        before = file.settings()
        file.remove(section, name)
        try:
            file.settings()
        except SettingsError as error:
            left = [item for item in getattr(before, section) if item.address != name]
            lines = unserved(found, before.model_copy(update={section: left}))
            first = f"{name} is still needed; first end that:"
            raise SettingsError([first, *(lines or error.lines)]) from None

    edit(stack, lab, json, name, "removed", change)


def password_from_stdin() -> str:
    """Read a password: without echo from a terminal, else the first line of standard input.

    Password stores print more after it: of other lines it is told that they are none of it.
    """
    if sys.stdin.isatty():
        return typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    first, _, others = sys.stdin.read().partition("\n")
    if others.strip():
        notes.print("of standard input only the first line is taken as the password")
    return first.rstrip("\r")

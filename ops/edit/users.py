"""`relay users ...`: logins from the internet."""

from typing import Annotated, Any

import typer

from mail.passwords import random_password
from ops import arrival, mail_program, not_up, status
from ops.arrival import Wait
from ops.edit import login_test
from ops.edit.common import PasswordStdin, SendAs, edit, password_from_stdin, remove_item
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.known import lowered, meant
from ops.options import Json, LabOption, StackOption, target
from ops.outputs import Outputs
from ops.target import Target
from ops.terminal import print_json, print_table
from settings import PASSWORD, SettingsError
from settings.limits import LoginLimits

app = typer.Typer(no_args_is_help=True, help="Logins from the internet, and what each may send as.")

Login = Annotated[
    str,
    typer.Argument(
        metavar="LOGIN",
        callback=lowered,
        help="The login: a whole address. `users list` shows those that there are.",
    ),
]


@app.command("list")
def list_(stack: StackOption = None, lab: LabOption = None, json: Json = False) -> None:
    """The logins of the stack's file, and who has reached a limit in the last hour.

    The limits that are reached are those that the gateway wrote last: up to two minutes old.
    """
    found = target(stack, lab)
    file, limited = StackFile(found), status.limited(found)
    given = {item["address"]: "password" in item for item in file.items("logins")}
    settings = file.settings()
    rows = [
        {
            "login": login.address,
            "sendAs": list(settings.send_as(login)),
            "enabled": login.enabled,
            "password": "given" if given[login.address] else "generated",
            "limits": limits.model_dump(by_alias=True) if json else _limits(limits),
            "reached": limited.get(login.address, ""),
        }
        for login in settings.logins
        for limits in [settings.limits_of(login)]
    ]
    print_json(rows) if json else print_table("logins", rows)


def _limits(limits: LoginLimits) -> str:
    """A login's limits an hour and a day, as text."""
    pairs = (
        ("messages", limits.messages_per_hour, limits.messages_per_day),
        ("recipients", limits.recipients_per_hour, limits.recipients_per_day),
    )
    return (
        "; ".join(
            f"{kind}: {hour or 'any'} an hour, {day or 'any'} a day"
            for kind, hour, day in pairs
            if hour or day
        )
        or "none"
    )


@app.command()
def add(
    login: Login,
    send_as: SendAs = None,
    password_stdin: PasswordStdin = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Add a login, by default with a generated password and to send as its own address alone."""

    def change(file: StackFile, _: Target) -> None:
        item: dict[str, Any] = {"address": login, "sendAs": send_as or None}
        if password_stdin:
            item["password"] = _encrypted(file, password_from_stdin())
        file.add("logins", item)

    edit(stack, lab, json, login, "added", change)


@app.command()
def change(
    login: Login,
    send_as: SendAs = None,
    password_stdin: PasswordStdin = False,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Generate another password.")
    ] = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Change what a login may send as, or its password.

    --send-as replaces all that it may send as: to add one, give the others (`users list`) again.
    """
    if password_stdin and new_password:
        raise typer.BadParameter("give --password-stdin or --new-password, not both")
    if not (send_as or password_stdin or new_password):
        raise typer.BadParameter(
            "nothing to change: give --send-as, --password-stdin or --new-password"
        )

    def make(file: StackFile, _: Target) -> None:
        values: dict[str, Any] = {"sendAs": send_as} if send_as else {}
        if password_stdin:
            values["password"] = _encrypted(file, password_from_stdin())
        if new_password:
            values["password"] = file.secret(random_password())
        file.change("logins", login, values)

    edit(stack, lab, json, login, "changed", make)


@app.command()
def remove(
    login: Login, stack: StackOption = None, lab: LabOption = None, json: Json = False
) -> None:
    """Remove a login.

    Only the stack's file is changed; within a minute of the `up` that puts it in force open
    sessions end too. A login that has a mailbox, or whose mailbox others need, is not removed: what
    ends each use is told. `users disable` keeps it with its password.
    """
    remove_item(stack, lab, json, "logins", login)


@app.command()
def disable(
    login: Login, stack: StackOption = None, lab: LabOption = None, json: Json = False
) -> None:
    """Let a login neither log in nor send. It keeps its password; mail for it is still accepted.

    Open sessions end within a minute of the `up`; a mailbox of it is kept and read by nobody.
    """
    values = {"enabled": False}
    edit(stack, lab, json, login, "disabled", lambda f, _: f.change("logins", login, values))


@app.command()
def enable(
    login: Login, stack: StackOption = None, lab: LabOption = None, json: Json = False
) -> None:
    """Let a disabled login log in and send again, by the password that it had."""
    values = {"enabled": None}  # the default
    edit(stack, lab, json, login, "enabled", lambda f, _: f.change("logins", login, values))


@app.command()
def show(
    login: Login,
    password: Annotated[
        bool, typer.Option("--password", help="Print the login's password too.")
    ] = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """What to type into a mail program, as the running stack has it."""
    found = target(stack, lab)
    outputs = found.outputs()
    _check_running(found, outputs, login)
    if json:
        print_json(mail_program.described(found, outputs, login, password))
    else:
        print_table(login, mail_program.rows(found, outputs, login, password))


@app.command()
def test(
    login: Login,
    password_stdin: PasswordStdin = False,
    wait: Wait = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Log in for real at each gateway, on 587 and on 465, with TLS verified; no mail is sent.

    The password is the stack's own unless one is given. One that is refused is not tried again,
    because the hosts count wrong passwords (docs/limits.md).
    """
    found = target(stack, lab)
    outputs = found.outputs()
    if password_stdin:
        password = _checked(password_from_stdin())
    else:
        _check_running(found, outputs, login)
        password = outputs.passwords[login]
    if wait:
        arrival.wait(found, outputs.gateways)
    rows = login_test.run(found, outputs, login, password)
    print_json(rows) if json else print_table(f"login {login}", rows, below="why")
    if not all(row["login"] == login_test.ACCEPTED for row in rows):
        raise typer.Exit(1)


def _check_running(found: Target, outputs: Outputs, login: str) -> None:
    if login not in outputs.passwords:
        not_up.check(found, login, not_up.logins)
        add = f"./relay users add {login} {found.option}, then {found.apply_command}"
        known = meant(login, outputs.passwords) if outputs.passwords else f"there is none: {add}"
        raise StackError(f"{login!r} is no login of the running stack; {known}")


def _encrypted(file: StackFile, password: str) -> Any:
    """The password as a secret; checked first, since ciphertext cannot be checked."""
    return file.secret(_checked(password))


def _checked(password: str) -> str:
    """The password if a login can have it; else SettingsError."""
    if not PASSWORD.fullmatch(password):
        raise SettingsError(
            ["the password: give 8 to 128 printable ASCII characters without spaces and colons"]
        )
    return password

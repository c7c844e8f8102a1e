"""`relay keys export` and `relay keys restore`."""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from common.errors import RelayError
from ops.edit.replacing import alone
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.keys import held
from ops.keys.held import Secrets
from ops.keys.sealed import seal, unseal
from ops.options import Json, LabOption, StackOption, existing_file, target
from ops.target import Target
from ops.terminal import confirm, notes, print_json, print_table, reported, shown_path, step
from settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="DKIM keys and passwords in a sealed file, against the loss of the stack's state.",
)
VARIABLE = "MAIL_RELAY_KEYS_PASSPHRASE"
# Of a passphrase that stands against guesses at leisure; four random words have more.
SHORTEST = 16
PassphraseStdin = Annotated[
    bool,
    typer.Option(
        "--passphrase-stdin",
        help=f"Read the passphrase from standard input, its first line; else ${VARIABLE}, or a "
        "question.",
    ),
]
# What becomes of a secret of the file.
Fate = Literal["set", "same", "other", "unused"]
MEANINGS: dict[Fate, str] = {
    "set": "put into the stack's file, encrypted",
    "same": "the stack has it already",
    "other": "the stack has another one",
    "unused": "the settings do not name it",
}


@dataclass(frozen=True)
class Item:
    """A secret of a sealed file, by its name, and what becomes of it."""

    name: tuple[str, ...]
    fate: Fate

    @property
    def shown(self) -> str:
        """The name for people."""
        match self.name:
            case ("key", domain, selector):
                return f"DKIM key {selector} of {domain}"
            case ("password", login):
                return f"password of {login}"
            case _:
                return "key of forwarded mail's senders (SRS)"


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="The file to make, for its owner alone.")],
    from_tables: Annotated[
        bool,
        typer.Option(
            "--from-tables",
            help="Read them from the gateways' tables in S3, which outlive a lost state.",
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file.")] = False,
    passphrase_stdin: PassphraseStdin = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Write DKIM keys, logins' passwords and the SRS key to a file, sealed by a passphrase.

    With it a stack whose state is lost has the same keys and passwords again. Exit code 1: one
    that the settings need was not found; the others are in the file.
    """
    chosen = target(stack, lab)
    if file.exists() and not force:
        raise RelayError(f"{file} exists: give another name, or --force to overwrite it")
    if not file.absolute().parent.is_dir():
        raise RelayError(f"{file}: {file.parent} is no folder")
    passphrase = _passphrase(passphrase_stdin, new=True)
    settings, from_file, _ = held.in_file(chosen)
    with step(f"the secrets of {chosen.stack}"):
        read = held.in_tables if from_tables else held.in_state
        found = held.together(read(chosen, settings), from_file)
    names = [name for name, _ in found]
    if not names:
        raise StackError(
            f"the stack {chosen.stack} has no keys yet: {chosen.apply_command} makes them; if its "
            "state is lost: --from-tables"
        )
    content = {
        "stack": chosen.stack,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **found.as_json(),
    }
    _write(file, seal(content, passphrase), force)
    missing = [Item(name, "set") for name in held.wanted(settings) if name not in names]
    done = f"{len(names)} secrets are in {shown_path(file)}"
    with reported(done):
        if json:
            result = {"file": str(file), "secrets": [list(name) for name in names]}
            print_json({**result, "missing": [list(item.name) for item in missing]})
        else:
            notes.print(f"{done}. Keep it, and its passphrase, elsewhere than the state.")
    for item in missing:
        notes.print(f"not found: {item.shown}", soft_wrap=True)
    if missing:
        raise typer.Exit(1)


def _write(file: Path, text: str, force: bool) -> None:
    """Write a file for its owner alone, whole or not at all; RelayError if it exists unasked."""
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".keys-", delete=False) as beside:
            try:
                beside.write(text.encode())
                beside.flush()
                os.fsync(beside.fileno())
                if not force:
                    file.touch(exist_ok=False)  # some file systems, of sticks, have no links
                Path(beside.name).replace(file)
            finally:
                Path(beside.name).unlink(missing_ok=True)
    except FileExistsError:
        raise RelayError(f"{file} exists: give another name, or --force to overwrite it") from None
    except OSError as error:
        raise RelayError(f"{file}: {error.strerror}") from None


@app.command("restore")
def restore(
    file: Annotated[
        Path, typer.Argument(callback=existing_file, help="A file of `./relay keys export`.")
    ],
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Take those that the stack has others for, too."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be set; change nothing.")
    ] = False,
    passphrase_stdin: PassphraseStdin = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Put the keys and passwords of a sealed file into the stack's file, encrypted.

    For a stack without a state: its next `up` makes it with these, so that no DNS record of a key
    and no mail program changes. Shows what it would set, and asks.

    Exit code 1: the stack has other keys or passwords, and nothing is changed.
    """
    chosen = target(stack, lab)
    content, saved = _opened(file, _passphrase(passphrase_stdin, new=False))
    settings, in_file, readable = held.in_file(chosen)
    if not readable:
        notes.print("the encrypted values of the stack's file cannot be read here", soft_wrap=True)
    items = _judged(saved, held.together(held.in_state(chosen, settings), in_file), settings)
    if not json:
        rows = [{"what": item.shown, "then": MEANINGS[item.fate]} for item in items]
        print_table(f"{file}, of {content.get('stack')}, {content.get('made')}", rows)
    _refuse_others(items, overwrite)
    changes = {item.name for item in items if item.fate in ("set", "other")}
    if changes and not (yes or dry_run):
        if passphrase_stdin:
            raise RelayError("with --passphrase-stdin nobody can be asked: add --yes, or --dry-run")
        confirm(f"Put {len(changes)} secrets into {shown_path(chosen.file)}?")
    if dry_run or not changes:
        _tell(chosen, items, [], json)
        return
    with step(f"{len(changes)} secrets are encrypted for {chosen.stack}"):
        _put(chosen, {name: value for name, value in saved if name in changes})
    with reported(f"{len(changes)} secrets are set"):
        _tell(chosen, items, sorted(changes), json)


def _opened(file: Path, passphrase: str) -> tuple[dict[str, Any], Secrets]:
    """The content of a sealed file; RelayError names the file and says what is wrong."""
    try:
        content = unseal(file.read_bytes(), passphrase)
        return content, Secrets.of(content)
    except (KeyError, TypeError, ValueError):
        raise RelayError(f"{file}: it is damaged") from None
    except RelayError as error:
        raise RelayError(f"{file}: {error}") from None


def _refuse_others(items: list[Item], overwrite: bool) -> None:
    """StackError if the stack has other keys or passwords than the file, unless they may go."""
    others = [item for item in items if item.fate == "other"]
    if others and not overwrite:
        more = f", and {len(others) - 1} more" if others[1:] else ""
        raise StackError(
            f"nothing is changed: the stack has another {others[0].shown}{more}; --overwrite takes "
            "the file's, and DNS and mail programs then need the change too"
        )


def _tell(chosen: Target, items: list[Item], done: list[tuple[str, ...]], json: bool) -> None:
    following = chosen.apply_command if done else None
    if json:
        fates = [{"name": list(item.name), "fate": item.fate} for item in items]
        set_ = [list(name) for name in done]
        print_json({"secrets": fates, "set": set_, "file": str(chosen.file), "next": following})
    elif done:
        notes.print(f"{len(done)} secrets are set. Next: {following}", soft_wrap=True)
    else:
        notes.print("nothing is changed")


def _judged(saved: Secrets, there: Secrets, settings: Settings) -> list[Item]:
    """What becomes of each secret of a file."""
    known, wanted = dict(there), set(held.wanted(settings))
    items = []
    for name, value in saved:
        fate: Fate = "set"
        if name not in wanted:
            fate = "unused"
        elif name in known:
            fate = "same" if known[name].strip() == value.strip() else "other"
        items.append(Item(name, fate))
    return items


def _put(chosen: Target, values: Mapping[tuple[str, ...], str]) -> None:
    """Set secrets in the stack's file: all of them, or none."""
    with alone(chosen.file):
        file = StackFile(chosen)
        listed = {item["name"] for item in file.items("domains")}
        keys: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            match name:
                case ("key", domain, selector):
                    keys.setdefault(domain, {})[selector] = file.secret(value)
                case ("password", login):
                    file.change("logins", login, {"password": file.secret(value)})
                case _:
                    file.set("inbound", {"srsSecret": file.secret(value)})
        for domain, held_ in keys.items():
            # the gateways' own domain may be a domain that the settings do not list
            if domain in listed:
                file.change("domains", domain, {"keys": held_})
            else:
                file.add("domains", {"name": domain, "keys": held_})
        file.save()


def _passphrase(from_stdin: bool, *, new: bool) -> str:
    """The passphrase; for a new file it must be long enough."""
    try:
        found = _given(from_stdin, new)
        found.encode()  # of the environment's variables Python keeps other octets
    except UnicodeError:
        raise RelayError("the passphrase is not in UTF-8, which a sealed file takes") from None
    if new and len(found) < SHORTEST:
        raise RelayError(
            f"the passphrase has {len(found)} characters; give {SHORTEST} or more, such as four "
            "words by dice"
        )
    return found


def _given(from_stdin: bool, new: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    if sys.stdin.isatty():
        return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True))
    raise RelayError(f"give the passphrase by --passphrase-stdin, or in ${VARIABLE}")

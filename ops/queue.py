"""`relay queue ...`: mail that waits on the hosts."""

import datetime
import json as json_
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from mail.postfix_log import true_sender
from mail.queue import LIFETIME, is_last_day
from ops import not_up
from ops.errors import StackError
from ops.on_host import ask_each
from ops.options import Json, LabOption, StackOption, target
from ops.outputs import Host, Outputs
from ops.ssh import CLOSED
from ops.status import summaries
from ops.target import Target
from ops.terminal import confirm, notes, print_json, print_table, several

NULL_SENDER = "<>"
# the null sender in postqueue(1) (empty_address_recipient)
SHOWN_NULL = "MAILER-DAEMON"
ON_HOLD = "hold"  # the name of the hold queue in postqueue(1)
FIRST = 10  # how many of the chosen messages are shown

app = typer.Typer(no_args_is_help=True, help="Mail that waits on the hosts.")

HostName = Annotated[
    str | None, typer.Option("--host", help="Only this host: gateway, or a host's name.")
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Queue ids, as listed.")]
All = Annotated[bool, typer.Option("--all", help="All messages that wait.")]


def _pattern(value: str | None) -> str | None:
    """An address, @DOMAIN or the null sender, in lower case; else BadParameter.

    An address is one as Postfix lists it: a local part in quotes may hold anything (RFC 5321,
    4.1.2), and after the last "@" comes a domain or an address literal.
    """
    if value in (None, NULL_SENDER):
        return value
    if value == SHOWN_NULL:
        return NULL_SENDER
    if re.fullmatch(r'("(?:[^"\\]|\\.)*"|[^\s"]*)@[^\s@]+', value):
        return value.lower()
    raise typer.BadParameter(
        f"{value!r}: give an address as `queue list` shows it, @DOMAIN for all of a domain's, or "
        f"{NULL_SENDER} for bounces"
    )


Sender = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="ADDRESS",
        callback=_pattern,
        help="Messages of this sender, or of @DOMAIN; <> are bounces. With --to, both must fit.",
    ),
]
Recipient = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="ADDRESS",
        callback=_pattern,
        help="Messages that wait for this recipient, or for one of @DOMAIN.",
    ),
]


@dataclass(frozen=True)
class Choice:
    """A choice of messages: by id, all, or by sender and recipient, which must both match."""

    ids: tuple[str, ...]
    everything: bool
    sender: str | None
    recipient: str | None

    def __post_init__(self) -> None:
        ways = (bool(self.ids), self.everything, bool(self.sender or self.recipient))
        if sum(ways) != 1:
            only = ": only one of these" if sum(ways) else ""
            raise typer.BadParameter(f"name queue ids, or give --all, or --from or --to{only}")

    def means(self, row: Mapping[str, Any]) -> bool:
        """Whether a message is chosen; the sender of a forwarded one is also its original one."""
        if self.ids:
            return row["id"] in self.ids
        senders = {row["from"], true_sender(row["from"])}
        return (self.sender is None or any(_fits(self.sender, who) for who in senders)) and (
            self.recipient is None or any(_fits(self.recipient, who) for who in row["to"])
        )

    def others(self, row: Mapping[str, Any]) -> list[str]:
        """The recipients of a message that the choice by recipient does not match."""
        pattern = self.recipient
        return [who for who in row["to"] if pattern is not None and not _fits(pattern, who)]


def _fits(pattern: str, address: str) -> bool:
    found = address.lower()
    return found.endswith(pattern) if pattern.startswith("@") else found == pattern


def _host(found: Target, outputs: Outputs, name: str) -> Host:
    """A host by its name, or by `gateway`; StackError if there is none."""
    try:
        return outputs.host(name)
    except StackError:
        not_up.check(found, name, not_up.hosts)
        raise


def _waiting(found: Target, hosts: Sequence[Host]) -> tuple[list[dict[str, Any]], list[str]]:
    """A row for each message of the queues, oldest first; and errors of hosts without answer."""
    given, silent = ask_each(hosts, lambda host: _on(found, host))
    rows = [row for on_one in given.values() for row in on_one]
    return sorted(rows, key=lambda row: row["arrived"]), silent


def _on(found: Target, host: Host) -> list[dict[str, Any]]:
    """The messages of one host (postqueue(1), -j)."""
    rows = []
    for line in found.run_on(host, "postqueue", "-j").splitlines():
        entry = json_.loads(line)
        arrived = datetime.datetime.fromtimestamp(entry["arrival_time"], datetime.UTC)
        sender, recipients = entry["sender"], entry["recipients"]
        reasons = {r["delay_reason"] for r in recipients if r.get("delay_reason")}
        rows.append(
            {
                "host": host.name,
                "id": entry["queue_id"],
                "queue": entry["queue_name"],
                "arrived": arrived.isoformat(),
                "bytes": entry["message_size"],
                "from": NULL_SENDER if sender in ("", SHOWN_NULL) else sender,
                "to": [recipient["address"] for recipient in recipients],
                "why": "; ".join(sorted(reasons)),
            }
        )
    return rows


def _tell(silent: Sequence[str]) -> None:
    for text in silent:
        notes.print(f"not asked: {text}", soft_wrap=True)


def _none(silent: Sequence[str]) -> str:
    return "nothing waits on the others" if silent else "nothing waits"


def _chosen(rows: Sequence[dict[str, Any]], choice: Choice, verb: "Verb") -> list[dict[str, Any]]:
    """The chosen messages that the verb applies to; a note reports the others.

    Postfix acts on whole messages. If the verb has `alone`, a message that also waits for other
    recipients than the chosen ones is left as it is.
    """
    meant = [row for row in rows if choice.means(row)]
    shared = [row for row in meant if verb.alone and choice.others(row)]
    if shared:
        count = several(len(shared), "message also waits", "messages also wait")
        notes.print(f"{count} for others, and is left; to take it whole, name its id:")
        _list(shared)
    done = [row for row in meant if not verb.is_for(row)]
    if done:
        state = "not on hold" if verb.held else "on hold"
        notes.print(f"{several(len(done), 'message is', 'messages are')} {state}, and left")
    return [row for row in meant if row not in shared and row not in done]


def _list(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the first messages, a line each, and the number of the others."""
    for row in rows[:FIRST]:
        line = f"  {row['id']}  {row['from']} -> {', '.join(row['to'])}  {row['why']}"
        notes.print(line, overflow="ellipsis", no_wrap=True)
    if len(rows) > FIRST:
        notes.print(f"  and {len(rows) - FIRST} more")


@dataclass(frozen=True)
class Verb:
    """An action on messages: a command that reads their ids from standard input, one a line.

    `held` limits it to messages on hold (True) or not on hold (False); `alone` as in `_chosen`.
    """

    command: tuple[str, ...]
    done: str
    held: bool | None = None
    alone: bool = False

    def is_for(self, row: Mapping[str, Any]) -> bool:
        """Whether the action would change a message."""
        return self.held is None or self.held == (row["queue"] == ON_HOLD)


def _no_such_id(silent: Sequence[str], hosts: Sequence[Host]) -> str:
    if len(silent) == len(hosts):
        return "no host could be asked"
    return f"nothing with this id waits{' on the hosts that could be asked' if silent else ''}"


def _none_done(
    rows: Sequence[Mapping[str, Any]], choice: Choice, verb: Verb, silent: Sequence[str]
) -> str:
    """The note that a verb was applied to no message; those that it leaves were told of."""
    if any(map(choice.means, rows)):
        return "nothing is changed"
    return f"no message is {verb.done}: {'none that waits fits' if rows else _none(silent)}"


def _apply(
    found: Target,
    choice: Choice,
    verb: Verb,
    json: bool,
    shown: Callable[[Sequence[Mapping[str, Any]]], None] | None = None,
) -> None:
    """Apply the verb to the chosen messages, on each host.

    A message that leaves the queue meanwhile is no error, as in Postfix. `shown` is called first
    with the messages, if there are any. Exit status 1: there are none although ids or addresses
    were given, which may be mistyped, or a host did not answer. StackError for an unknown id.
    """
    outputs = found.outputs()
    rows, silent = _waiting(found, outputs.hosts)
    _tell(silent)
    if unknown := set(choice.ids) - {row["id"] for row in rows}:
        raise StackError(f"{', '.join(sorted(unknown))}: {_no_such_id(silent, outputs.hosts)}")
    meant = _chosen(rows, choice, verb)
    if meant and shown:
        shown(meant)
    for name in dict.fromkeys(row["host"] for row in meant):
        ids = "".join(f"{row['id']}\n" for row in meant if row["host"] == name)
        found.run_on(outputs.host(name), *verb.command, text=ids)
    if json:
        print_json(meant)
    elif len(silent) == len(outputs.hosts):
        notes.print(f"no message is {verb.done}: no host could be asked")
    elif not meant:
        notes.print(_none_done(rows, choice, verb, silent))
    else:
        notes.print(f"{several(len(meant), 'message is', 'messages are')} {verb.done}")
    if silent or not (meant or choice.everything):
        raise typer.Exit(1)


@app.command("list")
def list_(
    host: HostName = None,
    summary: Annotated[
        bool,
        typer.Option(
            "--summary", help="Counts and reasons, as hosts write them every minute: no SSH."
        ),
    ] = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """What waits, since when, and why; where SSH is closed, as with --summary.

    Exit code 1: a host could not be asked, or writes nothing.
    """
    found = target(stack, lab)
    outputs = found.outputs()
    hosts = [_host(found, outputs, host)] if host else outputs.hosts
    if summary or not found.has_shell(outputs):
        if not summary:
            notes.print(f"{CLOSED}. This is what the hosts write", soft_wrap=True)
        names = [each.name for each in hosts]
        rows = [row for row in summaries(found) if row["host"] in names]
        print_json(rows) if json else print_table("waiting", rows, below="silent")
        if any(row["silent"] or not row["as of"] for row in rows):
            raise typer.Exit(1)
        return
    rows, silent = _waiting(found, hosts)
    _tell(silent)
    if json:
        print_json(rows)
    elif rows:
        print_table("waiting", rows)
    elif len(silent) == len(hosts):
        notes.print("no host could be asked")
    else:
        notes.print(_none(silent))
    if silent:
        raise typer.Exit(1)


@app.command()
def flush(
    ids: Ids = None,
    everything: All = False,
    sender: Sender = None,
    recipient: Recipient = None,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Try to deliver now what waits and is not on hold (postqueue(1), -i).

    Exit code 1: the ids or addresses fit no message that this changes, or a host could not be
    asked. --all is done where nothing waits.
    """
    choice = Choice(tuple(ids or ()), everything, sender, recipient)
    verb = Verb(("xargs", "-r", "-n1", "postqueue", "-i"), "tried now", held=False)
    _apply(target(stack, lab), choice, verb, json)


@app.command()
def hold(
    ids: Ids = None,
    everything: All = False,
    sender: Sender = None,
    recipient: Recipient = None,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Keep messages back until they are released (postsuper(1), -h).

    By --to, those that wait for nobody else.

    Exit code 1: the ids or addresses fit no message that this changes, or a host could not be
    asked. --all is done where nothing waits.
    """
    choice = Choice(tuple(ids or ()), everything, sender, recipient)
    verb = Verb(("postsuper", "-h", "-"), "held", held=False, alone=True)
    _apply(target(stack, lab), choice, verb, json)


@app.command()
def release(
    ids: Ids = None,
    everything: All = False,
    sender: Sender = None,
    recipient: Recipient = None,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Let held messages go (postsuper(1), -H).

    Exit code 1: the ids or addresses fit no message that this changes, or a host could not be
    asked. --all is done where nothing waits.
    """
    choice = Choice(tuple(ids or ()), everything, sender, recipient)
    verb = Verb(("postsuper", "-H", "-"), "released", held=True)
    _apply(target(stack, lab), choice, verb, json, _old)


def _old(rows: Sequence[Mapping[str, Any]]) -> None:
    """Tell of messages that have but one attempt."""
    if old := [r for r in rows if is_last_day(r["arrived"], is_bounce=r["from"] == NULL_SENDER)]:
        count = several(len(old), "message has", "messages have")
        said = f"waited for about {LIFETIME.days} days, or for one as a bounce"
        notes.print(f"{count} {said}: what is put off now is returned at once", soft_wrap=True)
        _list(old)


@app.command()
def delete(
    ids: Ids = None,
    everything: All = False,
    sender: Sender = None,
    recipient: Recipient = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Delete messages for good; their senders are not told (postsuper(1), -d).

    By --to, those that wait for nobody else.

    Exit code 1: the ids or addresses fit no message that this changes, or a host could not be
    asked. --all is done where nothing waits.
    """
    choice = Choice(tuple(ids or ()), everything, sender, recipient)
    verb = Verb(("postsuper", "-d", "-"), "deleted", alone=True)
    _apply(target(stack, lab), choice, verb, json, None if yes else _confirm_deletion)


def _confirm_deletion(meant: Sequence[Mapping[str, Any]]) -> None:
    count = several(len(meant), "message", "messages")
    notes.print(f"{count}, {sum(row['bytes'] for row in meant):,} bytes:")
    _list(meant)
    confirm(f"Delete {count}? Nobody is told.")

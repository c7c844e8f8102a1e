"""`relay queue ...`: mail that waits on the hosts."""

import datetime
import json as json_
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ops.errors import StackError
from ops.options import Json, LabOption, StackOption, target
from ops.outputs import Host
from ops.status import summaries
from ops.target import Target
from ops.terminal import notes, print_json, print_table, several

app = typer.Typer(no_args_is_help=True, help="Mail that waits on the hosts.")

HostName = Annotated[
    str | None, typer.Option("--host", help="gateway, or a host's name; all of them.")
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID...", help="Queue ids, as listed.")]
All = Annotated[bool, typer.Option("--all", help="All messages that wait.")]


def _waiting(found: Target, hosts: Sequence[Host]) -> list[dict[str, Any]]:
    """A row for each message of the queues, oldest first (postqueue(1), -j)."""
    rows = []
    for each in hosts:
        for line in found.run_on(each, "postqueue", "-j").splitlines():
            entry = json_.loads(line)
            arrived = datetime.datetime.fromtimestamp(entry["arrival_time"], datetime.UTC)
            recipients = entry["recipients"]
            reasons = {r["delay_reason"] for r in recipients if r.get("delay_reason")}
            rows.append(
                {
                    "host": each.name,
                    "id": entry["queue_id"],
                    "queue": entry["queue_name"],
                    "arrived": arrived.isoformat(),
                    "bytes": entry["message_size"],
                    "from": entry["sender"] or "<>",
                    "to": [recipient["address"] for recipient in recipients],
                    "why": "; ".join(sorted(reasons)),
                }
            )
    return sorted(rows, key=lambda row: row["arrived"])


def _act(
    stack: str | None, lab: str | None, ids: list[str] | None, everything: bool, command: list[str]
) -> list[dict[str, Any]]:
    """Run `command ID` on each message's own host; the rows of those that were meant."""
    if bool(ids) == everything:
        raise typer.BadParameter("name queue ids, or give --all")
    found = target(stack, lab)
    outputs = found.outputs()
    rows = _waiting(found, outputs.hosts)
    if unknown := set(ids or []) - {row["id"] for row in rows}:
        raise StackError(f"{', '.join(sorted(unknown))}: nothing with this id waits")
    meant = [row for row in rows if everything or row["id"] in (ids or [])]
    for row in meant:
        found.run_on(outputs.host(row["host"]), *command, row["id"])
    return meant


def _tell(meant: list[dict[str, Any]], done: str, json: bool) -> None:
    if json:
        print_json(meant)
    else:
        notes.print(f"{several(len(meant), 'message is', 'messages are')} {done}")


@app.command("list")
def list_(
    host: HostName = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="By what hosts write of themselves: needs no SSH.")
    ] = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """What waits, since when, and why; where SSH is closed, in sum by what hosts write."""
    found = target(stack, lab)
    outputs = found.outputs()
    if summary or not found.has_shell(outputs):
        if not summary:
            notes.print("SSH is closed (mail-relay:ssh.allowFrom): this is what the hosts write")
        rows = [row for row in summaries(found) if host in (None, row["host"])]
    else:
        rows = _waiting(found, [outputs.host(host)] if host else outputs.hosts)
    if json:
        print_json(rows)
    elif rows:
        print_table("waiting", rows)
    else:
        notes.print("nothing waits")


@app.command()
def flush(
    ids: Ids = None,
    everything: All = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Try to deliver now what waits (postqueue(1), -i)."""
    meant = _act(stack, lab, ids, everything, ["postqueue", "-i"])
    _tell(meant, "tried now", json)


@app.command()
def hold(
    ids: Ids = None,
    everything: All = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Keep messages back until they are released (postsuper(1), -h)."""
    meant = _act(stack, lab, ids, everything, ["postsuper", "-h"])
    _tell(meant, "held", json)


@app.command()
def release(
    ids: Ids = None,
    everything: All = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Let held messages go (postsuper(1), -H)."""
    meant = _act(stack, lab, ids, everything, ["postsuper", "-H"])
    _tell(meant, "released", json)


@app.command()
def delete(
    ids: Ids = None,
    everything: All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Delete messages for good; their senders are not told (postsuper(1), -d)."""
    what = "all that waits" if everything else ", ".join(ids or [])
    if not yes:
        typer.confirm(f"Delete {what}? Nobody is told.", abort=True, err=True)
    meant = _act(stack, lab, ids, everything, ["postsuper", "-d"])
    _tell(meant, "deleted", json)

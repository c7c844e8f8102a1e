"""`relay trace`: where a message is, and who sent what to whom, from the hosts' logs."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from ops import hosts, postfix_log
from ops.output import notes, print_json, print_table, results
from ops.postfix_log import Traced
from ops.settings_commands import Json
from ops.status import summaries
from ops.target import LabOption, StackOption, Target, target

NOTHING = 1  # grep(1): no line matches
MESSAGES = 50


def trace(
    what: Annotated[
        str, typer.Argument(help="A recipient, a sender, a login, a Message-ID or a queue id.")
    ],
    limit: Annotated[int, typer.Option(help="The latest messages that are shown.")] = MESSAGES,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Where a message is: who handed it in, who signed it, and what every receiver said.

    The hosts keep logs for up to 30 days; one that is rebuilt begins anew. Where SSH is closed, it
    says what waits (exit code 1).
    """
    found = target(stack, lab)
    if hosts.closed(found):
        notes.print(
            f"SSH is closed, so nobody can look for {what!r} in the hosts' logs: open it to your "
            "network (mail-relay:ssh.allowFrom). What waits there, by what the hosts write:",
            markup=False,
            soft_wrap=True,
        )
        rows = summaries(found)
        print_json(rows) if json else print_table("waiting", rows)
        raise typer.Exit(1)
    messages = _search(found, what)[-limit:]
    if json:
        print_json([asdict(message) for message in messages])
    else:
        for message in messages:
            _print(message)
    if not messages:
        notes.print(
            f"no host's log has {what!r}; a log reaches back for 30 days, or to its host's rebuild",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(1)


def _search(found: Target, what: str) -> list[Traced]:
    """The messages that have the word in a line of theirs, and the same ones on other hosts."""
    outputs = found.outputs()
    every = hosts.all_of(outputs)
    messages = [m for host in every for m in _on(found, host, [what])]
    if known := sorted({m.message_id for m in messages if m.message_id}):
        again = [m for host in every for m in _on(found, host, [f"<{k}>" for k in known])]
        seen = {(m.host, m.id) for m in messages}
        messages += [m for m in again if (m.host, m.id) not in seen]
    return sorted(messages, key=lambda message: message.time)


def _on(found: Target, host: dict[str, Any], words: list[str]) -> list[Traced]:
    lines = _grep(found, host, words)
    whole = _grep(found, host, [f"{i}:" for i in sorted(postfix_log.ids(lines))])
    refused = [line for line in lines if ": NOQUEUE: " in line]
    return postfix_log.read(host["name"], [*whole, *refused])


def _grep(found: Target, host: dict[str, Any], words: list[str]) -> list[str]:
    """The lines of the mail logs, rotated ones too, that hold one of the words, oldest first."""
    if not words:
        return []
    script = 'zgrep -hiF -- "$1" $(ls -rt /var/log/mail.log*)'
    command = ("sh", "-c", script, "sh", "\n".join(words))
    return sorted(hosts.run(found, host, *command, fine=(0, NOTHING)).splitlines())


def _print(message: Traced) -> None:
    results.print(f"{message.time}  {message.host}  {message.id}", style="bold", markup=False)
    by = message.login or message.client or "the host itself"
    rows = [("from", f"{message.sender or '<>'}, handed in by {by}")]
    if message.message_id:
        rows.append(("message-id", message.message_id))
    rows += [("signed", signature) for signature in message.signatures]
    rows += [("noted", note) for note in message.notes]
    for attempt in message.attempts:
        by = f" by {attempt.relay}" if attempt.relay not in ("", "none") else ""
        rows.append(("to", f"{attempt.to}: {attempt.status}{by} at {attempt.time}"))
        rows.append(("", attempt.said))
    if not message.attempts:
        rows.append(("to", "nothing was tried yet"))
    for name, text in rows:
        results.print(f"  {name:<11}{text}", markup=False, soft_wrap=True)

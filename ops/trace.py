"""`relay trace`: finds messages in the hosts' logs, with senders, recipients and replies."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated, Any

import typer

from mail import postfix_log
from mail.postfix_log import Traced
from ops.errors import AwsError, StackError
from ops.on_host import ask_each
from ops.options import Json, LabOption, StackOption, target
from ops.outputs import Host, Outputs
from ops.plain_words import login_failed, plain
from ops.shipped import Shipped
from ops.ssh import CLOSED
from ops.status import summaries
from ops.target import Target
from ops.terminal import notes, print_json, print_table, results, slow

NOTHING = 1  # grep(1): no line matches
MESSAGES = 50
LOGS = "/var/log/mail/mail.log*"  # the rotated ones too


def command(
    what: Annotated[
        str, typer.Argument(help="A recipient, a sender, a login, a Message-ID or a queue id.")
    ],
    limit: Annotated[
        int, typer.Option(min=1, help="The latest messages that are shown.")
    ] = MESSAGES,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Where a message is: who handed it in, who signed it, and what every receiver said.

    The hosts keep logs for mail-relay:logs.days (14); a gateway's outlives a rebuild. With
    mail-relay:logs.ship it looks in CloudWatch too. Where SSH is closed, it says what waits.

    Exit code 1: nothing was found, or a host could be asked neither by SSH nor there.
    """
    found = target(stack, lab)
    outputs = found.outputs()
    if not (found.has_shell(outputs) or outputs.logs):
        notes.print(
            f"nobody can look for {what!r} in the hosts' logs. {CLOSED}. What waits there, by what "
            "the hosts write:",
            soft_wrap=True,
        )
        rows = summaries(found)
        print_json(rows) if json else print_table("waiting", rows, below="silent")
        raise typer.Exit(1)
    with _opened(found, outputs) as logs:
        every, asked, silent = look(logs, what)
        nothing = [] if every else list(ask_each(asked, lambda log: log.begins())[0].values())
    messages = every[-limit:]
    logins, disabled = _logins(outputs), outputs.disabled
    if json:
        print_json([_json(message, logins, disabled) for message in messages])
    else:
        for message in messages:
            _print(message, logins, disabled)
    for text in (*silent, *dict.fromkeys(why for log in asked for why in log.missed)):
        notes.print(f"not asked: {text}", soft_wrap=True)
    if not messages:
        notes.print(_nowhere(what, len(silent), len(logs)), soft_wrap=True)
        for text in nothing:
            notes.print(text, soft_wrap=True)
    if silent or not messages:
        raise typer.Exit(1)


@dataclass
class Log:
    """A host's mail log, in one or several places that are asked for lines with one of some words.

    `begins` says since when it knows what became of mail. A place that does not answer is not asked
    again; `missed` says why.
    """

    name: str
    places: list[Callable[[list[str]], Iterable[str]]]
    begins: Callable[[], str]
    missed: list[str] = field(default_factory=list[str])

    def grep(self, words: list[str]) -> list[str]:
        """The lines, oldest first; StackError if no place answers."""
        lines = set[str]()
        for place in [*self.places]:
            try:
                lines.update(place(words))
            except (StackError, AwsError) as error:
                self.places.remove(place)
                self.missed.append(str(error))
        if not self.places:
            raise StackError("; ".join(self.missed))
        return sorted(lines)


def on_host(found: Target, host: Host) -> Log:
    """The log that a host has."""
    return Log(host.name, [partial(grep, found, host)], partial(_reach, found, host))


@contextmanager
def _opened(found: Target, outputs: Outputs) -> Iterator[list[Log]]:
    """The logs of all hosts, with those that are in CloudWatch."""
    asks = found.has_shell(outputs)
    logs = {host.name: on_host(found, host) for host in outputs.hosts}
    if outputs.logs is None:
        yield [*logs.values()]
        return
    for log in logs.values() if not asks else ():
        log.places, log.missed = [], [f"{log.name}: {CLOSED}"]
    with found.account() as client:
        shipped, since = Shipped(client("logs"), outputs.logs.group), dict[str, str]()
        try:
            with slow("waiting for CloudWatch"):
                since = shipped.begins()
        except AwsError as error:
            notes.print(f"not asked: CloudWatch: {error}", soft_wrap=True)
        for name, when in since.items():
            log = logs.setdefault(name, Log(name, [], str))
            log.places.append(partial(shipped.lines, name))
            log.begins = partial("CloudWatch has the log of {} since {}".format, name, when)
        yield [*logs.values()]


def _nowhere(what: str, silent: int, hosts: int) -> str:
    """The note that no log has `what`; `silent` is the number of hosts that did not answer."""
    if silent == hosts:
        return f"no host could be asked for {what!r}"
    found = f"no host's log has {what!r}"
    if silent:
        found = f"of the hosts that could be asked, none has {what!r} in its log"
    return found


def _reach(found: Target, host: Host) -> str:
    """Since when the host's log knows what became of mail."""
    # of all that zcat unpacks head reads the first line alone
    script = f"ls -tr {LOGS} | xargs -r zcat -qf 2>/dev/null | head -n 1"
    if line := found.run_on(host, "sh", "-c", script, fine=(0,)):
        return f"{host.name}'s log begins at {line.split()[0]}"
    return f"{host.name}'s log is empty"


def _json(message: Traced, logins: Collection[str], disabled: Collection[str]) -> dict[str, Any]:
    """A message as JSON, with the meaning of each reply that is not plain."""
    content = asdict(message)
    for attempt in content["attempts"]:
        failed = attempt["status"] == "login failed"
        attempt["means"] = (
            login_failed(message.login, logins, disabled) if failed else plain(attempt["said"])
        )
    return content


def _logins(outputs: Outputs) -> list[str]:
    """All user names that can log in: the stack's logins, and those of its client hosts."""
    return [*outputs.logins, *(f"relay@{client.name}" for client in outputs.clients)]


def search(found: Target, hosts: Sequence[Host], what: str) -> list[Traced]:
    """The messages about an address, a login or an id; StackError if a host does not answer."""
    messages, _, silent = look([on_host(found, host) for host in hosts], what)
    if silent:
        raise StackError("; ".join(silent))
    return messages


def look(logs: Sequence[Log], what: str) -> tuple[list[Traced], list[Log], list[str]]:
    """The messages, oldest first, of all logs; the logs that answer, the others' errors."""
    words = [what, *postfix_log.sender_words(what)]
    given, silent = ask_each(logs, lambda log: _in(log, words))
    asked = [log for log in logs if log.name in given]
    messages = [m for on_one in given.values() for m in on_one]
    if known := {m.message_id for m in messages if m.message_id}:
        words = [f"message-id={mark}{identity}" for identity in known for mark in ("<", "")]
        again = [m for log in asked for m in _in(log, words)]
        seen = {(m.host, m.id) for m in messages}
        # a longer Message-ID may begin with a wanted one
        same = [m for m in again if m.message_id in known]
        messages += [m for m in same if (m.host, m.id) not in seen]
    return sorted(messages, key=lambda message: message.time), asked, silent


def _in(log: Log, words: list[str]) -> list[Traced]:
    lines = log.grep(words)
    known = postfix_log.ids(lines)
    # drop lines of other messages, which only mention an id
    whole = log.grep([f"{i}:" for i in sorted(known)])
    about = [line for line in whole if postfix_log.ids([line]) & known]
    outside = [line for line in lines if not postfix_log.ids([line])]
    return postfix_log.read(log.name, sorted([*about, *outside]))


def grep(found: Target, host: Host, words: list[str]) -> list[str]:
    """The lines of the mail logs, rotated ones too, that have one of the words, oldest first.

    The words go by standard input: a command's argument is limited to 128 KiB (MAX_ARG_STRLEN).
    """
    if not words:
        return []
    script = f"exec 3<&0; ls -rt {LOGS} | xargs -r zcat -f | LC_ALL=C grep -aiF -f /dev/fd/3"
    text = "".join(f"{word}\n" for word in words)
    output = found.run_on(host, "sh", "-c", script, text=text, fine=(0, NOTHING))
    return sorted(output.splitlines())


def _print(message: Traced, logins: Collection[str], disabled: Collection[str]) -> None:
    results.print(f"{message.time}  {message.host}  {message.id}", style="bold")
    for name, text in _rows(message, logins, disabled):
        results.print(f"  {name:<11}{text}", soft_wrap=True)


def _rows(
    message: Traced, logins: Collection[str], disabled: Collection[str]
) -> Iterator[tuple[str, str]]:
    """A message for people: labels and texts."""
    by = message.login or message.client or "the host itself"
    failed = [a for a in message.attempts if a.status == "login failed"]
    if failed:
        yield "login", f"{message.login} from {message.client}"
    elif message.attempts and not message.sender and not any(a.to for a in message.attempts):
        yield "client", by  # the log has no sender
    else:
        yield "from", f"{message.sender or '<>'}, handed in by {by}"
    if message.message_id:
        yield "message-id", message.message_id
    yield from (("signed", signature) for signature in message.signatures)
    for attempt in message.attempts:
        to = f"{attempt.to}: " if attempt.to else ""
        yield "to" if to else "said", f"{to}{attempt.status}{attempt.by} at {attempt.time}"
        if not failed:
            yield "", attempt.said
        why = login_failed(message.login, logins, disabled) if failed else plain(attempt.said)
        if why:
            yield "", f"({why})"
    if not message.attempts:
        yield "to", "nothing was tried yet"
    # last, since an operator's action ends the attempts
    yield from (("noted", note) for note in message.notes)

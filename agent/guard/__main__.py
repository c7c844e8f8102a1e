"""The milter: `python3 -m agent.guard SOCKET HOST enforce|mark DOMAIN` (mail-relay-guard.service).

Postfix waits for a reply when a session begins, and for one at each message's end: all other steps
are sent without a reply or not at all (the body), and only the macros that the guard reads are
sent. The functions are called by threads of libmilter (Debian's python3-milter). An exception in
one is a temporary refusal.
"""

import importlib
import os
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent.guard import inbound, originating, room
from agent.guard.message import Message, Verdict, deferred
from agent.guard.tables import Kept, Tables

milter: Any = importlib.import_module("milter")

Policy = Callable[[Message, Tables, Tables], Verdict]
# The policies by the value of milter_macro_daemon_name in master.cf.
POLICIES: dict[str, Policy] = {
    "submission": originating.by_login,
    "submissions": originating.by_login,
    "folded": originating.folded,
    "own": originating.by_host,
}
TABLES = Kept()
AWAY = deferred("this server's tables are not in place; try again later", "4.3.0")


@dataclass
class Connection:
    """A session with Postfix: the tables when it began, and the message received so far."""

    daemon: str
    begun: Tables | None
    headers: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    mail_from: str = ""
    recipients: list[str] = field(default_factory=list[str])


def negotiate(context: Any, options: list[int]) -> int:
    """Negotiate: no replies to header fields, no body, and four macros.

    A step without a reply waits in Postfix's buffer until one with a reply comes (milter8.c): so
    the session's begin has one, or it would be told with the first message.
    """
    actions, steps = options[0], options[1]
    wanted = milter.P_NR_MAIL | milter.P_NR_RCPT | milter.P_NR_HDR | milter.P_HDR_LEADSPC
    unwanted = (
        milter.P_NOHELO | milter.P_NODATA | milter.P_NOUNKNOWN | milter.P_NOEOH | milter.P_NOBODY
    )
    if steps & (wanted | unwanted) != wanted | unwanted:
        raise RuntimeError(f"Postfix does not offer what the guard needs: {steps:#x}")
    options[0] = actions & (
        milter.ADDHDRS | milter.CHGHDRS | milter.CHGFROM | milter.DELRCPT | milter.SETSYMLIST
    )
    options[1] = wanted | unwanted
    options[2] = options[3] = 0
    context.setsymlist(milter.M_CONNECT, "{daemon_name}")
    # Postfix would send the default macros with every header field; this one does not exist
    context.setsymlist(milter.M_EOH, "{none}")
    context.setsymlist(milter.M_EOM, "i {mail_addr} {auth_authen}")
    return milter.CONTINUE


def connected(context: Any, name: str, family: int, address: Any) -> int:
    """A session of Postfix begins."""
    del name, family, address
    try:
        begun = TABLES.begun()
    except (OSError, ValueError, KeyError, TypeError):
        begun = None
    context.setpriv(Connection(context.getsymval("{daemon_name}") or "", begun))
    return milter.CONTINUE


def mail_from(context: Any, sender: bytes, *parameters: bytes) -> int:
    """The envelope's sender begins a message."""
    del parameters
    connection: Connection = context.getpriv()
    connection.mail_from = sender.decode("utf-8", "surrogateescape")
    connection.recipients, connection.headers = [], []
    return milter.NOREPLY


def recipient(context: Any, address: bytes, *parameters: bytes) -> int:
    """A recipient that Postfix has taken."""
    del parameters
    context.getpriv().recipients.append(address.decode("utf-8", "surrogateescape"))
    return milter.NOREPLY


def header(context: Any, name: str, value: bytes) -> int:
    """One header field."""
    context.getpriv().headers.append((name, value))
    return milter.NOREPLY


def ended(context: Any) -> int:
    """The message is complete: judge it."""
    connection: Connection = context.getpriv()
    headers, connection.headers = connection.headers, []
    queue_id = context.getsymval("i") or ""
    try:
        message = Message(
            sender=(context.getsymval("{mail_addr}") or "").strip("<>"),
            login=context.getsymval("{auth_authen}") or "",
            mail_from=connection.mail_from,
            recipients=tuple(connection.recipients),
            headers=headers,
        )
        verdict = AWAY
        if connection.begun is not None:
            verdict = room.refusal(connection.daemon) or POLICIES[connection.daemon](
                message, TABLES.now(), connection.begun
            )
    except Exception:  # whatever the error is, no message passes unjudged
        say(f"{queue_id}: {connection.daemon!r}: {traceback.format_exc()}", 3)
        verdict = AWAY
    for note in verdict.notes:
        say(f"{queue_id}: {note}", 6)
    return answer(context, verdict)


def answer(context: Any, verdict: Verdict) -> int:
    """Carry a verdict out."""
    if verdict.code:
        # libmilter reads "%" as printf does; Postfix logs the text by the queue id
        context.setreply(verdict.code, verdict.status, verdict.text.replace("%", "%%"))
        return milter.REJECT if verdict.code[0] == "5" else milter.TEMPFAIL
    for change in verdict.changes:
        if change.index:
            context.chgheader(change.name, change.index, change.value)
        else:
            context.addheader(change.name, change.value, 0)
    for address in verdict.dropped:
        context.delrcpt(address)
    if verdict.sender is not None:
        context.chgfrom(f"<{verdict.sender}>")
    return milter.CONTINUE


def aborted(context: Any) -> int:
    """The message is aborted; the session may go on."""
    if connection := context.getpriv():
        connection.headers = []
    return milter.CONTINUE


def closed(context: Any) -> int:
    """The session is over."""
    context.setpriv(None)
    return milter.CONTINUE


def say(text: str, level: int) -> None:
    """Lines to the journal, at a syslog level."""
    for line in text.splitlines():
        print(f"<{level}>{line}", flush=True)


def main() -> None:
    """Serve until systemd ends it."""
    path, host, dmarc, registered = sys.argv[1:]
    rules = inbound.Rules(host, dmarc == "enforce", registered)
    POLICIES["inbound"] = lambda message, now, begun: inbound.judge(rules, message, now)
    milter.set_connect_callback(connected)
    milter.set_envfrom_callback(mail_from)
    milter.set_envrcpt_callback(recipient)
    milter.set_header_callback(header)
    milter.set_eom_callback(ended)
    milter.set_abort_callback(aborted)
    milter.set_close_callback(closed)
    milter.setconn(f"unix:{path}")
    milter.register("guard", negotiate=negotiate)
    milter.opensocket(True)
    ready()
    milter.main()


def ready() -> None:
    """Tell systemd that the socket exists (sd_notify(3)), so that Postfix finds it."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notice:
            notice.sendto(b"READY=1", address)


if __name__ == "__main__":
    main()

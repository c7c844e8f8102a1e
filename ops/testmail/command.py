"""`relay test`: the command."""

import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer

from ops import durations, not_up, submission
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.known import lowered, meant
from ops.options import Json, LabOption, StackOption, target
from ops.outputs import Host, Outputs
from ops.ssh import CLOSED
from ops.target import Target
from ops.terminal import notes, print_json, results, step
from ops.testmail import fate, reply
from ops.testmail.fate import Clock, Fate
from ops.testmail.hand_in import Lost, NotReached, Refused, hand_in, logged_in
from ops.testmail.message import Outgoing, first_sender, may_send_as, new_token, recipient_problem
from ops.testmail.report import Report, as_dict, rows, where

TIMEOUT = timedelta(minutes=2)
# The timeout for a reply: reflectors answer so soon, people do not.
REPLY_SECONDS = 60.0


class Port(StrEnum):
    """Ports for submission (RFC 8314, 3.3): STARTTLS, and TLS from the start."""

    STARTTLS = "587"
    TLS = "465"


def _address(value: str | None) -> str | None:
    if value is not None and (problem := recipient_problem(value)):
        raise typer.BadParameter(f"{value!r}: {problem}")
    return value


def command(
    address: Annotated[
        str | None,
        typer.Argument(
            metavar="[ADDRESS]",
            callback=_address,
            help="Who gets it: the operator, or in a lab its inbox, unless given.",
        ),
    ] = None,
    login: Annotated[
        str | None,
        typer.Option(callback=lowered, help="The login that sends; the stack's first that may."),
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option(
            "--from",
            callback=lambda value: _address(lowered(value)),
            help="The sender; the first address that the login may send as.",
        ),
    ] = None,
    port: Annotated[Port, typer.Option(help="The gateway's port.")] = Port.STARTTLS,
    timeout: Annotated[
        timedelta, durations.option("How long answers are waited for.", TIMEOUT)
    ] = TIMEOUT,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Send a test message for real, and tell what the receiver said and how it was judged.

    Exit code 1: it was refused, waits, was judged badly, nobody knows, or no gateway answers. Where
    the receiver answers to a login that has a mailbox here, as reflectors do, its verdicts are read
    there.
    """
    found = target(stack, lab)
    outputs = found.outputs()
    test = _test(found, outputs, login, sender, address)
    clock = Clock(time.monotonic() + timeout.total_seconds())
    provider = outputs.smarthost.host if outputs.smarthost else ""
    report = _run(found, outputs, Report(test, int(port), provider), clock)
    if json:
        print_json(as_dict(report))
    else:
        for name, text in rows(report):
            results.print(f"{name:<11}{text}", soft_wrap=True)
    if report.cause:
        raise typer.Exit(1)


def _test(
    found: Target, outputs: Outputs, login: str | None, sender: str | None, address: str | None
) -> Outgoing:
    """The message; BadParameter for an unknown login, or a sender that the login may not use."""
    if not outputs.logins:
        listed = StackFile(found).settings().logins
        add = "" if listed else f"./relay users add LOGIN {found.option}, then "
        raise StackError(f"the running stack has no login: {add}{found.apply_command}")
    enabled = [each for each in outputs.logins if each not in outputs.disabled]
    login = login or next(iter(enabled), outputs.logins[0])
    if login not in outputs.passwords:
        not_up.check(found, login, not_up.logins)
        known = meant(login, outputs.passwords)
        raise typer.BadParameter(f"--login {login!r}: it is no login of the running stack; {known}")
    settings = StackFile(found).settings()
    given = [each for each in settings.logins if each.address == login]
    send_as = settings.send_as(given[0]) if given else (login,)
    if sender is not None and not may_send_as(send_as, sender):
        known = ", ".join(send_as) or "nobody"
        raise typer.BadParameter(f"--from {sender!r}: {login} may send as {known}")
    receiver = found.receiver
    return Outgoing(
        login=login,
        sender=sender or first_sender(login, send_as),
        recipient=address or (receiver.address if receiver else outputs.operator),
        server=outputs.submission.host,
        operator=outputs.operator,
        token=new_token(),
    )


def _run(found: Target, outputs: Outputs, report: Report, clock: Clock) -> Report:
    """Send the message by the first gateway that can be reached, and wait for its fate."""
    for gateway in outputs.entrances:
        try:
            return _by(found, outputs, gateway, replace(report, gateway=gateway.name), clock)
        except NotReached as error:
            missed = f"{gateway.name}, port {report.port}: {error}"
            notes.print(f"    {missed}", soft_wrap=True)
            report = replace(report, unreached=(*report.unreached, missed))
    return replace(report, fate=Fate("unsent", why="; ".join(report.unreached)))


def _by(found: Target, outputs: Outputs, gateway: Host, report: Report, clock: Clock) -> Report:
    """Send the message by one gateway; raises NotReached."""
    test = report.test
    with ExitStack() as opened:
        try:
            with step(f"{test.login} logs in at {gateway.name}, port {report.port}"):
                way = logged_in(found, outputs, gateway, report.port, test.login)
                session = opened.enter_context(way)
            if not gateway.address:  # the load balancer's name: find the gateway behind it
                gateway = outputs.named(submission.greeting(session))
            mailbox = _mailbox(found, outputs, gateway, test, opened)
            with step(f"{gateway.name} takes the message"):
                taken = hand_in(session, test)
        except Refused as error:
            return replace(report, fate=Fate("refused", why=str(error)))
        except Lost as error:
            return replace(report, fate=Fate("unknown", why=f"{gateway.name}: {error}"))
        report = replace(report, tls=taken.tls, queue_id=taken.queue_id)
        with step(f"the answer of {test.recipient}'s server"):
            known = _fate(found, outputs, gateway, report, clock)
        report = replace(report, fate=known)
        if known.kind in ("refused", "deferred"):
            return report
        return _judged(found, outputs, report, mailbox, clock)


def _fate(found: Target, outputs: Outputs, gateway: Host, report: Report, clock: Clock) -> Fate:
    """The message's fate by the log or, if that cannot be read, by the host's status."""
    closed = CLOSED
    if found.has_shell(outputs):
        try:
            return fate.by_log(found, gateway, report.test.message_id, report.queue_id, clock)
        except StackError as error:
            closed = str(error)
    return fate.by_status(found, gateway, closed, clock)


def _mailbox(
    found: Target, outputs: Outputs, gateway: Host, test: Outgoing, opened: ExitStack
) -> reply.Mailbox | None:
    """The mailbox for the test or a reply to it; None if there is none, or it is unreadable."""
    kept = [a for a in (test.recipient.lower(), test.login) if a in outputs.mailboxes]
    if not kept:
        return None
    internet, password = found.internet(outputs.acme_root), outputs.passwords[kept[0]]
    try:
        return opened.enter_context(reply.opened(internet, gateway, kept[0], password))
    except reply.Unreadable as error:
        notes.print(f"the mailbox of {kept[0]} cannot be read: {error}", soft_wrap=True)
        return None


def _judged(
    found: Target, outputs: Outputs, report: Report, mailbox: reply.Mailbox | None, clock: Clock
) -> Report:
    """The report with the verdicts or, without these, with a hint where a person finds them."""
    test, receiver = report.test, found.receiver
    if receiver and test.recipient.lower().endswith(f"@{receiver.domain}"):
        with step(f"the verdicts of {receiver.domain}"):
            said = receiver.verdicts(test.message_id, max(clock.seconds, fate.EVERY))
        return replace(report, verdicts=said, hint="" if said else where(report))
    if mailbox is None:
        return replace(report, hint=where(report))
    limit = min(clock.seconds, REPLY_SECONDS)
    here = test.recipient.lower() in outputs.mailboxes
    what = "the message in the mailbox" if here else "a reply"
    with step(f"{what} of {test.recipient}, for at most {limit:.0f} s"):
        try:
            return _replied(report, mailbox, replace(clock, until=clock.now() + limit))
        except reply.Unreadable as error:
            return replace(report, hint=f"{where(report)} (the mailbox cannot be read: {error})")


def _replied(report: Report, mailbox: reply.Mailbox, clock: Clock) -> Report:
    """The report by what comes into the mailbox: a bounce, the test itself, or a reply."""
    test = report.test
    while True:
        for message in mailbox.about(test.token):
            if why := reply.bounce(message, test.message_id):
                return replace(report, fate=Fate("refused", report.fate.answers, why))
            if said := reply.verdicts(message, test.message_id):
                return replace(report, verdicts=said)
            if reply.identity(message) == test.message_id:
                hint = f"it is in a mailbox of this stack, and mail of {test.login} is not judged"
                return replace(report, fate=replace(report.fate, kind="accepted"), hint=hint)
        if not clock.seconds:
            return replace(report, hint=where(report))
        clock.sleep(fate.EVERY)

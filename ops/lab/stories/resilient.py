"""`resilient`: several gateways by one name; nothing is down when one is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lab.access import NotRunning
from lab.internet import send
from lab.wait import until, within
from ops.lab import power
from ops.lab.stories.stage import Stage, expect
from ops.outputs import Host

LOGIN, NAME = "me@example.com", "mail.example.com"
# Route53 checks every 30 s, with a timeout of 10 s; answers are cached for 30 s; and a margin
GONE_SECONDS = 90.0
BOOT_SECONDS = 300.0
# a client host waits 30 s for a reply; then it tries another gateway; and a margin
UNDER_WAY_SECONDS = 60.0


def one_name_leads_to_all(stage: Stage) -> str:
    """The submission name has the addresses of all gateways, and each has a certificate for it."""
    addresses = sorted(host.address for host in stage.outputs.gateways)
    until("the name leads to all", lambda: stage.resolve(NAME, "A") == addresses, 180)
    for host in stage.outputs.gateways:
        with stage.connect(465, LOGIN, at=host, name=NAME) as session:
            session.noop()
    return f"{NAME}: {', '.join(addresses)}"


def every_gateway_sends(stage: Stage) -> str:
    """Mail by each of the gateways passes, and receivers see its own name."""
    seen = []
    for host in stage.outputs.gateways:
        subject = send.unique(f"by {host.name}")
        _submit(stage, host, subject)
        stage.passed(subject)
        (message,) = stage.arrived(subject)
        expect(message.client_name == host.name, message.client_name)
        seen.append(host.name)
    return ", ".join(seen)


def any_gateway_takes_mail(stage: Stage) -> str:
    """Strangers' mail for a forward is accepted by each of the gateways."""
    for host in stage.outputs.gateways:
        subject = send.unique(f"to {host.name}")
        letter = send.compose(stage.stranger.address, LOGIN, subject)
        with stage.connect(25, at=host) as session:
            session.sendmail(stage.stranger.address, LOGIN, stage.stranger.signed(letter))
        stage.arrived(subject)
    return f"MX {', '.join(stage.resolve('example.com', 'MX'))}"


def any_gateway_takes_a_notice(stage: Stage) -> str:
    """A notice for what one gateway has forwarded reaches the true sender by another one."""
    first, *others = stage.outputs.gateways
    subject = send.unique("forwarded by the first")
    letter = send.compose(stage.stranger.address, LOGIN, subject)
    with stage.connect(25, at=first) as session:
        session.sendmail(stage.stranger.address, LOGIN, stage.stranger.signed(letter))
    (message,) = stage.arrived(subject)
    expect(message.sender.endswith(f"@{first.name}"), message.sender)
    with stage.connect(25, at=others[0]) as session:
        session.mail("<>")
        code, said = session.rcpt(f"<{message.sender}>")
        session.rset()
    expect(code == 250, f"{code} {said!r}")
    return f"{others[0].name} takes {message.sender}"


def one_may_lose_its_power(stage: Stage) -> str:
    """With one gateway gone, clients send on, what was under way too; the name leads to others."""
    client, under_way = stage.outputs.clients[0], send.unique("under way when its gateway is lost")
    with _signers_stopped(stage):
        send.by_shell(stage.lab, client.instance_id, "app@example.org", under_way)
        lost = until("a gateway has the session", lambda: _spoken_to(stage, client))
        power.cut(stage.lab, power.Kind.HOST, lost.name)
    began = time.monotonic()
    others = [host for host in stage.outputs.gateways if host != lost]
    try:
        subjects = [send.unique(f"while {lost.name} is gone") for _ in range(10)]
        for subject in subjects:
            send.by_shell(stage.lab, client.instance_id, "app@example.org", subject)
        for subject in subjects:
            stage.passed(subject)
        stage.inbox.wait_for(lambda m: m.subject == under_way, seconds=UNDER_WAY_SECONDS)
        left = sorted(host.address for host in others)
        gone = within(GONE_SECONDS, lambda: stage.resolve(NAME, "A") == left, 2)
        seconds = time.monotonic() - began
        expect(gone, f"after {seconds:.0f} s it leads to {stage.resolve(NAME, 'A')}")
    finally:
        power.mend(stage.lab, power.Kind.HOST, lost.name)
    addresses = sorted(host.address for host in stage.outputs.gateways)
    back = within(BOOT_SECONDS, lambda: stage.resolve(NAME, "A") == addresses, 5)
    expect(bool(back), f"{lost.name} does not come back: {stage.resolve(NAME, 'A')}")
    return f"{lost.name} was no answer after {seconds:.0f} s; 11 of 11 messages arrived"


@contextmanager
def _signers_stopped(stage: Stage) -> Iterator[None]:
    """Pause OpenDKIM on all gateways: none replies to MAIL; at the end, resume those with power."""
    for host in stage.outputs.gateways:
        stage.run(host, "systemctl", "kill", "--signal=STOP", "opendkim.service")
    try:
        yield
    finally:
        for host in stage.outputs.gateways:
            with suppress(NotRunning):
                stage.run(host, "systemctl", "kill", "--signal=CONT", "opendkim.service")


def _spoken_to(stage: Stage, client: Host) -> Host | None:
    """The gateway that a client host has a session with, or None."""
    for host in stage.outputs.gateways:
        said = stage.run(host, "ss", "-Htn", "state", "established", "sport", "=", ":587")
        if client.address in said:
            return host
    return None


def _submit(stage: Stage, host: Host, subject: str) -> None:
    with stage.connect(587, LOGIN, at=host, name=NAME) as session:
        session.send_message(send.compose(LOGIN, send.RECIPIENT, subject))


ACTS = (
    one_name_leads_to_all,
    every_gateway_sends,
    any_gateway_takes_mail,
    any_gateway_takes_a_notice,
    one_may_lose_its_power,
)

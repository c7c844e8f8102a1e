"""`./relay lab send`: sends mail as a stack's users do, and reads the verdicts on it."""

import re
import smtplib
import time
from typing import Any

from lab import access
from lab.control import LabError
from lab.internet import inbox, send
from lab.internet.inbox.message import Message
from lab.internet.send import RECIPIENT, Sent, unique
from lab.internet.smtp import PROBE_HELO, Internet
from lab.lab import Lab
from lab.machines.network import INBOX
from ops.lab import condition, power, region
from ops.lab.failures import FAILURES, on_the_way, words
from ops.lab.target import LabTarget
from ops.outputs import Host, Outputs
from ops.terminal import begin, notes

ANSWER_SECONDS = 10
# While a message is on its way: the time between two lines of progress.
LOOK_SECONDS = 10


def by_login(
    internet: Internet, outputs: Outputs, gateway: Host, port: int, login: str, subject: str
) -> Sent:
    """Send as a mail program on the internet, with a login, by the submission name.

    To this gateway if the name leads to it, else where it leads; LabError if it leads nowhere.
    """
    started, name = time.time(), outputs.submission.host
    addresses = internet.resolve(name)
    if not addresses:
        raise LabError(f"{name} has no address in DNS")
    address = gateway.address if gateway.address in addresses else addresses[0]
    with internet.connect(name, address, port) as session:
        session.login(login, outputs.passwords[login])
        session.send_message(send.compose(login, RECIPIENT, subject))
        # the TLS context has verified the name in the certificate
        tls = f"{session.sock.version()} verified"  # type: ignore[union-attr]
    return Sent(f"login on {port}", login, RECIPIENT, subject, started, tls)


def by_each_way(internet: Internet, outputs: Outputs) -> list[Sent]:
    """Send by the first client's shell, and by the first login on 587 and on 465.

    LabError for a step that fails, with its host, and if no gateway that takes mail has power.
    """
    lab, sent = internet.lab, list[Sent]()
    gateway = _taking(lab, outputs)
    for client in outputs.clients[:1]:
        sender, subject = f"app@{client.name.partition('.')[2]}", unique("from the client's shell")
        what = f"`mail` as {sender} on {client.name}"
        begin(what)
        with on_the_way(lab, client, what):
            sent.append(send.by_shell(lab, client.instance_id, sender, subject))
    if outputs.submission.load_balancer:
        gateway = outputs.entrances[0]
    for login in [login for login in outputs.logins if login not in outputs.disabled][:1]:
        for port in (587, 465):
            what = f"sending as {login} by {outputs.submission.host}, port {port}"
            begin(what)
            with on_the_way(lab, gateway, what):
                subject = unique(f"by port {port}")
                sent.append(by_login(internet, outputs, gateway, port, login, subject))
    return sent


def _taking(lab: Lab, outputs: Outputs) -> Host:
    """The first gateway that takes mail and has power."""
    dark = power.without(lab)
    for gateway in outputs.taking or outputs.gateways:
        if gateway.name not in dark:
            return gateway
    gateway = outputs.gateways[0]
    said = f"no gateway takes mail: {gateway.name} is {dark[gateway.name]}"
    raise LabError(f"{said}: {power.mended_by(lab, gateway.name)}")


def closed(target: LabTarget, outputs: Outputs) -> str:
    """The message that outbound port 25 is blocked, with the remedy; "" if mail can leave."""
    if outputs.smarthost or not region.port_25_is_blocked(target.lab):
        return ""
    return f"port 25 out is blocked and the stack has no smarthost: {target.opens_port_25} opens it"


def check_inbox(lab: Lab) -> None:
    """LabError, with the remedy, if the receiving provider does not answer."""
    try:
        with (
            access.entered(f"{lab.namespace}-probe"),
            smtplib.SMTP(INBOX, smtplib.SMTP_PORT, PROBE_HELO, ANSWER_SECONDS),
        ):
            pass
    except FAILURES as error:
        raise LabError(
            f"no message can arrive: {inbox.HOST}, the receiving provider, does not answer "
            f"({words(error)}): ./relay lab shell inbox --lab {lab.name} -- systemctl restart "
            "postfix"
        ) from None


def awaited(target: LabTarget, sent: Sent, outputs: Outputs, seconds: int) -> Message:
    """The message in the inbox, with progress; LabError if it does not come in time.

    LabError at once if the provider does not answer any more.
    """
    lab, what = target.lab, f"{sent.subject!r} of {sent.sender} ({sent.via})"
    for waited in range(LOOK_SECONDS, seconds + 1, LOOK_SECONDS):
        try:
            return send.arrived(lab, sent, LOOK_SECONDS)
        except TimeoutError:
            check_inbox(lab)
            notes.print(f"    still without {what}, after {waited} s", soft_wrap=True)
    why = closed(target, outputs) or condition.why_not(lab, outputs.hosts)
    raise LabError(
        f"{what} was handed in and did not reach {sent.recipient} in {seconds} s"
        f"{f'; {why}' if why else ''}: where it waits, and why, says "
        f"./relay queue list {target.option}"
    )


def hops(lab: Lab, sent: Sent, message: Message, outputs: Outputs) -> list[str]:
    """The TLS of each hop: its version, and how the client verified the server.

    The gateway hides the sessions of its users (smtpd_hide_client_session), so the first hop is
    read from the sender: its session, or the client host's log. Later hops are in Received headers,
    and the gateway's log says how it verified the receiver's certificate.
    """
    named = {gateway.name: gateway for gateway in outputs.gateways}
    gateway = named.get(message.client_name, outputs.gateways[0])
    first = sent.tls or _log_level(lab, outputs.clients[0], outputs.submission.host)
    level = _log_level(lab, gateway, message.receivers[-1])
    return [first, *message.hops[:-1], level or message.hops[-1]]


def _log_level(lab: Lab, host: Host, peer: str) -> str:
    """A host's last TLS session with a peer, such as "TLSv1.3 verified", from its log; or ""."""
    log = access.run(lab, host.instance_id, "cat", "/var/log/mail.log").stdout
    pattern = (
        rf"(\w+) TLS connection (?:established|reused) to {re.escape(peer)}\[.*?: (TLS[v.\d]+)"
    )
    found = re.findall(pattern, log)
    return f"{found[-1][1]} {found[-1][0].lower()}" if found else ""


def report(lab: Lab, sent: Sent, message: Message, outputs: Outputs) -> dict[str, Any]:
    """A row of `lab send`."""
    verdict = message.verdict
    return {
        "from": sent.sender,
        "to": sent.recipient,
        "via": sent.via,
        "spf": verdict.spf,
        "dkim": verdict.dkim,
        "dmarc": verdict.dmarc,
        "tls": hops(lab, sent, message, outputs),
        "seconds": round(message.arrived - sent.started, 1),
    }

"""`smarthost`: port 25 is blocked, and all mail leaves by a provider's 587 with its accounts."""

import gzip
import json
import secrets
import subprocess
import time
from typing import Any

from lab.internet import send
from lab.internet.inbox import VERIFIER
from lab.internet.smarthost import HOST, Smarthost
from lab.internet.smtp import Internet
from lab.machines.network import INBOX, SMARTHOST
from lab.wait import until
from ops.lab import stack
from ops.lab.stories import sendas
from ops.lab.stories.stage import Stage, expect, refused
from ops.lab.target import LabTarget

MAILBOX = "you@inbox.example"
# Senders, each with the account that its mail is relayed by.
SENDERS = {
    "info@example.com": "example-com@provider.example",
    "sales@example.org": "example-org@provider.example",
}
SALES = "sales@example.org"
UNIT = "mail-relay-smarthost.service"
WAITING = send.unique("with a wrong password")
RELAY = stack.PROJECT / "relay"


def _sent(stage: Stage, sender: str, text: str) -> str:
    subject = send.unique(text)
    stage.submit(send.compose(sender, send.RECIPIENT, subject), sender)
    return subject


def _waits(stage: Stage, sender: str, reason: str) -> str:
    """The delay reason of the sender's mail, once it is deferred at the gateway for `reason`."""

    def found() -> str:
        for line in stage.run(stage.gateway, "postqueue", "-j").splitlines():
            message: dict[str, Any] = json.loads(line)
            why = message["recipients"][0].get("delay_reason", "")
            deferred = message["queue_name"] == "deferred"
            if deferred and message["sender"] == sender and reason in why:
                return why
        return ""

    return until(f"mail of {sender} waits because of {reason!r}", found)


def _goes(stage: Stage, subject: str) -> str:
    """Flush the queue; the message arrives."""
    stage.run(stage.gateway, "postqueue", "-f")
    return stage.passed(subject)


def port_25_is_blocked(stage: Stage) -> str:
    """No host gets out on port 25, as on a new AWS account; the provider's 587 is open."""
    reach = "timeout 3 bash -c 'exec 3<>/dev/tcp/{}/{}' 2>/dev/null && echo open || echo blocked"
    said = [
        stage.run(stage.gateway, "sh", "-c", reach.format(address, port)).strip()
        for address, port in ((INBOX, 25), (SMARTHOST, 587))
    ]
    expect(said == ["blocked", "open"], f"{said}")
    return "mx.inbox.example:25 blocked, smtp.provider.example:587 open"


def each_sender_has_its_account(stage: Stage) -> str:
    """Mail of each domain is signed, handed over by the account of its own, and arrives."""
    seen = []
    for sender, account in SENDERS.items():
        subject = _sent(stage, sender, f"by {account}")
        stage.passed(subject)
        (message,) = stage.arrived(subject)
        expect(message.client_name == HOST, f"it came from {message.client_name}")
        head = " ".join(message.raw.partition("\r\n\r\n")[0].split())
        expect(f"(Authenticated sender: {account})" in head, f"not by {account}: {head}")
        signed, handed = head.find("DKIM-Signature:"), head.find(f"by {HOST}")
        expect(0 <= handed < signed, f"it was not signed before it was handed over: {head}")
        domain = sender.partition("@")[2]
        expect(f"d={domain};" in head, f"no signature of {domain}: {head}")
        seen.append(f"{sender} by {account}: pass, d={domain}")
    return "; ".join(seen)


def the_provider_holds_accounts_to_their_senders(stage: Stage) -> str:
    """The account of one domain may not send as the other: the right one was used above."""
    account, passwords = SENDERS["info@example.com"], Smarthost(stage.lab).passwords()
    with Internet(stage.lab).connect(HOST, SMARTHOST, 587) as session:
        session.login(account, passwords[account])
        message = send.compose(SALES, send.RECIPIENT, "x")
        return refused(lambda: session.send_message(message), 553)


def only_the_mechanisms_that_are_set(stage: Stage) -> str:
    """The provider offers CRAM-MD5 too; the gateway uses PLAIN, inside verified TLS."""
    with Internet(stage.lab).connect(HOST, SMARTHOST, 587) as session:
        offered = session.esmtp_features["auth"].split()
    expect("CRAM-MD5" in offered, f"offered is {offered}")
    clients = [x for x in Smarthost(stage.lab).log().splitlines() if "client=mail.example" in x]
    expect(bool(clients), "the gateway has not sent anything yet")
    expect(all("sasl_method=PLAIN," in line for line in clients), clients[-1])
    log = stage.run(stage.gateway, "grep", f"to {HOST}", "/var/log/mail.log")
    expect("Verified TLS connection established" in log, log)
    return f"offered {', '.join(offered)}; PLAIN in {len(clients)} sessions, TLS verified"


def records_name_the_provider(stage: Stage) -> str:
    """SPF of each domain and of forwarded mail includes the provider; DMARC says quarantine."""
    include = "include:_spf.provider.example"
    for domain in ("example.com", "example.org"):
        policy = f'"v=spf1 include:_spf.example.com {include} ~all"'
        expect(policy in stage.resolve(domain, "TXT"), f"{stage.resolve(domain, 'TXT')}")
        wanted = '"v=DMARC1; p=quarantine; rua=mailto:dmarc@example.com"'
        held = stage.resolve(f"_dmarc.{domain}", "TXT")
        expect(held == [wanted], f"{held}")
    host = stage.resolve("mail.example.com", "TXT")
    expect(host == [f'"v=spf1 a {include} -all"'], f"{host}")
    consent = stage.resolve("example.org._report._dmarc.example.com", "TXT")
    expect(consent == ['"v=DMARC1"'], f"{consent}")
    return f"{include} in three records; reports of example.org to example.com are allowed"


def a_report_is_delivered(stage: Stage) -> str:
    """A receiver's DMARC report to dmarc@example.com comes to the mailbox, attachment and all."""
    subject = send.unique("Report Domain: example.org")
    message = send.compose(stage.stranger.address, "dmarc@example.com", subject)
    report = gzip.compress(b"<feedback><version>1.0</version></feedback>")
    name = "far.example!example.org!1.xml.gz"
    message.add_attachment(report, maintype="application", subtype="gzip", filename=name)
    stage.deliver("dmarc@example.com", stage.stranger.signed(message))
    verdict = stage.passed(subject)
    (arrived,) = stage.arrived(subject)
    (attachment,) = arrived.parsed.iter_attachments()
    expect(attachment.get_content() == report, "its attachment was changed")
    expect(arrived.recipient == MAILBOX, f"it went to {arrived.recipient}")
    expect(arrived.client_name == HOST, f"it came from {arrived.client_name}")
    return f"{verdict}, sender {arrived.sender}"


def a_verifier_answers(stage: Stage) -> str:
    """A public verifier that is written to answers by mail that SPF, DKIM and DMARC pass."""
    sender, subject = "info@example.com", send.unique("verify")
    stage.submit(send.compose(sender, VERIFIER, subject), sender)
    (answer,) = stage.arrived(f"Authentication report: {subject}")
    lines = answer.parsed.get_content().strip().splitlines()
    wanted = [f"{method} check: pass, pass" for method in ("SPF", "DKIM", "DMARC")]
    expect(lines[:3] == wanted, f"{lines}")
    expect(answer.recipient == MAILBOX, f"it went to {answer.recipient}")
    return "; ".join(lines)


def an_impostor_gets_nothing(stage: Stage) -> str:
    """A server that cannot prove the provider's name gets no password: mail waits, then goes."""
    provider = Smarthost(stage.lab)
    with provider.impostor():
        subject = _sent(stage, SALES, "to an impostor")
        why = _waits(stage, SALES, "Server certificate not")
    return f"{why}; then {_goes(stage, subject)}"


def a_provider_that_is_down(stage: Stage) -> str:
    """While the provider is down mail waits and nothing bounces; it goes when it is back."""
    provider = Smarthost(stage.lab)
    provider.serve(False)
    try:
        subject = _sent(stage, SALES, "while the provider is down")
        why = _waits(stage, SALES, "Connection refused")
    finally:
        provider.serve(True)
    return f"{why}; then {_goes(stage, subject)}"


def a_wrong_password(stage: Stage) -> str:
    """A password that the provider refuses: mail waits, and the operator is told why."""
    account, started = SENDERS[SALES], time.time()
    # with a colon and spaces, which mean something in Postfix's tables
    Smarthost(stage.lab).change_password(account, f"{secrets.token_urlsafe(16)}: #2 {{words}}")
    stage.submit(send.compose(SALES, send.RECIPIENT, WAITING), SALES)
    why = _waits(stage, SALES, "535")
    gateway = stage.gateway
    until("the host's unit fails", lambda: UNIT in stage.run(gateway, "systemctl", "--failed"))
    expect(UNIT in _relay(stage, "verify", "--json", code=1), "verify does not name the unit")
    (letter,) = stage.arrived(
        lambda m: m.subject.startswith("Mail waits at") and m.arrived > started
    )
    expect("said: 535" in letter.parsed.get_content(), letter.parsed.get_content())
    expect(letter.recipient == MAILBOX, f"it went to {letter.recipient}")
    return f"{why}; verify names {UNIT}; to {letter.recipient}: {letter.subject}"


def the_right_password_by_the_stack(stage: Stage) -> str:
    """The new password is set in the stack: the mail goes by itself, the host stays as it was."""
    gateway, account = stage.gateway, SENDERS[SALES]
    path = "mail-relay:smarthost.accounts[1].password"
    password = Smarthost(stage.lab).passwords()[account]
    _relay(stage, "pulumi", "config", "set", "--secret", "--path", path, text=password)
    _relay(stage, "pulumi", "up", "--yes", "--skip-preview")
    now = LabTarget(stack.STACK, stage.lab).outputs().gateways[0]
    expect(now.instance_id == gateway.instance_id, "the host was replaced")
    verdict = stage.passed(WAITING)
    until("the host is well", lambda: UNIT not in stage.run(gateway, "systemctl", "--failed"))
    found = json.loads(_relay(stage, "verify", "--json"))
    expect((found["errors"], found["warnings"]) == (0, 0), f"verify: {found}")
    return f"{gateway.instance_id} as before; {verdict}; verify has nothing to say"


def _relay(stage: Stage, command: str, *arguments: str, text: str = "", code: int = 0) -> str:
    """The output of `./relay COMMAND`, whose exit status must be `code`."""
    argv = [str(RELAY), command, "--lab", stage.lab.name, *arguments]
    result = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    expect(result.returncode == code, result.stdout + result.stderr)
    return result.stdout


ACTS = (
    port_25_is_blocked,
    each_sender_has_its_account,
    the_provider_holds_accounts_to_their_senders,
    only_the_mechanisms_that_are_set,
    records_name_the_provider,
    a_report_is_delivered,
    a_verifier_answers,
    sendas.a_bounce_finds_its_way_back,
    an_impostor_gets_nothing,
    a_provider_that_is_down,
    a_wrong_password,
    the_right_password_by_the_stack,
)

"""`handson`: a client in a private subnet sends through the server, which is its only way."""

import re
import shlex

from lab.internet import laptop, send
from ops.lab.stories.stage import FILTERED_SECONDS, Stage, expect
from ops.outputs import Host

DOMAIN = "example.com"
LOGIN = f"alice@{DOMAIN}"
WITHOUT_LOGIN = f"""
import smtplib, sys
session = smtplib.SMTP(sys.argv[1], 587, timeout=20)
session.starttls()
try:
    session.sendmail("app@{DOMAIN}", ["{send.RECIPIENT}"], "Subject: x\\r\\n\\r\\nx\\r\\n")
except smtplib.SMTPException as error:
    print(error)
"""


def the_name_leads_inside(stage: Stage) -> str:
    """Inside the VPC the server's name leads to its private address, outside to its public one."""
    gateway, client = _hosts(stage)
    inside = stage.run(client, "getent", "ahostsv4", gateway.name).split()[0]
    outside = stage.resolve(gateway.name, "A")
    expect(inside == gateway.private_address, f"inside: {inside}")
    expect(outside == [gateway.address], f"outside: {outside}")
    return f"{gateway.name} is {inside} on {client.name}, {outside[0]} elsewhere"


def the_client_is_private(stage: Stage) -> str:
    """The client has no public address and no name in DNS, and answers nobody."""
    _, client = _hosts(stage)
    expect(client.address == "", f"{client}")
    expect(stage.resolve(client.name, "A") == [], f"{client.name} is in DNS")
    for port in (22, 25, 587):
        expect(not stage.reaches(client.private_address, port), f"port {port} answers")
    return f"{client.name}: no A record; 22, 25, 587 closed"


def the_web_is_all_it_reaches(stage: Stage) -> str:
    """Through the server the client reaches the web, for packages and its tables, and no more."""
    _, client = _hosts(stage)
    stage.run(client, "apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")
    stage.run(client, "systemctl", "start", "mail-relay-tables.service")
    (mail,) = stage.resolve("mx.inbox.example", "A")
    for port in (25, 587):
        attempt = f"timeout {FILTERED_SECONDS} bash -c '</dev/tcp/{mail}/{port}' || echo closed"
        said = stage.run(client, "sh", "-c", attempt)
        expect("closed" in said, f"it reaches port {port} of {mail}")
    return f"apt-get update works; 25 and 587 of {mail} are closed"


def the_server_proves_its_name(stage: Stage) -> str:
    """On 587 the server has a certificate of its name for the client, at its private address."""
    gateway, client = _hosts(stage)
    name = gateway.name
    command = ["openssl", "s_client", "-brief", "-starttls", "smtp", "-connect", f"{name}:587"]
    command += ["-verify_return_error", "-verify_hostname", name]
    said = stage.run(client, "sh", "-c", f"{shlex.join(command)} </dev/null 2>&1")
    for wanted in ("Verification: OK", f"Verified peername: {name}"):
        expect(wanted in said, said)
    return f"TLS verified: {name}, {gateway.private_address}"


def ssh_goes_through_the_server(stage: Stage) -> str:
    """From your network SSH reaches the client through the server; from others it is closed."""
    gateway, client = _hosts(stage)
    said = _by_ssh(stage, "hostname; whoami; sudo whoami").split()
    expect(said == [client.name, "admin", "root"], f"{said}")
    expect(not stage.reaches(gateway.address, 22, "inbox"), "another network reaches port 22")
    return f"{client.ssh}: {', '.join(said)}; no answer to another network"


def mailrc_sends(stage: Stage) -> str:
    """On the client, s-nail sends by the stack's .mailrc: 587, login, verified TLS."""
    subject = send.unique("by .mailrc")
    _by_ssh(stage, "sudo DEBIAN_FRONTEND=noninteractive apt-get -q -y install s-nail")
    mailrc = stage.outputs.mail_programs.mailrc
    _by_ssh(
        stage,
        "umask 077; cat > .mailrc",
        mailrc.replace("PASSWORD", stage.password(LOGIN)),
    )
    _by_ssh(stage, f"echo Hello. | s-nail -s {shlex.quote(subject)} {send.RECIPIENT}")
    return stage.passed(subject, LOGIN)


def the_log_tells_who(stage: Stage) -> str:
    """The server's log says who logged in, and that the message was delivered."""
    gateway, client = _hosts(stage)
    message = stage.arrived(lambda m: m.sender == LOGIN)[-1]
    log = stage.run(gateway, "cat", "/var/log/mail.log")
    identity = re.escape(str(message.parsed["Message-ID"]))
    queued = re.search(rf" (\w+): message-id={identity}", log)
    lines = [line for line in log.splitlines() if queued and f" {queued[1]}: " in line]
    seen = []
    for wanted in (
        rf"client=\S+\[{client.private_address}\], sasl_method=PLAIN, sasl_username={LOGIN}",
        rf"to=<{message.recipient}>, relay=\S+, .*status=sent",
    ):
        found = [match[0] for line in lines if (match := re.search(wanted, line))]
        expect(found != [], f"no {wanted} in {lines}")
        seen.append(found[0])
    return "; ".join(seen)


def programs_on_the_client_send(stage: Stage) -> str:
    """The client's own programs send as everywhere, by the host's own login."""
    _, client = _hosts(stage)
    subject = send.unique("from the private client")
    send.by_shell(stage.lab, client.instance_id, f"app@{DOMAIN}", subject)
    return stage.passed(subject)


def nobody_is_trusted_by_address(stage: Stage) -> str:
    """The client's address is no login: without one the server takes nothing from it."""
    gateway, client = _hosts(stage)
    said = stage.run(client, "python3", "-c", WITHOUT_LOGIN, gateway.name).strip()
    expect("530, b'5.7.0" in said, said or "it was accepted")
    return said


def _hosts(stage: Stage) -> tuple[Host, Host]:
    (client,) = stage.outputs.clients
    return stage.gateway, client


def _by_ssh(stage: Stage, command: str, text: str = "") -> str:
    """Run a command on the client by SSH from the laptop, with `text` as its standard input."""
    _, client = _hosts(stage)
    script = f"{client.ssh} {shlex.quote(command)} < /input"
    files = {"/input": text, "/root/.ssh/config": "StrictHostKeyChecking accept-new\n"}
    result = laptop.run(stage.lab, script, files)
    expect(result.returncode == 0, result.stdout + result.stderr)
    return result.stdout


ACTS = (
    the_name_leads_inside,
    the_client_is_private,
    the_web_is_all_it_reaches,
    the_server_proves_its_name,
    ssh_goes_through_the_server,
    mailrc_sends,
    the_log_tells_who,
    programs_on_the_client_send,
    nobody_is_trusted_by_address,
)

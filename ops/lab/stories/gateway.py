"""`gateway`: hosts in another domain relay through it, on EC2 and elsewhere."""

from lab.internet import laptop, send
from ops.lab.stories.stage import Stage, expect, refused

DOMAIN, LOGIN = "example.org", "backup@example.org"
MESSAGE = f"printf 'From: {LOGIN}\\nSubject: %s\\n\\nHello.\\n' \"$SUBJECT\""


def each_client_sends(stage: Stage) -> str:
    """Mail made on each client's shell arrives, signed for its domain by the gateway."""
    seen = []
    for client in stage.outputs.clients:
        subject = send.unique(f"from {client.name}")
        sender = f"app@{DOMAIN}"
        send.by_shell(stage.lab, client.instance_id, sender, subject)
        stage.passed(subject)
        (message,) = stage.arrived(subject)
        expect(
            f"d={DOMAIN};" in str(message.parsed["DKIM-Signature"]), "no signature of its domain"
        )
        expect(message.client_name == stage.gateway.name, message.client_name)
        seen.append(f"{client.name}: pass, d={DOMAIN}, from {message.client_name}")
    return "; ".join(seen)


def addresses_and_names_agree(stage: Stage) -> str:
    """Every host's A record and PTR agree, and each apex leads to the host that the stack names."""
    seen = []
    for host in [stage.gateway, *stage.outputs.clients]:
        name, address = host.name, host.address
        expect(stage.resolve(name, "A") == [address], f"{name}: {stage.resolve(name, 'A')}")
        reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
        expect(stage.resolve(reverse, "PTR") == [f"{name}."], f"{stage.resolve(reverse, 'PTR')}")
        seen.append(f"{name} {address}")
    for apex, name in (("example.com", "mail.example.com"), (DOMAIN, "app.example.org")):
        expect(stage.resolve(apex, "A") == stage.resolve(name, "A"), f"{apex} is not {name}")
    return ", ".join(seen)


def records_are_literal(stage: Stage) -> str:
    """SPF names the mechanisms as the set-up does, DMARC is p=none; pct=100 with reports."""
    policy = f'"v=spf1 +a +mx +ip4:{stage.gateway.address} ~all"'
    wanted = '"v=DMARC1; p=none; pct=100; rua=mailto:dmarc@inbox.example"'
    for domain in ("example.com", DOMAIN):
        expect(policy in stage.resolve(domain, "TXT"), f"{domain}: {stage.resolve(domain, 'TXT')}")
        (dmarc,) = stage.resolve(f"_dmarc.{domain}", "TXT")
        expect(dmarc == wanted, dmarc)
    return f"{policy}, {wanted}"


def _elsewhere(stage: Stage, script: str, path: str, text: str, files: dict[str, str]) -> str:
    subject = send.unique("from a host elsewhere")
    text = text.replace("PASSWORD", stage.password(LOGIN))
    result = laptop.run(stage.lab, f"SUBJECT='{subject}'\n{script}", {path: text, **files})
    expect(result.returncode == 0, result.stdout + result.stderr)
    return stage.passed(subject)


def postfix_elsewhere(stage: Stage) -> str:
    """A host elsewhere sends with Postfix, by the lines of the stack's output."""
    text = stage.outputs.mail_programs.postfix
    line = next(part for part in text.splitlines() if part.startswith("# [")).removeprefix("# ")
    line = line.replace("PASSWORD", stage.password(LOGIN))
    files = {"/etc/postfix/sasl_passwords": f"{line}\n"}
    script = f"""
        cat /usr/share/postfix/main.cf.debian /lines > /etc/postfix/main.cf
        postconf -e compatibility_level=3.10 inet_interfaces=loopback-only inet_protocols=ipv4 \\
            myhostname=nas.isp.example mydestination= maillog_file=/dev/stdout
        mkdir -p /run/postfix
        postfix start >/dev/null 2>&1
        {MESSAGE} | sendmail -f {LOGIN} {send.RECIPIENT}
        for second in $(seq 60); do mailq | grep -q empty && exit 0; sleep 1; done
        mailq; cat /var/log/mail.log; exit 1
    """
    return _elsewhere(stage, script, "/lines", text, files)


def msmtp_elsewhere(stage: Stage) -> str:
    """A host elsewhere sends with msmtp, by the file of the stack's output."""
    script = f"{MESSAGE} | msmtp {send.RECIPIENT}"
    return _elsewhere(stage, script, "/root/.msmtprc", stage.outputs.mail_programs.msmtp, {})


def mailrc_elsewhere(stage: Stage) -> str:
    """A host elsewhere sends with s-nail, by the .mailrc of the stack's output."""
    script = f'echo Hello. | s-nail -s "$SUBJECT" {send.RECIPIENT}'
    return _elsewhere(stage, script, "/root/.mailrc", stage.outputs.mail_programs.mailrc, {})


def strangers_do_not_relay(stage: Stage) -> str:
    """A stranger cannot relay through the gateway, and the clients answer nobody."""
    said = refused(lambda: stage.deliver("me@inbox.example", b"Subject: x\r\n\r\nx\r\n"), 554)
    for client in stage.outputs.clients:
        for port in (25, 465, 587):
            open_ = stage.reaches(client.address, port)
            expect(not open_, f"{client.name} answers on port {port}")
    return f"{said}; clients: 25, 465, 587 closed"


ACTS = (
    each_client_sends,
    addresses_and_names_agree,
    records_are_literal,
    postfix_elsewhere,
    msmtp_elsewhere,
    mailrc_elsewhere,
    strangers_do_not_relay,
)

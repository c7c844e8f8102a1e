"""`basics`: one server that keeps its users' mail in Maildirs, and lets them read it by IMAP."""

import imaplib
import re
import smtplib

import dns.resolver

from lab.access import entered
from lab.imap import Imap
from lab.internet import laptop, send
from lab.internet.smtp import Internet
from lab.machines.network import DNS
from ops.lab.stories.stage import Stage, Unexpected, expect, refused, unsigned

JANE, TOM = "jane@example.com", "tom@example.com"
HOST = "mail.example.com"
LIMIT_MIB, TOMS_MIB = 20, 40
MIB = 1024 * 1024
ALWAYS = {"PIPELINING", f"SIZE {LIMIT_MIB * MIB}", "ENHANCEDSTATUSCODES", "8BITMIME", "CHUNKING"}
# EHLO keywords that strangers are not offered.
OURS = {"ETRN", "DSN"}
AUTH = "AUTH PLAIN LOGIN CRAM-MD5 DIGEST-MD5"


def mailbox(stage: Stage, login: str) -> Imap:
    """The login's own mailbox, open."""
    return _imap(stage, login, stage.password(login))


def _imap(stage: Stage, login: str, password: str) -> Imap:
    return Imap(stage.lab, stage.gateway.name, stage.gateway.address, login, password)


def records_are_literal(stage: Stage) -> str:
    """MX 10 leads to the server, SPF names it by `a:`, both with the TTL that the stack sets."""
    seen = []
    for kind, wanted in (("MX", f"10 {HOST}."), ("TXT", f'"v=spf1 a:{HOST} -all"')):
        found = stage.resolve("example.com", kind)
        expect(found == [wanted], f"{kind}: {found}")
        seen.append(wanted)
        ttl = _ttl(stage, "example.com", kind)
        expect(ttl == 3600, f"{kind}: TTL {ttl}")
    return f"{', '.join(seen)}, TTL 3600"


def _ttl(stage: Stage, name: str, kind: str) -> int:
    """A record's TTL at its zone's own name server."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [DNS]
    with entered(stage.lab.namespace):
        answer = resolver.resolve(name, kind)
    assert answer.rrset is not None
    return answer.rrset.ttl


def mail_from_outside_is_kept(stage: Stage) -> str:
    """Mail for jane is judged and kept in her Maildir on the data volume, closed to others."""
    subject = send.unique("to jane")
    stage.write(JANE, subject)
    with mailbox(stage, JANE) as inbox:
        message = inbox.wait_for(subject)
    results = " ".join(message.get_all("Authentication-Results", []))
    for verdict in ("spf=pass", "dkim=pass", "dmarc=pass"):
        expect(verdict in results, results)
    sender = f"<{stage.stranger.address}>"
    expect(message["Return-Path"] == sender, f"Return-Path: {message['Return-Path']}")
    home = "/srv/mail/mailboxes/example.com/jane"
    files = stage.run(stage.gateway, "find", home, "-printf", "%u %m %y %p\n").splitlines()
    open_ = [f for f in files if not re.match(r"vmail (700 d|600 f|444 f .*/dovecot-uidvalid)", f)]
    expect(open_ == [], f"{open_}")
    kept = [f for f in files if "/Maildir/new/" in f or "/Maildir/cur/" in f]
    return f"spf, dkim, dmarc pass; {kept[-1]}"


def colleagues_write_to_each_other(stage: Stage) -> str:
    """Jane writes to tom, which stays on the server, and to the world, where it passes."""
    inside, outside = send.unique("to tom"), send.unique("to the world")
    stage.submit(send.compose(f"Jane <{JANE}>", TOM, inside), JANE)
    stage.submit(send.compose(f"Jane <{JANE}>", send.RECIPIENT, outside), JANE, 465)
    with mailbox(stage, TOM) as inbox:
        found = inbox.wait_for(inside)
    expect(found["Return-Path"] == f"<{JANE}>", f"Return-Path: {found['Return-Path']}")
    return f"{found['Delivered-To']}; {stage.passed(outside, f'Jane <{JANE}>')}"


def other_names_reach_them(stage: Stage) -> str:
    """What is for jane+news@, info@, team@, postmaster@ and abuse@ comes to its readers."""
    readers = {
        "jane+news@example.com": [JANE],
        "info@example.com": [TOM],
        "team@example.com": [JANE, TOM],
        "postmaster@example.com": [JANE],
        "abuse@example.com": [JANE],
    }
    for recipient, logins in readers.items():
        subject = send.unique(f"to {recipient}")
        stage.write(recipient, subject)
        for login in logins:
            with mailbox(stage, login) as inbox:
                inbox.wait_for(subject)
    return "; ".join(f"{name} -> {', '.join(logins)}" for name, logins in readers.items())


def unknown_recipients_are_refused(stage: Stage) -> str:
    """Mail for an address that is not listed is refused at RCPT."""
    return refused(lambda: stage.write("nobody@example.com", "x"), 550)


def forged_mail_is_refused(stage: Stage) -> str:
    """Mail that claims to be from a domain with p=reject, and is not, is refused."""
    content = unsigned(stage.stranger.address, JANE, "x")
    return refused(lambda: stage.deliver(JANE, content, "me@inbox.example"), 550)


def each_port_says_what_it_offers(stage: Stage) -> str:
    """EHLO: no AUTH on 25 and on 587 before STARTTLS, all mechanisms on 587 and 465 inside TLS."""
    wanted = {
        (25, False): {*ALWAYS, "STARTTLS"},
        (25, True): ALWAYS,
        (587, False): {*ALWAYS, *OURS, "STARTTLS"},
        (587, True): {*ALWAYS, *OURS, AUTH},
        (465, True): {*ALWAYS, *OURS, AUTH},
    }
    for (port, tls), keywords in wanted.items():
        with _session(stage, port, tls) as session:
            _, text = session.ehlo()
            found = set(text.decode().splitlines()[1:])
            expect(found == keywords, f"{port}: {' | '.join(sorted(found))}")
    return "; ".join(
        f"{port}{' TLS' if tls else ''}: {', '.join(sorted(keywords))}"
        for (port, tls), keywords in wanted.items()
    )


def _session(stage: Stage, port: int, tls: bool) -> smtplib.SMTP:
    return Internet(stage.lab).connect(HOST, stage.gateway.address, port, tls=tls)


def nobody_is_told_who_is_here(stage: Stage) -> str:
    """VRFY is not answered."""
    with _session(stage, 25, True) as session:
        code, text = session.verify(JANE)
    expect(code == 502, f"{code} {text.decode()}")
    return f"{code} {text.decode()}"


def old_programs_log_in(stage: Stage) -> str:
    """A program that knows CRAM-MD5 or DIGEST-MD5 only logs in by it and sends."""
    seen = []
    for mechanism in ("CRAM-MD5", "DIGEST-MD5"):
        subject = send.unique(mechanism)
        _by_msmtp(stage, subject, send.RECIPIENT, auth=mechanism.lower())
        stage.passed(subject, JANE)
        line = f"sasl_method={mechanism}, sasl_username={JANE}"
        stage.run(stage.gateway, "grep", "-q", line, "/var/log/mail.log")
        seen.append(line)
    return "; ".join(seen)


def a_name_may_have_capitals(stage: Stage) -> str:
    """Phones begin a user name with a capital: it is the login's own on every port."""
    password, seen = stage.password(JANE), []
    for name in (JANE.capitalize(), JANE.upper(), "jAnE@Example.com"):
        for port in (587, 465):
            with stage.connect(port) as session:
                code, _ = session.login(name, password)
            expect(code == 235, f"{port}: {code}")
        with _imap(stage, name, password) as inbox:
            expect(inbox.noop()[0] == "OK", name)
        seen.append(name)
    return ", ".join(seen)


def _by_msmtp(stage: Stage, subject: str, recipient: str, auth: str = "plain") -> None:
    """Jane sends by msmtp, with the file of the stack's output."""
    file = stage.outputs.mail_programs.msmtp
    file = file.replace("PASSWORD", stage.password(JANE))
    file = file.replace("auth plain", f"auth {auth}")
    text = f"From: {JANE}\nSubject: {subject}\n\nHello.\n"
    result = laptop.run(
        stage.lab, f"msmtp {recipient} < /text", {"/root/.msmtprc": file, "/text": text}
    )
    expect(result.returncode == 0, result.stdout + result.stderr)


def bare_utf_8_arrives(stage: Stage) -> str:
    """A subject that a simple program sends as bare UTF-8 arrives as it was written."""
    subject = send.unique("Grüße aus Köln")
    _by_msmtp(stage, subject, TOM)
    with mailbox(stage, TOM) as inbox:
        return str(inbox.wait_for(subject.rpartition(" ")[2])["Subject"])


def large_messages_are_refused(stage: Stage) -> str:
    """A message over the limit is refused when its size is told, or at its end if it is not."""
    with _session(stage, 25, True) as session:
        told = session.docmd(f"MAIL FROM:<{stage.stranger.address}> SIZE={LIMIT_MIB * MIB + 1}")
    content = _large(LIMIT_MIB + 1)
    with _session(stage, 25, True) as session:
        session.mail(stage.stranger.address)
        session.rcpt(JANE)
        found = session.data(content)
    said = [f"{code} {text.decode()}" for code, text in (told, found)]
    expect(all(text.startswith("552 5.3.4") for text in said), f"{said}")
    return "; ".join(said)


def _large(mib: int, subject: str = "large") -> bytes:
    return unsigned("me@inbox.example", TOM, subject) + (b"x" * 62 + b"\r\n") * (mib * MIB // 64)


def a_full_mailbox_is_told_at_rcpt(stage: Stage) -> str:
    """With tom's quota used up his mail is refused at RCPT, until he has thrown something away."""
    subjects = [send.unique("large") for _ in range(TOMS_MIB // (LIMIT_MIB - 5) + 1)]
    everybody, again = send.unique("to the team"), send.unique("there is room")
    with mailbox(stage, TOM) as inbox:
        for subject in subjects:
            stage.deliver(TOM, _large(LIMIT_MIB - 5, subject), "me@inbox.example")
            inbox.wait_for(subject)
        said = refused(lambda: stage.write(TOM, "x"), 552)
        refused(lambda: stage.write("info@example.com", "x"), 552)
        refused(lambda: stage.submit(send.compose(JANE, TOM, "x"), JANE), 552)
        stage.write("team@example.com", everybody)
        with mailbox(stage, JANE) as other:
            other.wait_for(everybody)
        returned = f"to=<{TOM}>, orig_to=<team@example.com>.*status=bounced"
        wait = f"until grep -q '{returned}' /var/log/mail.log; do sleep 1; done"
        stage.run(stage.gateway, "timeout", "60", "sh", "-c", wait)
        # as most programs delete: move it to Trash, then expunge it there
        _, (large, *_) = inbox.uid("SEARCH", "LARGER", str(MIB))
        moved, answer = inbox.uid("MOVE", large.decode().replace(" ", ","), "Trash")
        expect(moved == "OK", f"{answer}")
        inbox.numbers("Trash")
        inbox.store("1:*", "+FLAGS", r"\Deleted")
        inbox.expunge()
        stage.write(TOM, again)
        inbox.wait_for(again)
    return f"{said}; his copy of what was for team@ was returned"


def owners_alone_read(stage: Stage) -> str:
    """A mailbox opens for its owner's password alone, and for nobody outside TLS."""
    try:
        _imap(stage, JANE, stage.password(TOM))
    except imaplib.IMAP4.error as error:
        said = str(error)
    else:
        raise Unexpected("tom's password opens jane's mailbox")
    expect(not stage.reaches(stage.gateway.address, 143), "port 143 answers")
    return f"{said}; 143 is closed"


ACTS = (
    records_are_literal,
    mail_from_outside_is_kept,
    colleagues_write_to_each_other,
    other_names_reach_them,
    unknown_recipients_are_refused,
    forged_mail_is_refused,
    each_port_says_what_it_offers,
    nobody_is_told_who_is_here,
    old_programs_log_in,
    a_name_may_have_capitals,
    bare_utf_8_arrives,
    large_messages_are_refused,
    a_full_mailbox_is_told_at_rcpt,
    owners_alone_read,
)

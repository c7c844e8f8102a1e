"""What enters by a login, a client or the host itself leaves with one author of ours, signed."""

import itertools
import json
import os
import re
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import dkim as dkimpy
import pytest
from authors.corpus import legitimate
from authors.fuzz import Fuzz
from authors.readers import all_readers
from sink import sink
from world import CLIENT, GATEWAY, LOGIN, OTHER_LOGIN, World

from lab.internet import send
from lab.internet.inbox import Message
from lab.internet.stranger import stranger
from lab.wait import until
from mail import dkim

FUZZ_MESSAGES = int(os.environ.get("MAIL_RELAY_FUZZ", "1000"))
FUZZ_SEED = int(os.environ.get("MAIL_RELAY_FUZZ_SEED", "1"))
MINE = re.compile(r"me(\+[^@]*)?@shop\.example")
GUARD = "mail-relay-guard.service"
TABLE = "/srv/mail/tables/current/guard.json"


def answer(session: smtplib.SMTP, content: bytes, recipient: str = send.RECIPIENT) -> str:
    """What the gateway says to a message, "250 ..." where it takes it."""
    session.mail(LOGIN)
    session.rcpt(recipient)
    code, text = session.docmd("DATA")
    assert code == 354, text
    session.send(re.sub(rb"(?m)^\.", b"..", content) + b"\r\n.\r\n")
    code, text = session.getreply()
    return f"{code} {text.decode()}"


def with_from(value: bytes, subject: str, more: bytes = b"") -> bytes:
    head = b"From:" + re.sub(rb"\r?\n", b"\r\n", value) + b"\r\n" + more
    return head + f"To: {send.RECIPIENT}\r\nSubject: {subject}\r\n\r\nHello.".encode()


@contextmanager
def no_limits(world: World) -> Iterator[None]:
    """A single sender may err as often as it likes: what is tried is not that."""
    lax = {
        "smtpd_client_auth_rate_limit": "0",
        "smtpd_soft_error_limit": "100000",
        "smtpd_hard_error_limit": "100000",
    }
    before = {name: world.run(GATEWAY, "postconf", "-h", name).strip() for name in lax}
    try:
        for name, value in lax.items():
            world.run(GATEWAY, "postconf", "-e", f"{name}={value}")
        world.run(GATEWAY, "postfix", "reload")
        yield
    finally:
        for name, value in before.items():
            world.run(GATEWAY, "postconf", "-e", f"{name}={value}")
        world.run(GATEWAY, "postfix", "reload")


def test_what_programs_write_passes_at_both_judges(world: World) -> None:
    values = legitimate(LOGIN)
    mark = send.unique("written by a program")
    with no_limits(world), world.session(587, login=LOGIN) as session:
        said = [
            answer(session, with_from(value, f"{mark} {number}"))
            for number, value in enumerate(values)
        ]
    refused = [(v, text) for v, text in zip(values, said, strict=True) if text[:3] != "250"]
    assert refused == []
    found = world.inbox.wait_for(lambda m: mark in m.subject, count=len(values), seconds=400)
    assert [(m.parsed["From"], m.verdicts) for m in found if not m.verdict.passes()] == []


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"From: ceo@bank.example (x", "not closed"),
        (b"From:\r\nFrom: Boss <ceo@bank.example>", "is empty"),
        (b"From: \r\n \r\nFrom: Boss <ceo@bank.example>", "is empty"),
        (b'From: "' + b"x" * 60_000 + b'" <ceo@bank.example>', "longer than 998 octets"),
        # with its name the line is cut, and longer then
        (b'From:\t"aa' + b" " * 980 + b'" <me@shop.example>', "longer than 998 octets"),
        (b"From: me@shop.example\r\nSender:\t(" + b" " * 980 + b") me@shop.example", "longer than"),
        (b"From: Me <me@shop.example>, <ceo@bank.example>", "not one author"),
        (b"From: Boss <ceo@bank.example>", "is in no domain of this server"),
        (b"From: <you@relay.example>", "this login may send as me@shop.example"),
        (b"From: me@shop.example\r\nFrom: me@shop.example", "2 From fields"),
        (b'From: "you@relay.example" <me@shop.example>', "shows another address"),
        (b"From: me@shop.example\r\nSender: ceo@bank.example", "Sender shows ceo@bank.example"),
        (b"From: me@shop.example\r\nResent-From: ceo@bank.example", "Resent-From shows"),
        (b"From: me@shop.example\r\nX: a\0b", "NUL|disallowed|character"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_who_is_refused_is_told_why_and_so_is_the_log(
    world: World, header: bytes, why: str
) -> None:
    with world.session(587, login=LOGIN) as session:
        said = answer(session, header + b"\r\nSubject: x\r\n\r\nHello.")
    assert said[:1] == "5", said
    assert re.search(why, said)
    if "character" not in why:
        until("the log says why", lambda: why in world.log(GATEWAY), 30)


def test_a_from_field_that_would_cost_seconds_is_answered_at_once(world: World) -> None:
    with world.session(587, login=LOGIN) as session:
        began = time.monotonic()
        said = answer(session, with_from(b" x" + b" " * 20_000 + b"<me@shop.example>", "slow"))
    assert said.startswith("550")
    assert time.monotonic() - began < 1


def test_no_reader_sees_an_author_whom_the_login_may_not_be(world: World) -> None:
    """The world decides: what leaves is read by programs that know nothing of each other."""
    fuzz, lock = Fuzz(FUZZ_SEED), threading.Lock()
    headers = [fuzz.header() for _ in range(FUZZ_MESSAGES)]
    numbers = itertools.count()
    said: dict[int, str] = {}

    def talk(domain: str) -> None:
        session = world.session(587, login=LOGIN)
        while True:
            with lock:
                number = next(numbers)
            if number >= len(headers):
                break
            content = headers[number] + b"To: x\r\nSubject: fuzz\r\n\r\nHello."
            said[number] = answer(session, content, f"n{number}@{domain}")
        session.quit()

    with stranger(world.lab) as far, sink(world.lab) as got, no_limits(world):
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(talk, [far.domain] * 6))
        taken = {n for n, text in said.items() if text[:3] == "250"}
        wanted = {f"n{number}@{far.domain}" for number in taken}
        until("all that was taken has left", lambda: wanted <= got.messages.keys(), 300)
        left = dict(got.messages)
    print(Counter(re.sub(r"[\w.+-]+@\S+", "@", text)[:60] for text in said.values()))
    assert {text[:1] for text in said.values()} <= {"2", "5"}
    assert left.keys() == wanted
    assert len(taken) >= FUZZ_MESSAGES / 50
    messages = list(left.values())
    unsigned = [m for m in messages if not signed(world, m)]
    assert unsigned == []
    for name, reader in all_readers().items():
        found = zip(messages, reader(messages), strict=True)
        others = [(m[:300], who) for m, who in found if not all(map(MINE.fullmatch, who))]
        assert others == [], name


def signed(world: World, message: bytes) -> bool:
    """Whether a message has one signature, by the author's domain, that verifies."""
    key = public_key(world, "shop.example")
    fields = re.findall(rb"(?m)^DKIM-Signature:", message.partition(b"\r\n\r\n")[0])
    by = re.search(rb"(?m)^DKIM-Signature:[^\r]*\sd=shop\.example;", message)
    return len(fields) == 1 and bool(by) and dkimpy.verify(message, dnsfunc=lambda *_, **__: key)


def public_key(world: World, domain: str, known: dict[str, bytes] = {}) -> bytes:  # noqa: B006
    """The key that the gateway signs a domain's mail with, as DNS has it."""
    if domain not in known:
        bundle = json.loads(world.run(GATEWAY, "cat", "/srv/mail/tables/bundle.json"))
        selectors = bundle["domains"][domain]["selectors"]
        known[domain] = dkim.record(selectors[-1]["privateKey"]).encode()
    return known[domain]


@pytest.mark.parametrize("sender", ["me+shop@shop.example", "ME@shop.example"])
def test_an_address_sends_with_anything_after_a_plus_as_it_receives(
    world: World, sender: str
) -> None:
    subject = send.unique("plus")
    message = send.compose(f"Me <{sender}>", send.RECIPIENT, subject)
    world.submit(message, sender=sender)
    assert world.arrived(subject).verdict.passes()


@pytest.mark.parametrize("host", [GATEWAY, CLIENT])
@pytest.mark.parametrize(
    "head", ["From: root (Cron Daemon)", "From: root", "From: Cron Daemon <root>"]
)
def test_what_cron_writes_reaches_the_operator(world: World, host: str, head: str) -> None:
    subject = send.unique("Cron <root@app> x")
    content = f"{head}\\nTo: root\\nSubject: {subject}\\n\\noutput\\n"
    command = f"printf '{content}' | /usr/sbin/sendmail -FCronDaemon -i -B8BITMIME -oem root"
    world.run(host, "sh", "-c", command)
    message = world.arrived(subject)
    assert message.recipient == world.operator
    assert message.verdict.passes(), message.raw


def test_a_program_of_a_hosts_user_writes_as_the_host_may(world: World) -> None:
    subject = send.unique("from www-data")
    text = f"To: {send.RECIPIENT}\\nSubject: {subject}\\n\\nHello.\\n"
    command = f"printf '{text}' | setpriv --reuid=33 --regid=33 --clear-groups sendmail -i -t"
    world.run(CLIENT, "sh", "-c", command)
    message = world.arrived(subject)
    assert message.verdict.passes()
    assert message.parsed["From"].addresses[0].addr_spec == "www-data@shop.example"


@pytest.mark.parametrize(
    ("user", "sender", "author", "arrives"),
    [
        ("nobody", "me@shop.example", "me@shop.example", False),
        ("nobody", "nobody@relay.example", "me@shop.example", False),
        ("nobody", "", "MAILER-DAEMON@relay.example", False),
        ("nobody", "nobody@relay.example", "nobody@relay.example", True),
        ("root", "root@relay.example", "me@shop.example", True),
        # what readers take for no author, or each for another one
        ("root", "root@relay.example", "me@shop.example (x", False),
        ("root", "root@relay.example", "\\nFrom: The Boss <me@shop.example>", False),
        ("root", "root@relay.example", f'"{"x" * 900} <me@shop.example>', False),
    ],
)
def test_the_gateways_own_users_write_as_themselves(
    world: World, user: str, sender: str, author: str, *, arrives: bool
) -> None:
    subject = send.unique("local")
    text = f"From: {author}\\nTo: {send.RECIPIENT}\\nSubject: {subject}\\n\\nHello.\\n"
    command = f"printf '{text}' | runuser -u {user} -- sendmail -i -f '{sender}' {send.RECIPIENT}"
    said = world.run(GATEWAY, "sh", "-c", command, check=False)
    if arrives:
        assert world.arrived(subject).verdict.passes(), said
        return
    until("the queue is empty", lambda: world.queue() == "")
    assert [m for m in world.inbox.messages() if m.subject == subject] == []


def is_about(subject: str, message: Message) -> bool:
    return message.subject != subject and subject in message.raw


def test_only_postfix_hands_in_at_the_second_pass(world: World) -> None:
    connect = "import socket; socket.create_connection(('127.0.0.1', 10026), 5)"
    for user in ("nobody", "opendkim", "root"):
        said = world.run(
            GATEWAY, "runuser", "-u", user, "--", "python3", "-c", connect, check=False
        )
        assert "ConnectionRefusedError" in said, user
    assert world.run(GATEWAY, "runuser", "-u", "postfix", "--", "python3", "-c", connect) == ""


def test_a_client_with_one_address_has_a_way_out_for_its_own_mail(world: World) -> None:
    settings = world.settings()
    settings["mail-relay:clients"][0]["sendAs"] = ["info@shop.example"]
    subjects = [send.unique("disk full"), send.unique("to nowhere"), send.unique("to nobody")]
    try:
        world.apply(settings)
        world.pull_tables()
        world.run(
            CLIENT, "sh", "-c", f"printf 'Subject: {subjects[0]}\\n\\nfull\\n' | sendmail -i root"
        )
        message = world.arrived(subjects[0])
        assert message.recipient == world.operator
        assert message.verdict.passes()
        # the first notice is the gateway's, the second the client's own, whom the gateway told no
        makers = {"who@nowhere.invalid": GATEWAY, "nobody-here@shop.example": CLIENT}
        for subject, (recipient, maker) in zip(subjects[1:], makers.items(), strict=True):
            text = f"Subject: {subject}\\n\\nHello.\\n"
            command = f"printf '{text}' | sendmail -i -f info@shop.example {recipient}"
            world.run(CLIENT, "sh", "-c", command)
            (notice,) = world.inbox.wait_for(partial(is_about, subject))
            assert notice.verdict.dmarc == "pass"
            assert f"Reporting-MTA: dns; {maker}" in notice.raw
    finally:
        world.apply(world.settings())
        world.pull_tables()


def test_a_login_is_told_to_log_in(world: World) -> None:
    for port in (587, 465):
        with world.session(port) as session:
            session.mail(LOGIN)
            code, text = session.rcpt(send.RECIPIENT)
        assert code == 530, text
        assert b"Authentication required" in text


def test_an_open_session_ends_when_its_login_changes(world: World) -> None:
    settings = world.settings()
    other = next(x for x in settings["mail-relay:logins"] if x["address"] == OTHER_LOGIN)
    other["sendAs"] = ["info@shop.example"]
    with world.session(587, login=OTHER_LOGIN) as session, world.session(587, login=LOGIN) as mine:
        message = send.compose("info@shop.example", send.RECIPIENT, send.unique("before"))
        session.send_message(message, from_addr="info@shop.example")
        try:
            world.apply(settings)
            world.pull_tables()
            with pytest.raises(smtplib.SMTPException) as caught:
                session.send_message(message, from_addr="info@shop.example")
            assert "421" in str(caught.value)
            assert "log in again" in str(caught.value)
            # whose login is as it was, goes on
            mine.send_message(send.compose(LOGIN, send.RECIPIENT, send.unique("as before")))
        finally:
            world.apply(world.settings())
            world.pull_tables()


def test_without_the_guard_mail_waits_at_its_sender(world: World) -> None:
    message = with_from(f" {LOGIN}".encode(), send.unique("without the guard"))
    with world.session(587, login=LOGIN) as session:
        assert answer(session, message)[:3] == "250"
    try:
        world.run(GATEWAY, "systemctl", "stop", "mail-relay-guard.service")
        with world.session(587, tls=False) as session:
            code, text = session.docmd("STARTTLS")
        assert 400 <= code < 500, text
        with world.session(25, tls=False) as session:
            code, text = session.mail("someone@inbox.example")
        assert code == 451, text
    finally:
        world.run(GATEWAY, "systemctl", "start", "mail-relay-guard.service")
    with world.session(587, login=LOGIN) as session:
        assert answer(session, message)[:3] == "250"


def test_a_guard_that_is_killed_comes_back(world: World) -> None:
    show = ["systemctl", "show", "-P", "MainPID", "mail-relay-guard.service"]
    for _ in range(8):
        before = world.run(GATEWAY, *show).strip()
        world.run(GATEWAY, "kill", "-9", before)
        until(
            "there is another guard",
            lambda before=before: world.run(GATEWAY, *show).strip() not in ("0", before),
        )
    until(
        "it serves",
        lambda: world.run(GATEWAY, "systemctl", "is-active", GUARD, check=False).strip()
        == "active",
    )
    assert world.failed_units(GATEWAY) == ""


def test_a_guard_that_cannot_read_its_table_refuses_for_now(world: World) -> None:
    message = with_from(f" {LOGIN}".encode(), "unreadable")
    world.run(GATEWAY, "cp", "-p", TABLE, f"{TABLE}.kept")
    try:
        world.run(GATEWAY, "sh", "-c", f"echo '{{' > {TABLE}")
        with world.session(587, login=LOGIN) as session:
            assert answer(session, message)[:3] == "451"
    finally:
        world.run(GATEWAY, "mv", f"{TABLE}.kept", TABLE)
    with world.session(587, login=LOGIN) as session:
        assert answer(session, message)[:3] == "250"


def test_the_guard_reads_no_key_and_no_password(world: World) -> None:
    user = ["runuser", "-u", "mail-guard", "--"]
    assert "logins" in world.run(GATEWAY, *user, "cat", TABLE)
    for path in ("/srv/mail/tables/current/passwords.smtp", "/srv/mail/tables/bundle.json"):
        assert "denied" in world.run(GATEWAY, *user, "cat", path, check=False)
    keys = "cat /srv/mail/tables/current/keys/*/*.pem"
    assert "denied" in world.run(GATEWAY, *user, "sh", "-c", keys, check=False)
    for login in (LOGIN, OTHER_LOGIN):
        assert world.password(login) not in world.run(GATEWAY, "cat", TABLE)


@pytest.mark.parametrize(
    ("octets", "code"), [(70_000, "250"), (400_000, "250"), (1_200_000, "5")], ids=str
)
def test_a_large_header_is_signed_or_refused_for_good(world: World, octets: int, code: str) -> None:
    more = b"".join(b"X-Pad-%d: %s\r\n" % (n, b"x" * 900) for n in range(octets // 910))
    message = with_from(f" {LOGIN}".encode(), "large header", more)
    with stranger(world.lab) as far, sink(world.lab) as got:
        with world.session(587, login=LOGIN) as session:
            said = answer(session, message, f"reader@{far.domain}")
        assert said.startswith(code)
        if code == "250":
            until("it has left", lambda: got.messages)
            (found,) = got.messages.values()
            assert signed(world, found)


def test_nothing_in_the_inbox_came_from_the_gateway_unsigned(world: World) -> None:
    """Over all that the tests before this one have sent; others' mail is judged, and as it was."""
    sent = [m for m in world.inbox.messages() if m.client_name == GATEWAY]
    ours = [m for m in sent if f"Authentication-Results: {GATEWAY};" not in m.raw]
    assert ours
    unsigned = [m.raw[:500] for m in ours if "DKIM-Signature:" not in m.raw]
    assert unsigned == []

"""Who takes too much is held, and everybody else is served beside."""

import json
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest
from elsewhere import addresses, guess, login, session
from world import GATEWAY, LOGIN, OTHER_LOGIN, World

from lab.access import entered
from lab.internet import send
from lab.wait import until

GUESSED = [f"{name}@shop.example" for name in ("admin", "info", "sales", "root", "test", "office")]


@pytest.fixture
def forgiven(world: World) -> Iterator[None]:
    """No address has failed before, and none has afterwards."""
    forgive(world)
    yield
    forgive(world)


def forgive(world: World) -> None:
    world.run(GATEWAY, "fail2ban-client", "unban", "--all")
    world.run(GATEWAY, "truncate", "--size=0", "/var/log/mail-failures.log")
    world.run(GATEWAY, "fail2ban-client", "restart", "mail-relay")


def held(world: World, kind: str, address: str) -> bool:
    listed = world.run(GATEWAY, "nft", "list", "set", "ip", "guessing", kind)
    return f"{address} " in listed


@pytest.mark.parametrize("port", [587, 465])
def test_who_guesses_at_many_logins_is_shut_out_and_nobody_else(
    world: World, port: int, forgiven: None
) -> None:
    with addresses(world.lab, 2) as (guesser, user):
        for number in range(12):
            login(world, guesser, port, GUESSED[number % len(GUESSED)], f"password-{number}")
        until("it is shut out", lambda: held(world, "banned", guesser), 20)
        for other in (587, 465):
            assert login(world, guesser, other, LOGIN, world.password()) == "shut out"
            assert login(world, user, other, LOGIN, world.password()) == "yes"
        # mail for us is still taken from there: who else is behind the address is not known
        assert session(world, guesser, 25).quit()[0] == 221


def test_one_users_wrong_password_slows_its_office_down_and_shuts_nobody_out(
    world: World, forgiven: None
) -> None:
    with addresses(world.lab, 1) as (office,):
        for _ in range(10):
            assert login(world, office, 587, LOGIN, "forgotten") == "no"
        until("it is slowed down", lambda: held(world, "slowed", office), 20)
        end, guesses = time.monotonic() + 30, 0
        while time.monotonic() < end:
            guesses += login(world, office, 587, LOGIN, "forgotten") == "no"
        # ten at once, and ten a minute from then on
        assert guesses <= 18
        assert not held(world, "banned", office)
        assert login(world, office, 465, OTHER_LOGIN, world.password(OTHER_LOGIN)) == "yes"
        assert login(world, office, 587, LOGIN, world.password()) == "yes"


def test_a_slowed_connection_has_one_guess(world: World, forgiven: None) -> None:
    with addresses(world.lab, 1) as (office,):
        for _ in range(10):
            login(world, office, 465, LOGIN, "forgotten")
        until("it is slowed down", lambda: held(world, "slowed", office), 20)
        with session(world, office, 465) as made:
            with pytest.raises(smtplib.SMTPAuthenticationError):
                guess(made, LOGIN, "forgotten")
            with pytest.raises((smtplib.SMTPException, OSError)) as caught:
                guess(made, LOGIN, "forgotten")
        assert "535" not in str(caught.value)


@pytest.mark.parametrize("port", [587, 465])
def test_a_slowed_session_may_finish_when_its_address_is_forgiven(
    world: World, port: int, forgiven: None
) -> None:
    with addresses(world.lab, 1) as (office,):
        for _ in range(10):
            login(world, office, port, LOGIN, "forgotten")
        until("it is slowed down", lambda: held(world, "slowed", office), 20)
        with session(world, office, port) as made:
            guess(made, LOGIN, world.password())
            world.run(GATEWAY, "nft", "flush", "set", "ip", "guessing", "slowed")
            assert made.noop()[0] == 250


def test_a_client_host_is_never_taken_for_a_guesser(world: World, forgiven: None) -> None:
    """Its programs send whatever they hold for passwords; the host's own mail must leave."""
    (own,) = [client.address for client in world.outputs.clients]
    code = world.run(
        GATEWAY,
        "sh",
        "-c",
        f"python3 /usr/local/lib/mail-relay/agent/guessing.py {own} 60 $(date +%s) 10 5; "
        "nft list table ip guessing",
    )
    assert own not in code


def test_eighty_sessions_a_minute_log_in(world: World) -> None:
    """Programs log in anew for each message of a newsletter."""
    begun = time.monotonic()
    with addresses(world.lab, 1) as (user,):
        answers = {login(world, user, 587, LOGIN, world.password()) for _ in range(80)}
    assert answers == {"yes"}
    assert time.monotonic() - begun < 60, "the test has to be quick enough to say anything"


@pytest.mark.parametrize("port", [587, 465])
def test_a_server_without_a_certificate_is_nobody_to_log_in_to(world: World, port: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("aNULL:@SECLEVEL=0")
    with entered(f"{world.lab.namespace}-probe"):
        plain = socket.create_connection((world.gateway.address, port), timeout=30)
    with plain:
        if port == 587:
            file = plain.makefile("rwb")
            assert file.readline().startswith(b"220")
            file.write(b"STARTTLS\r\n")
            file.flush()
            assert file.readline().startswith(b"220")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            context.wrap_socket(plain)


LIMITED = "few@shop.example"


@pytest.fixture(scope="module")
def limited(world: World) -> Iterator[str]:
    """A login that may send 5 messages and 8 recipients in an hour."""
    config = world.settings()
    own = {"messagesPerHour": 5, "recipientsPerHour": 8}
    config["mail-relay:logins"].append({"address": LIMITED, "limits": own})
    world.apply(config)
    world.pull_tables()
    yield LIMITED
    world.apply(world.settings())
    world.pull_tables()


def hand_in(made: smtplib.SMTP, recipients: int, *, by: str = "DATA") -> int:
    """The answer to a message, or to the command that begins it."""
    made.mail(LIMITED)
    for number in range(recipients):
        made.rcpt(f"me+{number}@inbox.example")
    text = f"From: {LIMITED}\r\nTo: {send.RECIPIENT}\r\nSubject: limits\r\n\r\nHello.\r\n"
    if by == "BDAT":
        made.send(f"BDAT {len(text)} LAST\r\n{text}")
        code = made.getreply()[0]
    else:
        code = made.docmd("DATA")[0]
        if code == 354:
            made.send(text + ".\r\n")
            code = made.getreply()[0]
    made.rset()
    return code


FORGET = """
import glob, sqlite3
for file in glob.glob("/run/mail-relay-limits/*/counts.sqlite3"):
    with sqlite3.connect(file) as database:
        database.execute("DELETE FROM mail_count")
        database.execute("DELETE FROM limit_report")
"""


def begin_anew(world: World) -> None:
    """As if nothing had been sent today."""
    world.run(GATEWAY, "python3", "-c", FORGET)
    told = ("/var/lib/mail-relay/limits.json", "/run/mail-relay/limited.json")
    world.run(GATEWAY, "rm", "-f", *told)


@pytest.mark.parametrize("by", ["DATA", "BDAT"])
@pytest.mark.parametrize(("recipients", "taken"), [(1, 5), (3, 2), (9, 0)])
def test_a_login_sends_so_many_messages_and_recipients_and_no_more(
    world: World, limited: str, recipients: int, taken: int, by: str
) -> None:
    """A stolen password is no spam run. 4xx: a program that sends too fast comes back with it."""
    begin_anew(world)
    with world.session(587, login=limited) as made:
        answers = [hand_in(made, recipients, by=by) for _ in range(taken + 2)]
    assert answers == [250] * taken + [450] * 2


def test_the_operator_hears_of_a_limit_once_and_everybody_sees_it(
    world: World, limited: str
) -> None:
    begin_anew(world)
    begun = time.time()
    for _ in range(2):
        with world.session(465, login=limited) as made:
            for _ in range(6):
                hand_in(made, 1)
        world.run(GATEWAY, "systemctl", "start", "mail-relay-limits.service")
    subject = f"{limited} has reached its limit at {GATEWAY}"
    world.inbox.wait_for(lambda m: m.subject == subject and m.arrived > begun)
    world.all_left(world.operator)
    letters = world.inbox.wait_for(lambda m: m.subject == subject and m.arrived > begun)
    assert len(letters) == 1
    assert "messages in an hour" in letters[0].raw
    world.run(GATEWAY, "systemctl", "start", "mail-relay-status.service")
    status = json.loads(world.run(GATEWAY, "cat", "/run/mail-relay/status.json"))
    assert status["limited"] == {limited: "messages in an hour"}
    assert f"sasl_username={limited}" in world.log(GATEWAY).partition("450 4.7.1")[2]


def test_without_its_keeper_nobodys_limit_is_open(world: World, limited: str) -> None:
    begin_anew(world)
    world.run(GATEWAY, "systemctl", "stop", "mail-relay-limit@messages.service")
    try:
        with world.session(587, login=limited) as made:
            assert hand_in(made, 1) == 451
    finally:
        world.run(GATEWAY, "systemctl", "start", "mail-relay-limit@messages.service")

"""What a login or a client writes that others would believe, or cannot take."""

import smtplib

import pytest
from world import CLIENT, GATEWAY, LOGIN, OTHER_LOGIN, World

from lab.internet import send


def test_a_login_writes_no_verdict_in_our_name(world: World) -> None:
    subject = send.unique("a verdict of his own")
    forged = f"Authentication-Results: {GATEWAY}; dmarc=pass header.from=bank.example"
    text = f"From: {LOGIN}\r\n{forged}\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    with world.session(587, login=LOGIN) as session:
        session.sendmail(LOGIN, [send.RECIPIENT], text)
    assert "bank.example" not in world.arrived(subject).raw


@pytest.mark.parametrize(
    ("recipient", "why"),
    [
        (b"jan\xe9@inbox.example", "5.6.7"),
        ("jan\u00e9@inbox.example".encode(), "5.6.7"),
        (f"nobounce@{GATEWAY}".encode(), "takes notices"),
        (f"SRS0=AAAA=AA=inbox.example=me@{GATEWAY}".encode(), "takes notices"),
    ],
)
def test_what_a_login_cannot_write_to_is_refused_at_once(
    world: World, recipient: bytes, why: str
) -> None:
    with world.session(587, login=LOGIN) as session:
        session.mail(LOGIN)
        session.send(b"RCPT TO:<" + recipient + b">\r\n")
        code, text = session.getreply()
    assert 550 <= code < 560, text
    assert why in text.decode(), text


def test_a_header_in_utf_8_from_the_clients_shell_arrives_where_smtputf8_is_unknown(
    world: World,
) -> None:
    subject = send.unique("Gr\u00fc\u00dfe")
    text = f"From: app@shop.example\nTo: {send.RECIPIENT}\nSubject: {subject}\n\nHallo.\n"
    world.inbox.run("postconf", "-e", "smtpd_discard_ehlo_keywords=smtputf8")
    world.inbox.run("postfix", "reload")
    try:
        command = f"printf '%s' \"$1\" | sendmail -f app@shop.example {send.RECIPIENT}"
        world.run(CLIENT, "sh", "-c", command, "sh", text)
        assert world.arrived(subject).verdict.passes()
    finally:
        world.inbox.run("postconf", "-X", "smtpd_discard_ehlo_keywords")
        world.inbox.run("postfix", "reload")


def test_an_open_session_hears_that_its_login_is_removed(world: World) -> None:
    counted, without = world.settings(), world.settings()
    logins = counted["mail-relay:logins"]
    next(x for x in logins if x["address"] == OTHER_LOGIN)["limits"] = {"messagesPerHour": 100}
    without["mail-relay:logins"] = [x for x in logins if x["address"] != OTHER_LOGIN]
    message = send.compose(OTHER_LOGIN, send.RECIPIENT, send.unique("while it is there"))
    try:
        world.apply(counted)
        world.pull_tables()
        with world.session(587, login=OTHER_LOGIN) as session:
            session.send_message(message)
            world.apply(without)
            world.pull_tables()
            with pytest.raises(smtplib.SMTPException, match="changed or removed"):
                session.send_message(message)
    finally:
        world.apply(world.settings())
        world.pull_tables()

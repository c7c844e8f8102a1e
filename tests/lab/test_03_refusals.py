"""What the gateway refuses, spoken by SMTP from the lab's internet."""

import smtplib
import socket
import ssl
from typing import Any

import pytest
from outside import answer, letter
from world import GATEWAY, LOGIN, OTHER_LOGIN, World

from lab.access import entered
from lab.internet import send
from lab.internet.smtp import Internet

STRANGER = "someone@inbox.example"


def refusal(session: Any, sender: str, recipient: str) -> tuple[int, bytes]:
    """The first refusal on the way to a recipient, or (250, ...)."""
    code, text = session.mail(sender)
    # not session.rcpt(): smtplib would tidy the address that is tried
    return session.docmd("RCPT", f"TO:<{recipient}>") if code == 250 else (code, text)


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        (STRANGER, "other@inbox.example"),
        (STRANGER, "other%inbox.example@relay.example"),
        (STRANGER, '"other@inbox.example"@relay.example'),
        (STRANGER, "@relay.example:other@inbox.example"),
        ("", "other@inbox.example"),
    ],
)
def test_port_25_relays_for_no_stranger(world: World, sender: str, recipient: str) -> None:
    with world.session(25, tls=False) as session:
        code, text = refusal(session, sender, recipient)
    assert 500 <= code < 600, text


def test_a_stranger_on_25_does_not_send_as_one_of_our_domains(world: World) -> None:
    code, text = answer(world, "me@relay.example", letter(f"From: {STRANGER}", "x"), LOGIN)
    assert code == 550, text


@pytest.mark.parametrize("port", [587, 465])
def test_submission_takes_nothing_without_a_login(world: World, port: int) -> None:
    with world.session(port) as session:
        code, text = refusal(session, LOGIN, send.RECIPIENT)
    assert 500 <= code < 600, text


def test_auth_is_not_offered_on_25(world: World) -> None:
    with world.session(25) as session:
        assert "auth" not in session.esmtp_features
        assert session.docmd("AUTH", "PLAIN AAAA")[0] in (502, 503)


def test_auth_is_not_offered_before_tls(world: World) -> None:
    with world.session(587, tls=False) as session:
        assert "starttls" in session.esmtp_features
        assert "auth" not in session.esmtp_features
        assert session.docmd("AUTH", "PLAIN AAAA")[0] == 530


def test_the_mechanisms_are_plain_and_login(world: World) -> None:
    with world.session(587) as session:
        assert set(session.esmtp_features["auth"].split()) == {"PLAIN", "LOGIN"}


@pytest.mark.parametrize("port", [587, 465])
def test_a_wrong_password_is_refused(world: World, port: int) -> None:
    with (
        world.session(port) as session,
        pytest.raises(smtplib.SMTPAuthenticationError) as caught,
    ):
        session.login(LOGIN, "wrong-password")
    assert caught.value.smtp_code == 535


@pytest.mark.parametrize(
    "sender", [OTHER_LOGIN, "sales@shop.example", "ceo@inbox.example", "me@sub.shop.example"]
)
def test_a_login_is_held_to_its_own_envelope_sender(world: World, sender: str) -> None:
    with world.session(587, login=LOGIN) as session:
        code, text = refusal(session, sender, send.RECIPIENT)
    assert code == 553, text


@pytest.mark.parametrize(
    "headers",
    [
        f"From: {OTHER_LOGIN}",
        "From: sales@shop.example",
        "From: ceo@inbox.example",
        f"From: {LOGIN}\r\nFrom: {OTHER_LOGIN}",
        f"From: {LOGIN}, {OTHER_LOGIN}",
        "From: =?utf-8?q?you=40relay=2Eexample?=",
        f"From: =?utf-8?q?you=40relay=2Eexample?= <{LOGIN}>",
        f"From: =?utf-8?b?eW91QHJlbGF5LmV4YW1wbGU=?= <{LOGIN}>",
        f'From: "{OTHER_LOGIN}" <{LOGIN}>',
        f"From: {LOGIN} <{OTHER_LOGIN}>",
        f"From: <{LOGIN}> <{OTHER_LOGIN}>",
        f"From:\r\n {OTHER_LOGIN}",
        f"From: ({LOGIN}) {OTHER_LOGIN}",
    ],
)
def test_a_login_is_held_to_its_own_from(world: World, headers: str) -> None:
    text = f"{headers}\r\nTo: {send.RECIPIENT}\r\n\r\nHello.\r\n"
    with (
        world.session(587, login=LOGIN) as session,
        pytest.raises(smtplib.SMTPDataError) as caught,
    ):
        session.sendmail(LOGIN, [send.RECIPIENT], text)
    assert caught.value.smtp_code == 550, headers


@pytest.mark.parametrize(
    "sender",
    [
        f"Me <{LOGIN}>",
        f'"Doe, Jane" <{LOGIN}>',
        f"=?utf-8?q?J=C3=B6rg?= <{LOGIN}>",
        f"=?UTF-8?B?SsO2cmc=?= <{LOGIN}>",
        f"<{LOGIN}>",
        "Me@Shop.Example",
    ],
)
def test_names_that_people_have_are_taken(world: World, sender: str) -> None:
    subject = send.unique("named")
    text = f"From: {sender}\r\nTo: {send.RECIPIENT}\r\nSubject: {subject}\r\n\r\nHello.\r\n"
    with world.session(587, login=LOGIN) as session:
        session.sendmail(LOGIN, [send.RECIPIENT], text)
    assert world.arrived(subject).verdict.passes()


def test_vrfy_is_off(world: World) -> None:
    with world.session(25, tls=False) as session:
        assert session.verify("postmaster")[0] in (252, 502)


def test_a_bare_newline_is_refused(world: World) -> None:
    with world.session(587, login=LOGIN) as session:
        session.mail(LOGIN)
        session.rcpt(send.RECIPIENT)
        assert session.docmd("DATA")[0] == 354
        session.send(f"From: {LOGIN}\r\nSubject: x\r\n\r\na\n.\nMAIL FROM:<x@y.example>\r\n.\r\n")
        code, text = session.getreply()
    assert code in (521, 550), text


def test_old_tls_is_refused(world: World) -> None:
    context = Internet(world.lab).context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with entered(f"{world.lab.namespace}-probe"):
        plain = socket.create_connection((world.gateway.address, 465), timeout=60)
    with plain, pytest.raises((ssl.SSLError, ConnectionResetError)) as caught:
        context.wrap_socket(plain, server_hostname=GATEWAY)
    assert "CERTIFICATE" not in str(caught.value)

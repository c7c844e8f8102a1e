"""Mail that breaks signatures elsewhere, receivers that make it hard, and what senders are told."""

import hashlib
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.policy import SMTP

import pytest
from world import GATEWAY, LOGIN, OTHER_LOGIN, World, wait_until

from lab import send

LINE_OCTETS = 998  # RFC 5322, 2.1.1


@contextmanager
def receiver(world: World, setting: str) -> Iterator[None]:
    """The receiving provider with one setting of Postfix changed."""
    name = setting.partition("=")[0].strip()
    before = world.inbox.run("postconf", "-h", name).strip()
    try:
        world.inbox.run("postconf", "-e", setting)
        world.inbox.run("postfix", "reload")
        yield
    finally:
        world.inbox.run("postconf", "-e", f"{name}={before}")
        world.inbox.run("postfix", "reload")


def raw(subject: str, encoding: str, body: bytes) -> bytes:
    head = (
        f"From: {LOGIN}\r\nTo: {send.RECIPIENT}\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize("ehlo", ["", "8bitmime"], ids=["ordinary", "without 8BITMIME"])
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("8bit", "Grüße aus Köln.\r\n".encode(), id="8-bit text"),
        pytest.param("7bit", b"x" * 5000 + b"\r\nThe end.\r\n", id="a long line"),
        pytest.param("7bit", b"0123456789\r\n" * 20_000 + b"x" * 3000 + b"\r\n", id="far down"),
        pytest.param("8bit", ("ü" * 3000 + "\r\n").encode(), id="a long 8-bit line"),
        pytest.param("7bit", b"x" * 998 + b"\r\n", id="just 998 octets"),
    ],
)
def test_what_a_receiver_could_rewrite_is_rewritten_before_it_is_signed(
    world: World, ehlo: str, encoding: str, body: bytes
) -> None:
    subject = send.unique("hard")
    with receiver(world, f"smtpd_discard_ehlo_keywords={ehlo}"):
        with world.session(587, login=LOGIN) as session:
            options = ["BODY=8BITMIME"] if encoding == "8bit" else []
            session.sendmail(LOGIN, [send.RECIPIENT], raw(subject, encoding, body), options)
        message = world.arrived(subject)
    assert message.verdict.passes(), message.verdicts
    assert message.raw.isascii()
    assert max(len(line) for line in message.raw.splitlines()) <= LINE_OCTETS
    text = message.parsed.get_content().replace("\r\n", "\n")
    # a line that is cut goes on after a line break and a space
    assert text.replace("\n ", "") == body.decode().replace("\r\n", "\n")


def test_ten_mebibytes_arrive_whole(world: World) -> None:
    content = os.urandom(10 * 1024 * 1024)
    message = send.compose(LOGIN, send.RECIPIENT, send.unique("Größe"))
    message.add_attachment(content, maintype="application", subtype="octet-stream")
    world.submit(message)
    found = world.arrived(message["Subject"])
    assert found.verdict.passes()
    (attachment,) = found.parsed.iter_attachments()
    digest = hashlib.sha256(attachment.get_content()).hexdigest()
    assert digest == hashlib.sha256(content).hexdigest()


def test_fifty_recipients_get_one_message_each(world: World) -> None:
    subject = send.unique("to all")
    recipients = [f"reader{number}@inbox.example" for number in range(50)]
    with world.session(587, login=LOGIN) as session:
        message = send.compose(LOGIN, "all@inbox.example", subject)
        session.sendmail(LOGIN, recipients, message.as_bytes(policy=SMTP))
    found = world.inbox.wait_for(lambda m: m.subject == subject, count=50)
    assert sorted(m.recipient for m in found) == sorted(recipients)
    assert all(m.verdict.passes() for m in found)


def test_mail_passes_a_receiver_that_says_later_first(world: World) -> None:
    table = "inline:{{inbox.example = 450 4.2.0 Greylisted}}"
    grey = f"smtpd_recipient_restrictions=check_recipient_access {table}"
    subject = send.unique("greylisted")
    with receiver(world, grey):
        world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
        wait_until("the gateway was told later", lambda: "Greylisted" in world.queue())
    world.run(GATEWAY, "postqueue", "-f")
    assert world.arrived(subject).verdict.passes()


def test_a_bounce_says_clearly_what_went_wrong_and_is_signed(world: World) -> None:
    subject = send.unique("to nowhere")
    message = send.compose(OTHER_LOGIN, "who@nowhere.invalid", subject)
    world.submit(message, OTHER_LOGIN)
    (notice,) = world.inbox.wait_for(lambda m: m.subject != subject and subject in m.raw)
    assert notice.recipient == "all@inbox.example"  # who reads you@relay.example
    assert notice.verdict.dkim == "pass"
    assert notice.verdict.dmarc == "pass"
    assert notice.parsed.get_content_type() == "multipart/report"  # RFC 3464
    assert "<who@nowhere.invalid>: Host or domain name not found" in " ".join(notice.raw.split())


def test_a_renewed_certificate_is_picked_up_with_connections_open(world: World) -> None:
    def serial() -> bytes:
        with world.session(465) as session:
            assert isinstance(session.sock, ssl.SSLSocket)
            certificate = session.sock.getpeercert(binary_form=True)
        assert certificate
        return certificate

    before, subject = serial(), send.unique("over the renewal")
    with world.session(587, login=LOGIN) as session:
        world.run(GATEWAY, "certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
        wait_until("the new certificate is shown", lambda: serial() != before, 60, every=1)
        session.send_message(send.compose(LOGIN, send.RECIPIENT, subject))
    assert world.arrived(subject).verdict.passes()
    assert world.failed_units(GATEWAY) == ""

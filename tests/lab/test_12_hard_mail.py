"""Mail that breaks signatures elsewhere, receivers that make it hard, and what senders are told."""

import hashlib
import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.policy import SMTP
from typing import Any

import pytest
from world import GATEWAY, LOGIN, OTHER_LOGIN, World

from lab.internet import send
from lab.wait import until

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


IDS = " ".join(f"<{number:044}@shop.example>" for number in range(25))
CC = ", ".join(f"Reader {number} <reader{number}@inbox.example>" for number in range(60))
MULTIPART = (
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    "{part}\r\n\r\nHello.\r\n--b--"
)
PLAIN = "{field}\r\n\r\nHello."
ATTACHED = MULTIPART.replace("{part}", "Content-Type: message/rfc822\r\n\r\n{part}")


@pytest.mark.parametrize(
    ("where", "field", "kept"),
    [
        pytest.param(PLAIN, f"References: {IDS}", IDS, id="References on one line"),
        pytest.param(PLAIN, f"Cc: {CC}", CC, id="60 recipients on one line"),
        pytest.param(
            PLAIN, f"List-Unsubscribe: <https://shop.example/u?{'t' * 1100}>", None, id="URL"
        ),
        pytest.param(PLAIN, f"X-Note: {'x' * 1100}", None, id="a long word"),
        pytest.param(PLAIN, f"X-Note: a\r\n {'Grüße ' * 300}", None, id="8-bit, folded once"),
        pytest.param(
            MULTIPART,
            f'Content-Type: text/plain; name="{"n" * 1200}.txt"',
            None,
            id="a part's file name",
        ),
        pytest.param(ATTACHED, f"References: {IDS}", None, id="an attached message's References"),
    ],
)
def test_long_lines_of_a_header_are_folded_before_it_is_signed(
    world: World, where: str, field: str, kept: str | None
) -> None:
    subject = send.unique("long header")
    head = f"From: {LOGIN}\r\nTo: {send.RECIPIENT}\r\nSubject: {subject}\r\n"
    content = head + where.format(field=field, part=field)
    with world.session(587, login=LOGIN) as session:
        session.sendmail(LOGIN, [send.RECIPIENT], content.encode())
    message = world.arrived(subject)
    assert message.verdict.passes(), message.raw
    assert max(len(line) for line in message.raw.splitlines()) <= LINE_OCTETS
    name = field.partition(":")[0]
    if kept is not None:
        # where there was white space, and nowhere else
        found = message.raw.partition(f"\n{name}: ")[2]
        assert re.sub(r"\r?\n([ \t])", r"\1", found).startswith(kept)


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
        until("the gateway was told later", lambda: "Greylisted" in world.queue())
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
        until("the new certificate is shown", lambda: serial() != before, 60, every=1)
        session.send_message(send.compose(LOGIN, send.RECIPIENT, subject))
    assert world.arrived(subject).verdict.passes()
    assert world.failed_units(GATEWAY) == ""


def challenge_records(world: World, action: str = "", **record: Any) -> list[dict[str, Any]]:
    """The TXT record sets at the challenge of the gateway's name, after a change by its owner."""
    name = f"_acme-challenge.{GATEWAY}."
    with world.network():
        route53 = world.client("route53")
        zones = {z["Name"]: z["Id"] for z in route53.list_hosted_zones()["HostedZones"]}
        zone = zones["relay.example."]
        if action:
            change = {
                "Action": action,
                "ResourceRecordSet": {"Name": name, "Type": "TXT", **record},
            }
            route53.change_resource_record_sets(
                HostedZoneId=zone, ChangeBatch={"Changes": [change]}
            )
        found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return [each for each in found if each["Name"] == name]


def test_a_challenge_is_answered_beside_another_gateways(world: World) -> None:
    other = {"TTL": 10, "ResourceRecords": [{"Value": '"of another gateway"'}]}
    other |= {"SetIdentifier": "mx2.relay.example", "MultiValueAnswer": True}
    (before,) = challenge_records(world, "CREATE", **other)
    try:
        world.run(GATEWAY, "certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
        assert challenge_records(world) == [before]
    finally:
        challenge_records(world, "DELETE", **other)


def test_a_challenge_that_was_answered_by_hand_is_no_hindrance(world: World) -> None:
    challenge_records(world, "CREATE", TTL=300, ResourceRecords=[{"Value": '"long ago"'}])
    world.run(GATEWAY, "certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    assert challenge_records(world) == []

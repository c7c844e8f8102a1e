"""Forwards leave mail as it is, whoever may send it; no mailbox of the system's takes any."""

import pytest
from outside import answer, by_provider, converse, letter, records_of_ours, signed
from test_12_hard_mail import receiver
from world import GATEWAY, World

from lab.internet import send
from lab.internet.stranger import SELECTOR, Stranger
from lab.machines.network import PROBE
from lab.wait import until
from mail import dkim, txt

pytestmark = pytest.mark.usefixtures("unhurried")

INFO = "info@shop.example"


@pytest.mark.parametrize("length", [998, 999, 2500, 100_000])
def test_a_line_of_any_length_keeps_its_authors_signature(
    world: World, friend: Stranger, length: int
) -> None:
    subject = send.unique("a long line")
    message = send.compose(friend.address, INFO, subject)
    message.set_content("x", cte="7bit")
    head, _, _ = message.as_bytes().partition(b"\n\n")
    body = b"Hello.\r\n" + b"x" * length + b"\r\nThe end.\r\n"
    content = signed(friend, head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)
    code, text = answer(world, INFO, content, friend.address)
    assert code == 250, text
    assert world.arrived(subject).verdict.passes()


def test_a_header_in_utf8_reaches_a_receiver_that_knows_only_ascii_addresses(
    world: World, friend: Stranger
) -> None:
    subject = send.unique("Grüße")
    content = letter(f"From: Jürgen <{friend.address}>", subject)
    with receiver(world, "smtpd_discard_ehlo_keywords=smtputf8"):
        assert answer(world, INFO, signed(friend, content), friend.address)[0] == 250
        found = world.inbox.wait_for(lambda m: subject.partition(" ")[2] in m.raw)
    assert found[0].verdict.dkim == "pass"


def test_who_asks_for_utf8_addresses_is_told_before_his_mail_is_taken(
    world: World, friend: Stranger
) -> None:
    with world.session(25) as session:
        code, text = session.docmd("MAIL", f"FROM:<{friend.address}> SMTPUTF8")
    assert 500 <= code < 600, text


@pytest.mark.parametrize("own", ["em.shop.example", "cs.relay.example"])
def test_a_subdomain_of_ours_at_another_provider_writes_to_us(world: World, own: str) -> None:
    """A newsletter's return path, proved by SPF, for mail that its own DKIM proves."""
    subject = send.unique("newsletter")
    sender = Stranger(own, dkim.generate())
    key = " ".join(f'"{piece}"' for piece in txt.pieces(dkim.record(sender.key)))
    records = [
        (own, "A", PROBE),
        (own, "TXT", f'"v=spf1 ip4:{PROBE} -all"'),
        (dkim.name(SELECTOR, own), "TXT", key),
    ]
    with records_of_ours(world, own.partition(".")[2], records):
        content = sender.signed(send.compose(f"news@{own}", INFO, subject))
        code, text = answer(world, INFO, content, f"bounces+1@{own}")
        assert code == 250, text
        assert world.arrived(subject).verdict.dkim == "pass"


@pytest.mark.parametrize(
    "recipient",
    [
        "daemon@localhost",
        "root@localhost",
        "daemon@LOCALHOST",
        "daemon@localhost.",
        "daemon@localhost.localdomain",
        "daemon@[127.0.0.1]",
        "daemon@[127.1.2.3]",
        "root@[{private}]",
        "daemon@[{public}]",
        "nosuchuser@[127.0.0.1]",
        "daemon@[IPv6:::1]",
        "daemon@mail.relay.example",
        "daemon%localhost@mail.relay.example",
        "daemon@ip6-localhost",
        "daemon@mail",
    ],
)
def test_no_user_of_the_system_takes_a_strangers_mail(
    world: World, friend: Stranger, recipient: str
) -> None:
    private = world.run(GATEWAY, "hostname", "-I").split()[0]
    public = world.gateway.address
    recipient = recipient.replace("{private}", private).replace("{public}", public)
    with world.session(25) as session:
        code, text = converse(session, [recipient], b"x", friend.address)
    assert code in (501, 550, 554), text


def test_nobody_learns_which_users_the_system_has(world: World, friend: Stranger) -> None:
    said = set()
    for user in ("daemon", "root", "postfix", "nosuchuser"):
        with world.session(25) as session:
            _, text = converse(session, [f"{user}@[127.0.0.1]"], b"x", friend.address)
        said.add(text.replace(user, "user"))
    assert len(said) == 1


def test_one_reader_gets_one_copy_whatever_is_behind_the_plus(
    world: World, friend: Stranger
) -> None:
    subject = send.unique("copies")
    content = friend.signed(send.compose(friend.address, INFO, subject))
    recipients = [f"info+{n}@shop.example" for n in range(50)]
    recipients += ["@x.example:info+r@shop.example", '"info+q"@shop.example', "team@shop.example"]
    with world.session(25) as session:
        code, text = converse(session, recipients, content, friend.address)
    assert code == 250, text
    done = f"{text.split()[-1]}: removed"
    until("all copies have left", lambda: done in world.log(GATEWAY))
    found = sorted(
        m.recipient for m in world.inbox.wait_for(lambda m: m.subject == subject, count=3)
    )
    # info once; team has two readers
    assert found == ["me@inbox.example", "me@inbox.example", "you@inbox.example"]


def test_what_was_forwarded_says_for_whom_and_does_not_come_back(
    world: World, friend: Stranger
) -> None:
    subject = send.unique("once")
    content = friend.signed(send.compose(friend.address, INFO, subject))
    assert answer(world, INFO, content, friend.address)[0] == 250
    found = world.arrived(subject)
    assert found.parsed["Delivered-To"] == INFO
    # as a target would send it on: the same message, another envelope
    again = found.raw.encode("latin-1").replace(b"\n", b"\r\n")
    code, text = answer(world, INFO, again, friend.address)
    assert code == 550
    assert "loop" in text


def test_no_copy_shows_who_else_was_written_to(world: World, friend: Stranger) -> None:
    subject = send.unique("blind copies")
    content = friend.signed(send.compose(friend.address, INFO, subject))
    with world.session(25) as session:
        converse(session, [INFO, "team@shop.example"], content, friend.address)
    for message in world.inbox.wait_for(lambda m: m.subject == subject, count=3):
        assert "team@shop.example" not in message.raw


def test_a_message_that_was_here_three_times_goes_round(world: World, friend: Stranger) -> None:
    hop = f"Received: from x by {GATEWAY} (Postfix) with ESMTP; Tue, 24 Nov 2026 00:00:00 +0000"
    subject = send.unique("round")
    for times, code in ((2, 250), (3, 550)):
        content = letter(f"From: {friend.address}", subject, *[hop] * times)
        said, text = answer(world, "team@shop.example", signed(friend, content), friend.address)
        assert said == code, text


def test_a_user_of_ours_writes_to_a_forward_by_another_provider(world: World) -> None:
    """His own provider's SPF proves him; it is forwarded as any."""
    subject = send.unique("by provider")
    by_provider(world, "me@inbox.example", INFO, letter("From: me@inbox.example", subject))
    assert world.arrived(subject).sender.startswith("SRS0=")

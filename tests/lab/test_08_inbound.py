"""Mail from outside: forwarded so that it passes and bounces come back; forged mail is refused."""

import smtplib
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from outside import answer, by_provider, hand_in, letter
from world import OTHER_LOGIN, World

from lab.internet import send
from lab.internet.stranger import Stranger

pytestmark = pytest.mark.usefixtures("unhurried")


def write(world: World, friend: Stranger, recipient: str, subject: str) -> None:
    message = send.compose(friend.address, recipient, subject)
    hand_in(world, recipient, friend.signed(message), friend.address)


def test_forwarded_mail_passes_where_it_is_read(world: World, friend: Stranger) -> None:
    subject = send.unique("to info")
    write(world, friend, "info@shop.example", subject)
    message = world.arrived(subject)
    assert message.recipient == "me@inbox.example"
    assert message.sender.startswith("SRS0=")
    assert message.sender.endswith(f"={friend.domain}=friend@mail.relay.example")
    assert message.verdict.passes()  # SPF by our envelope, DKIM and so DMARC by the friend's own
    results = " ".join(" ".join(message.parsed.get_all("Authentication-Results", [])).split())
    assert "mail.relay.example; dkim=pass" in results
    assert "mail.relay.example; dmarc=pass (p=reject" in results


@pytest.mark.parametrize(
    ("recipient", "readers"),
    [
        ("team@shop.example", ["me@inbox.example", "you@inbox.example"]),
        ("info+shopping@shop.example", ["me@inbox.example"]),
        ("INFO@Shop.Example", ["me@inbox.example"]),
        ("whoever@relay.example", ["all@inbox.example"]),
    ],
)
def test_who_reads_what(world: World, friend: Stranger, recipient: str, readers: list[str]) -> None:
    subject = send.unique("to whom")
    write(world, friend, recipient, subject)
    found = world.inbox.wait_for(lambda m: m.subject == subject, count=len(readers))
    assert sorted(m.recipient for m in found) == readers


@pytest.mark.parametrize(
    "recipient",
    [
        "postmaster@relay.example",
        "abuse@shop.example",
        "postmaster@mail.relay.example",
        "abuse@mail.relay.example",
    ],
)
def test_the_roles_of_every_domain_go_to_the_operator(
    world: World, friend: Stranger, recipient: str
) -> None:
    subject = send.unique("role")
    write(world, friend, recipient, subject)
    assert world.arrived(subject).recipient == world.operator


@pytest.mark.parametrize(
    "recipient",
    [
        "nobody@shop.example",
        "nobody@mail.relay.example",
        "SRS0=AAAA=AA=inbox.example=me@mail.relay.example",
        "info%inbox.example@shop.example",
    ],
)
def test_unknown_recipients_are_refused_at_once(
    world: World, friend: Stranger, recipient: str
) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        write(world, friend, recipient, "x")
    ((code, _),) = caught.value.recipients.values()
    assert code in (550, 554)


def forged(friend: Stranger) -> EmailMessage:
    message = send.compose(friend.address, "info@shop.example", "x")
    message["Authentication-Results"] = (
        f"mail.relay.example; dkim=pass header.d={friend.domain}; "
        f"spf=pass smtp.mailfrom={friend.domain}"
    )
    return message


def test_forged_mail_is_refused_where_its_senders_policy_says_so(
    world: World, friend: Stranger
) -> None:
    with pytest.raises(smtplib.SMTPDataError) as caught:
        # another's envelope: SPF passes for it, and is not aligned
        hand_in(
            world, "info@shop.example", forged(friend).as_bytes(policy=SMTP), "me@inbox.example"
        )
    assert caught.value.smtp_code == 550
    assert "DMARC" in str(caught.value.smtp_error).upper()


def test_mail_that_claims_to_be_ours_is_refused(world: World, friend: Stranger) -> None:
    message = letter(f"From: {friend.address}", "x")
    code, text = answer(world, "info@shop.example", message, "info@shop.example")
    assert code == 550
    assert "587" in text


def test_a_bounce_of_forwarded_mail_finds_its_way_back(world: World) -> None:
    subject = send.unique("to nowhere")
    message = letter("From: me@inbox.example", subject)
    by_provider(world, "me@inbox.example", "gone@shop.example", message)

    found = world.inbox.wait_for(lambda m: m.subject != subject and subject in m.raw)
    assert (found[0].sender, found[0].recipient) == ("MAILER-DAEMON", "me@inbox.example")
    assert found[0].verdict.dkim == "pass"
    assert found[0].verdict.dmarc == "pass"


def test_a_loop_is_cut(world: World) -> None:
    message = send.compose("me@inbox.example", "info@shop.example", "round and round")
    content = b"Received: from a by b; Tue, 24 Nov 2026 00:00:00 +0000\r\n" * 31
    with pytest.raises(smtplib.SMTPDataError) as caught:
        hand_in(
            world, "info@shop.example", content + message.as_bytes(policy=SMTP), "me@inbox.example"
        )
    assert "too many hops" in str(caught.value.smtp_error)


def test_a_user_reads_the_forward_and_answers_as_the_address(
    world: World, friend: Stranger
) -> None:
    """Gmail's `send mail as`: the code comes through the forward, then it logs in and sends."""
    subject = send.unique("confirmation code")
    write(world, friend, "info@shop.example", subject)
    world.arrived(subject)
    answer = send.unique("answer")
    message = send.compose("info@shop.example", send.RECIPIENT, answer)
    world.submit(message, OTHER_LOGIN, sender="info@shop.example")
    assert world.arrived(answer).verdict.passes()

"""No notice of ours goes to who is not proved, and addresses made for notices take nothing else."""

import re
import smtplib
import uuid

import pytest
from outside import answer, by_provider, converse, domain, letter
from sink import silent
from world import GATEWAY, LOGIN, World

from lab.internet import send
from lab.internet.stranger import Stranger, put_zone
from lab.machines.network import OTHERS_CIDR, PROBE
from lab.wait import until

pytestmark = pytest.mark.usefixtures("unhurried")

VICTIM = "victim@inbox.example"
GONE = "gone@shop.example"


def ended_here(world: World, queue_id: str, subject: str) -> None:
    """The message was thrown away on the gateway, and nothing of it is in the inbox."""
    line = rf"{queue_id}: to=<nobounce@nobody\.invalid>, orig_to=<nobounce\S*>.*status=sent"
    until("it has ended here", lambda: re.search(line, world.log(GATEWAY)))
    assert [m.recipient for m in world.inbox.messages() if subject in m.raw] == []


def test_a_refused_forward_is_not_told_to_a_forged_sender(world: World) -> None:
    subject = send.unique("spam")
    with domain(world, policy="") as spammer:
        code, text = answer(world, GONE, letter(f"From: x@{spammer}", subject), VICTIM)
    assert code == 250
    notice = rf"{text.split()[-1]}: sender non-delivery notification: (\w+)"
    found = until("there is a notice", lambda: re.search(notice, world.log(GATEWAY)))
    ended_here(world, found[1], subject)


def test_trace_shows_what_became_of_it(world: World) -> None:
    subject = send.unique("spam")
    with domain(world, policy="") as spammer:
        _, text = answer(world, GONE, letter(f"From: x@{spammer}", subject), VICTIM)
    queue_id = text.split()[-1]
    until(
        "the refusal is in the log",
        lambda: re.search(
            rf"{queue_id}: to=<\S+>, orig_to=<{GONE}>.*status=bounced", world.log(GATEWAY)
        ),
    )
    note = f"{queue_id}: the sender <{VICTIM}> is not proved"
    until("the guard's note is there", lambda: note in world.log(GATEWAY))


def test_a_forward_shows_the_target_who_the_sender_said_to_be(world: World) -> None:
    subject = send.unique("unproved")
    with domain(world, policy="") as other:
        answer(world, "info@shop.example", letter(f"From: x@{other}", subject), f"a.b@{other}")
    found = world.arrived(subject)
    assert found.sender == f"nobounce+{other}=a.b@mail.relay.example"
    assert found.verdict.spf == "pass"


def test_a_sender_that_is_too_long_for_an_address_of_ours_is_left_out(
    world: World, friend: Stranger
) -> None:
    subject = send.unique("long")
    content = friend.signed(send.compose(friend.address, "info@shop.example", subject))
    code, text = answer(world, "info@shop.example", content, f"{'b' * 60}@{friend.domain}")
    assert code == 250, text
    found = world.arrived(subject)
    assert found.sender == "nobounce@mail.relay.example"
    assert found.verdict.passes()


def test_no_local_part_of_ours_is_longer_than_receivers_take(
    world: World, friend: Stranger
) -> None:
    for length in (15, 20, 25, 30):
        subject = send.unique("length")
        content = friend.signed(send.compose(friend.address, "info@shop.example", subject))
        answer(world, "info@shop.example", content, f"{'b' * length}@{friend.domain}")
        assert len(world.arrived(subject).sender.partition("@")[0]) <= 64


@pytest.mark.parametrize(
    "parameter", ["NOTIFY=SUCCESS", "NOTIFY=NEVER", "ORCPT=rfc822;a@b.example"]
)
def test_strangers_order_no_notices(world: World, friend: Stranger, parameter: str) -> None:
    with world.session(25) as session:
        assert not {"dsn", "etrn", "smtputf8"} & set(session.esmtp_features)
        content = letter(f"From: {friend.address}", "x")
        code, text = converse(session, ["info@shop.example"], content, friend.address, parameter)
    assert 500 <= code < 600, text


def test_nobody_starts_the_queue_from_outside(world: World) -> None:
    with world.session(25) as session:
        assert 500 <= session.docmd("ETRN", "shop.example")[0] < 600


def srs_address(world: World, friend: Stranger) -> str:
    """The envelope sender of a forward: a valid address for notices to the friend."""
    subject = send.unique("for an address")
    content = friend.signed(send.compose(friend.address, "info@shop.example", subject))
    answer(world, "info@shop.example", content, friend.address)
    return world.arrived(subject).sender


def test_an_address_for_notices_is_long_enough_not_to_be_guessed(
    world: World, friend: Stranger
) -> None:
    tag, _, rest = srs_address(world, friend).partition("=")
    hash_, *_ = rest.split("=")
    assert (tag, len(hash_)) == ("SRS0", 12)
    short = f"SRS0={hash_[:4]}={rest[13:]}"
    with world.session(25) as session:
        session.docmd("MAIL", "FROM:<>")
        assert session.docmd("RCPT", f"TO:<{short}>")[0] == 550


def test_an_address_for_notices_takes_nothing_else(world: World, friend: Stranger) -> None:
    address = srs_address(world, friend)
    local, _, ours = address.partition("@")
    spellings = [address, address.lower(), f'"{local}"@{ours}', f"{local}@shop.example"]
    for spelling in spellings:
        with world.session(25) as session:
            code, text = converse(session, [spelling], b"x", friend.address)
        assert 500 <= code < 600, (spelling, text)
    with world.session(25) as session:
        session.docmd("MAIL", "FROM:<>")
        assert session.docmd("RCPT", f"TO:<{address}>")[0] == 250


@pytest.mark.parametrize(
    ("sender", "code"), [("", 250), (VICTIM, 550)], ids=["a notice", "anything else"]
)
def test_notices_that_come_later_end_here_too(world: World, sender: str, code: int) -> None:
    subject = send.unique("Undelivered")
    content = letter("From: MAILER-DAEMON@inbox.example", subject)
    recipient = "nobounce+inbox.example=victim@mail.relay.example"
    said, text = answer(world, recipient, content, sender)
    assert said == code, text
    if code == 250:
        ended_here(world, text.split()[-1], subject)


def test_a_proved_sender_is_told(world: World) -> None:
    subject = send.unique("told")
    by_provider(world, "me@inbox.example", GONE, letter("From: me@inbox.example", subject))
    (notice,) = world.inbox.wait_for(lambda m: m.subject != subject and subject in m.raw)
    assert (notice.sender, notice.recipient) == ("MAILER-DAEMON", "me@inbox.example")


def test_strangers_with_slow_exchangers_hold_up_no_mail_of_ours(world: World) -> None:
    processes, name = 4, f"slow-{uuid.uuid4().hex[:8]}.example"
    senders = [f"n{number}.{name}" for number in range(2 * processes)]
    records: list[list[object]] = [[sender, "A", 300, PROBE] for sender in senders]
    records += [[sender, "TXT", 300, f'"v=spf1 ip4:{OTHERS_CIDR} -all"'] for sender in senders]
    put_zone(world.lab, name, records)
    subject = send.unique("beside slow exchangers")
    try:
        set_processes(world, processes)
        with silent(world.lab):
            said = [answer(world, GONE, letter(f"From: x@{n}", n), f"a@{n}") for n in senders]
            assert [code for code, _ in said] == [250] * len(senders), said
            until(
                "there is a notice for each",
                lambda: all(
                    f"{text.split()[-1]}: sender non-delivery notification" in world.log(GATEWAY)
                    for _, text in said
                ),
            )
            world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
            assert world.arrived(subject, 60).verdict.passes()
    finally:
        set_processes(world, 100)
        put_zone(world.lab, name, [])


def set_processes(world: World, count: int) -> None:
    """How many processes deliver at a time."""
    world.run(GATEWAY, "postconf", "-F", f"smtp/unix/process_limit={count}")
    world.run(GATEWAY, "postfix", "reload")


def test_a_message_asks_for_a_limited_number_of_addresses(world: World) -> None:
    with world.session(25) as session:
        session.docmd("MAIL", "FROM:<>")
        codes = [session.docmd("RCPT", f"TO:<info+{n}@shop.example>")[0] for n in range(101)]
    assert codes[:100] == [250] * 100
    assert codes[100] == 452


def test_smtplib_sees_a_refusal(world: World) -> None:
    """What a sender's own server reports to its user, in words."""
    with world.session(25) as session, pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        session.sendmail(VICTIM, ["nobounce@mail.relay.example"], b"x")
    ((_, text),) = caught.value.recipients.values()
    assert b"notices of undelivered mail only" in text

"""What comes back about a test message: which words of it are a verdict, and what is a bounce."""

import email
from email.message import EmailMessage
from email.policy import default

import pytest

from ops.testmail import reply
from ops.testmail.message import Outgoing
from ops.testmail.verdicts import Verdicts

FAR = "you@far.example"
TOKEN = "0123456789abcdef"
LOGIN = "me@shop.example"
TEST = Outgoing(LOGIN, LOGIN, FAR, "mail.relay.example", "ops@inbox.example", TOKEN)
JUDGED = "Authentication-Results: mx.far.example; spf=pass; dkim=fail; dmarc=pass\n"
HEADER = f"{JUDGED}Message-ID: <{TEST.message_id}>\nSubject: x\n\n"
OURS = "Authentication-Results: mail.relay.example; spf=fail; dmarc=fail\n"
VERDICTS = Verdicts("mx.far.example", "pass", "fail", "pass")


def parsed(text: str) -> EmailMessage:
    return email.message_from_string(text, policy=default)  # type: ignore[return-value]


def mixed(kind: str, part: str) -> EmailMessage:
    return parsed(
        f"{OURS}From: {FAR}\nMessage-ID: <r@far.example>\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\nHi.\n'
        f"--b\nContent-Type: {kind}\n\n{part}\n--b--\n"
    )


def plain(text: str) -> EmailMessage:
    return parsed(f"{OURS}From: {FAR}\nMessage-ID: <r@far.example>\n\n{text}")


@pytest.mark.parametrize(
    ("message", "verdicts"),
    [
        (mixed("message/rfc822", HEADER), VERDICTS),
        (mixed("text/rfc822-headers", HEADER), VERDICTS),
        (plain(f"You wrote:\n\n{HEADER}"), VERDICTS),
        (
            plain(
                "> Authentication-Results: mx.far.example;\n>   spf=pass;\n> Received: x; dkim=x"
            ),
            Verdicts("mx.far.example", "pass"),
        ),
        (
            plain("SPF check:          pass\nDKIM check:         neutral\n"),
            Verdicts(FAR, "pass", "neutral"),
        ),
        # it came back itself, by a forward of somebody's
        (parsed(HEADER), VERDICTS),
        # our own verdict on the reply says nothing of the test
        (plain("I am away.\n"), None),
        # another message's verdict
        (mixed("message/rfc822", HEADER.replace(TOKEN, "other")), None),
        # who judged before the last one is not believed
        (
            parsed(HEADER.replace("mx.far", "mx2.far", 1).replace("\n", "\n" + JUDGED, 1)),
            Verdicts("mx2.far.example", "pass", "fail", "pass"),
        ),
    ],
)
def test_a_verdict_is_read_from_what_comes_back_of_the_test(
    message: EmailMessage, verdicts: Verdicts | None
) -> None:
    assert reply.verdicts(message, TEST.message_id) == verdicts


def report(action: str, identity: str = TEST.message_id) -> EmailMessage:
    return parsed(
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n'
        "MIME-Version: 1.0\n\n--b\nContent-Type: text/plain\n\nSorry.\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.far.example\n\n"
        f"Final-Recipient: rfc822; {FAR}\nAction: {action}\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 nobody\n of this name\n\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: <{identity}>\n\nx\n--b--\n"
    )


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (report("failed"), "550 5.1.1 nobody of this name"),
        (report("delayed"), ""),
        (report("failed", "another@shop.example"), ""),
        (plain("failed"), ""),
    ],
)
def test_a_bounce_is_known_by_its_report(message: EmailMessage, said: str) -> None:
    assert reply.bounce(message, TEST.message_id) == said


@pytest.mark.parametrize(
    "field",
    [
        "From: <you@[",
        'From: "',
        "Message-ID: <",
        "Message-ID: <you@[>",
        "Content-Type: text/plain; charset=unheard-of",
        "Content-Type: text/plain; charset=hex",
        'Content-Type: text/plain; charset="a\x00b"',
    ],
)
def test_what_strangers_malform_is_read_as_far_as_it_goes(field: str) -> None:
    message = parsed(f"{field}\n\nSPF check: pass\n")
    assert reply.bounce(message, TEST.message_id) == ""
    found = reply.verdicts(message, TEST.message_id)
    assert found is not None
    assert found.spf == "pass"
    assert reply.identity(message) != TEST.message_id


def test_a_notice_in_a_character_set_that_nobody_knows_is_a_notice() -> None:
    notice = (
        b"From: <\xff\nSubject: \xff\nContent-Type: multipart/report; boundary=b\n\n"
        b"--b\nContent-Type: text/plain; charset=unheard-of\n\n\xff\n"
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
        b"Action: failed\nDiagnostic-Code: smtp; 550 no\n\n"
        b"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <%b>\n\n--b--\n"
    )
    message = email.message_from_bytes(notice % TEST.message_id.encode(), policy=default)
    assert reply.bounce(message, TEST.message_id) == "550 no"

"""What became of a message, read from lines as Postfix 3.10 and OpenDKIM 2.11 write them."""

# ruff: noqa: E501 (lines of logs as they are)

import pytest

from mail import postfix_log
from mail.postfix_log import Attempt, Traced
from ops.plain_words import login_failed, plain

DELIVERED = """\
2026-11-25T02:26:10.154792+00:00 mail postfix/submission/smtpd[3019]: 4jZ3Sy155vz2xBg: client=unknown[198.51.100.20], sasl_method=PLAIN, sasl_username=me@shop.example
2026-11-25T02:26:10.157495+00:00 mail postfix/cleanup[3026]: 4jZ3Sy155vz2xBg: message-id=<1@shop.example>
2026-11-25T02:26:10.161341+00:00 mail opendkim[2754]: 4jZ3Sy155vz2xBg: DKIM-Signature field added (s=s1, d=shop.example)
2026-11-25T02:26:10.164115+00:00 mail postfix/qmgr[3014]: 4jZ3Sy155vz2xBg: from=<me@shop.example>, size=451, nrcpt=1 (queue active)
2026-11-25T02:26:10.272261+00:00 mail postfix/smtp[3029]: 4jZ3Sy155vz2xBg: to=<me@inbox.example>, relay=mx.inbox.example[198.51.100.10]:25, delay=0.12, delays=0.02/0.03/0.05/0.03, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 3E7F4F23BA)
2026-11-25T02:26:10.272603+00:00 mail postfix/qmgr[3014]: 4jZ3Sy155vz2xBg: removed
"""
FORWARDED = """\
2026-11-25T02:30:01.1+00:00 mail postfix/smtpd[1]: 4jZ3Z95wmYz2xBj: client=far.example[198.51.100.20]
2026-11-25T02:30:01.2+00:00 mail postfix/qmgr[1]: 4jZ3Z95wmYz2xBj: from=<SRS0=a=b=far.example=x@mail.relay.example>, size=1, nrcpt=1 (queue active)
2026-11-25T02:30:01.3+00:00 mail postfix/smtp[1]: 4jZ3Z95wmYz2xBj: to=<me@inbox.example>, orig_to=<info@shop.example>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to mx.inbox.example[198.51.100.10]:25: Connection timed out)
"""
REFUSED = """\
2026-11-25T02:30:41.778025+00:00 mail postfix/submission/smtpd[3178]: NOQUEUE: reject: RCPT from unknown[198.51.100.20]: 553 5.7.1 <boss@shop.example>: Sender address rejected: not owned by user me@shop.example; from=<boss@shop.example> to=<me@inbox.example> proto=ESMTP helo=<laptop> sasl_method=PLAIN sasl_username=me@shop.example
"""
FORGED = """\
2026-11-25T02:30:41.806464+00:00 mail postfix/submission/smtpd[3579]: 4jZ3Z95kBmz2xBj: client=unknown[198.51.100.20], sasl_method=PLAIN, sasl_username=me@shop.example
2026-11-25T02:30:41.808081+00:00 mail opendkim[3544]: 4jZ3Z95kBmz2xBj: the login may not send as boss@shop.example
2026-11-25T02:30:41.808142+00:00 mail postfix/cleanup[3573]: 4jZ3Z95kBmz2xBj: milter-reject: END-OF-MESSAGE from unknown[198.51.100.20]: 5.7.1 Command rejected; from=<me@shop.example> to=<me@inbox.example> proto=ESMTP helo=<laptop>
2026-11-25T02:30:41.808185+00:00 mail postfix/cleanup[3573]: 4jZ3Z95kBmz2xBj: removed (canceled)
"""
STRANGER = "unknown[198.51.100.20]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            DELIVERED,
            Traced(
                "mail",
                "4jZ3Sy155vz2xBg",
                "2026-11-25T02:26:10.154792+00:00",
                "me@shop.example",
                "me@shop.example",
                STRANGER,
                "1@shop.example",
                ["s=s1, d=shop.example"],
                [],
                [
                    Attempt(
                        "2026-11-25T02:26:10.272261+00:00",
                        "me@inbox.example",
                        "sent 2.0.0",
                        "mx.inbox.example[198.51.100.10]:25",
                        "250 2.0.0 Ok: queued as 3E7F4F23BA",
                    )
                ],
            ),
        ),
        (
            FORWARDED,
            Traced(
                "mail",
                "4jZ3Z95wmYz2xBj",
                "2026-11-25T02:30:01.1+00:00",
                "x@far.example",
                client="far.example[198.51.100.20]",
                notes=["forwarded as SRS0=a=b=far.example=x@mail.relay.example"],
                attempts=[
                    Attempt(
                        "2026-11-25T02:30:01.3+00:00",
                        "info@shop.example -> me@inbox.example",
                        "deferred 4.4.1",
                        "none",
                        "connect to mx.inbox.example[198.51.100.10]:25: Connection timed out",
                    )
                ],
            ),
        ),
        (
            REFUSED,
            Traced(
                "mail",
                "NOQUEUE",
                "2026-11-25T02:30:41.778025+00:00",
                "boss@shop.example",
                "me@shop.example",
                STRANGER,
                attempts=[
                    Attempt(
                        "2026-11-25T02:30:41.778025+00:00",
                        "me@inbox.example",
                        "refused",
                        "",
                        "553 5.7.1 <boss@shop.example>: Sender address rejected: not owned by "
                        "user me@shop.example",
                    )
                ],
            ),
        ),
        (
            FORGED,
            Traced(
                "mail",
                "4jZ3Z95kBmz2xBj",
                "2026-11-25T02:30:41.806464+00:00",
                "me@shop.example",
                "me@shop.example",
                STRANGER,
                notes=["the login may not send as boss@shop.example"],
                attempts=[
                    Attempt(
                        "2026-11-25T02:30:41.808142+00:00",
                        "me@inbox.example",
                        "refused",
                        "",
                        "5.7.1 Command rejected",
                    )
                ],
            ),
        ),
    ],
)
def test_a_message_is_told_whole(text: str, message: Traced) -> None:
    assert postfix_log.read("mail", text.splitlines()) == [message]


def test_a_line_that_is_made_to_take_long_is_a_refusal_of_nobody() -> None:
    """A quoted local part may look like a hundred ends of a line; Postfix cuts it at 2,000 octets.

    Each is where the line's fields could begin, so reading took time by the square of their number.
    """
    address = '"' + "; from=<" * 100 + '"@x.example'
    refused = f"454 4.7.1 <{address}>: Relay access denied; from=<a@b.example> to=<{address}>"
    line = "2026-11-25T11:00:00.000000+00:00 mail postfix/smtpd[12345]: NOQUEUE: reject: RCPT from "
    (found,) = postfix_log.read("mail", [f"{line}unknown[192.0.2.1]: {refused}"[:2000]])
    (attempt,) = found.attempts
    assert (found.client, found.sender, attempt.to) == ("unknown[192.0.2.1]", "", "")
    assert (attempt.status, attempt.said[:9]) == ("refused", "454 4.7.1")


HALF = """\
2026-11-26T16:01:12.311265+00:00 mail postfix/submissions/smtpd[7216]: 4jb1Vw2BHRzyPC: client=unknown[198.51.100.20], sasl_method=PLAIN, sasl_username=me@shop.example
"""
ONE_REFUSED = """\
2026-11-26T16:01:12.320000+00:00 mail postfix/submissions/smtpd[7216]: 4jb1Vw2BHRzyPC: reject: RCPT from unknown[198.51.100.20]: 550 5.1.1 <no@shop.example>: Recipient address rejected: User unknown in virtual mailbox table; from=<me@shop.example> to=<no@shop.example> proto=ESMTP helo=<laptop>
"""
REFUSED_AT_DATA = """\
2026-11-26T16:01:12.330000+00:00 mail postfix/submissions/smtpd[7216]: 4jb1Vw2BHRzyPC: reject: DATA from unknown[198.51.100.20]: 450 4.7.1 <DATA>: Data command rejected: later; from=<me@shop.example> to=<you@far.example> proto=ESMTP helo=<laptop>
"""
LOST = """\
2026-11-26T16:01:12.350269+00:00 mail postfix/submissions/smtpd[7216]: 4jb1Vw2BHRzyPC: lost connection after DATA (38 bytes) from unknown[198.51.100.20]
"""
TOO_LARGE = """\
2026-11-26T16:01:12.350300+00:00 mail postfix/submissions/smtpd[7216]: warning: 4jb1Vw2BHRzyPC: queue file size limit exceeded
"""
CANCELED = """\
2026-11-26T16:01:12.350886+00:00 mail postfix/cleanup[7221]: 4jb1Vw2BHRzyPC: removed (canceled)
"""


@pytest.mark.parametrize(
    ("text", "statuses", "notes"),
    [
        (HALF + CANCELED, ["given up"], []),
        (HALF + LOST + CANCELED, ["given up"], ["lost connection after DATA (38 bytes)"]),
        (HALF + ONE_REFUSED + CANCELED, ["refused", "given up"], []),
        (HALF + REFUSED_AT_DATA + CANCELED, ["refused"], []),
        (HALF + TOO_LARGE + CANCELED, ["refused"], []),
    ],
)
def test_a_message_that_never_became_one_is_told_as_given_up(
    text: str, statuses: list[str], notes: list[str]
) -> None:
    (message,) = postfix_log.read("mail", text.splitlines())
    assert [a.status for a in message.attempts] == statuses
    assert message.notes == notes
    if statuses == ["given up"]:
        assert "it goes to nobody" in plain(message.attempts[0].said)


def test_messages_are_kept_apart_and_in_the_order_of_time() -> None:
    lines = sorted((REFUSED + DELIVERED + FORWARDED).splitlines())
    found = postfix_log.read("mail", lines)
    assert [m.id for m in found] == ["4jZ3Sy155vz2xBg", "4jZ3Z95wmYz2xBj", "NOQUEUE"]
    assert postfix_log.ids(lines) == {"4jZ3Sy155vz2xBg", "4jZ3Z95wmYz2xBj"}


def test_other_lines_are_passed_over() -> None:
    line = "2026-11-25T02:26:10+00:00 mail postfix/smtpd[1]: connect from unknown[198.51.100.20]"
    assert postfix_log.read("mail", [line, "", "cut off"]) == []


HEAD = "2026-11-26T02:30:41.778025+00:00 mail postfix/smtpd[3178]: "
TAIL = " proto=ESMTP helo=<x.example>"
FAKE = (
    "; from=<boss@shop.example> to=<x@y.example> proto=ESMTP helo=<y> sasl_username=boss@s.example"
)


def only(*lines: str) -> Traced:
    (found,) = postfix_log.read("mail", lines)
    return found


@pytest.mark.parametrize(
    "recipient",
    [
        '"a sasl_username=boss@shop.example "@b.example',
        f'"a{FAKE}"@b.example',
        f'"a>{FAKE}>"@b.example',
        f'"a\\"{FAKE}"@b.example',
        f'"a{FAKE} sasl_sender=x"@b.example',
        "a sasl_username=boss@shop.example",
    ],
)
def test_a_refused_strangers_words_are_nobodys_login(recipient: str) -> None:
    said = f"554 5.7.1 <{recipient}>: Relay access denied"
    line = f"{HEAD}NOQUEUE: reject: RCPT from {STRANGER}: {said}; from=<> to=<{recipient}>{TAIL}"
    found = only(line)
    assert (found.login, found.client, found.sender) == ("", STRANGER, "")
    assert found.attempts[0].said.startswith("554 5.7.1 ")


@pytest.mark.parametrize("sender", ['"x>, status=sent (y"@b.example', '"a\\">, relay=z"@b.example'])
def test_addresses_end_where_their_quotes_say(sender: str) -> None:
    identity = "4jZ3Z95wmYz2xBj"
    lines = (
        f"{HEAD}{identity}: client={STRANGER}",
        f"{HEAD.replace('smtpd', 'qmgr')}{identity}: from=<{sender}>, size=1, nrcpt=1 (queue active)",
        f"{HEAD.replace('smtpd', 'smtp')}{identity}: to=<{sender}>, relay=none, delay=1, "
        "delays=1/0/0/0, dsn=4.4.1, status=deferred (connect: to=<z>, relay=q, status=sent (x))",
    )
    found = only(*lines)
    assert found.sender == sender
    assert (found.attempts[0].to, found.attempts[0].status) == (sender, "deferred 4.4.1")
    assert found.attempts[0].relay == "none"


@pytest.mark.parametrize(
    "text",
    [
        "warning: hostname x.example does not resolve to address 198.51.100.20",
        "warning: 4jZ3Z95wmYz2xBj: client=forged[1.2.3.4]",
        "connect from forged: client=boss[1.2.3.4]",
        "statistics: max connection rate 1/60s for (smtp:198.51.100.20) at Nov 26 02:30:41",
        "lost connection after RCPT from unknown[198.51.100.20]",
        "fatal: no SASL authentication mechanisms",
        "discarding EHLO keywords: DSN ETRN",
    ],
)
def test_a_word_before_a_colon_is_no_queue_id(text: str) -> None:
    assert postfix_log.ids([HEAD + text]) == set()
    assert postfix_log.read("mail", [HEAD + text]) == []


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("postfix/smtp", "client=forged[1.2.3.4], sasl_username=boss@shop.example"),
        ("postfix/cleanup", "to=<x>, client=forged[1.2.3.4]"),
        ("opendkim", "client=forged[1.2.3.4], sasl_username=boss@shop.example"),
        ("sshd", "client=forged[1.2.3.4], sasl_username=boss@shop.example"),
    ],
)
def test_only_its_own_program_says_who_logged_in(program: str, text: str) -> None:
    line = f"2026-11-26T02:30:41+00:00 mail {program}[1]: 4jZ3Z95wmYz2xBj: {text}"
    assert (only(line).login, only(line).client) == ("", "")


def test_a_login_that_fails_is_told_with_its_name() -> None:
    text = "SASL PLAIN authentication failed: authentication failure, sasl_username=me@shop.example"
    found = only(f"{HEAD.replace('smtpd', 'submission/smtpd')}warning: {STRANGER}: {text}")
    assert (found.login, found.client) == ("me@shop.example", STRANGER)
    assert [(a.status, a.said) for a in found.attempts] == [
        ("login failed", "authentication failure")
    ]


def test_who_comes_too_often_is_told() -> None:
    text = f"warning: AUTH command rate limit exceeded: 61 from {STRANGER} for service submission"
    found = only(HEAD + text)
    assert found.client == STRANGER
    assert found.attempts[0].said == "AUTH command rate limit exceeded: 61"


def test_a_header_that_is_refused_is_told_with_the_rules_own_words() -> None:
    header = f"From: boss@shop.example{FAKE} from evil[1.2.3.4]"
    text = f"4jZ3Z95wmYz2xBj: reject: header {header} from {STRANGER}; from=<me@shop.example> "
    text += f"to=<x@y.example>{TAIL}: 5.7.1 From has more than one author"
    found = only(HEAD.replace("smtpd", "cleanup") + text)
    assert (found.client, found.sender, found.login) == (STRANGER, "me@shop.example", "")
    assert found.attempts[0].said == "5.7.1 From has more than one author"


@pytest.mark.parametrize("value", ["<abc123@app.example>", "abc123@app.example"])
def test_a_message_id_is_the_same_without_its_brackets(value: str) -> None:
    line = f"{HEAD.replace('smtpd', 'cleanup')}4jZ3Z95wmYz2xBj: message-id={value}"
    assert only(line).message_id == "abc123@app.example"


def test_what_is_done_by_hand_is_told() -> None:
    lines = [
        f"{HEAD.replace('smtpd', 'postsuper')}4jZ3Z95wmYz2xBj: {text}"
        for text in ("placed on hold", "released from hold", "removed")
    ]
    notes = only(*lines).notes
    assert [note.partition(" at ")[0] for note in notes] == [
        "held by hand",
        "released by hand",
        "deleted by hand",
    ]


def test_forwarded_mail_is_found_by_its_true_sender() -> None:
    (word,) = postfix_log.sender_words("friend@far.example")
    assert word in "from=<SRS0=AbCd=XY=far.example=friend@mail.relay.example>, size=1"
    assert postfix_log.sender_words("no-address") == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("553 5.7.1 <a@b>: Sender address rejected: not owned by user me@b", "login me@b may not"),
        ("554 5.7.1 <a@b>: Relay access denied", "only logins send elsewhere"),
        ("550 5.7.1 rejected by DMARC policy for bank.example", "not from bank.example"),
        ("450 4.7.1 this login has sent as many messages as it may for now", "login's limits"),
        ("450 4.7.1 this login has sent as many recipients as it may for now", "login's limits"),
        ("454 4.3.0 Try again later", "a part of the gateway was away"),
        ("451 4.7.1 Service unavailable - try again later", "a part of the gateway was away"),
        ("452 4.3.1 Insufficient system storage", "volume is full"),
        (
            "Host or domain name not found. Name service error for name=shop.example type=A: Host "
            "found but no data record of requested type",
            "takes no mail",
        ),
        ("Domain shop.example does not accept mail (nullMX)", "takes no mail"),
        (
            "Host or domain name not found. Name service error for name=shop.example type=MX: Host "
            "not found, try again",
            "give no answer",
        ),
        (
            "Host or domain name not found. Name service error for name=shop.example type=AAAA: "
            "Host not found",
            "not in DNS",
        ),
        ("250 2.0.0 Ok: queued as 3E7F4F23BA", ""),
    ],
)
def test_what_servers_say_is_told_in_plain_words(said: str, words: str) -> None:
    meant = plain(said)
    assert words in meant
    assert bool(words) == bool(meant)


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("me@shop.example", "a wrong password"),
        ("Me@Shop.Example", "a wrong password"),
        ("boss@shop.example", "there is no such login"),
        ("me", "a login is a whole address"),
        ("(unavailable)", "gave no name"),
        ("Old@shop.example", "the login is disabled"),
    ],
)
def test_why_a_login_fails_is_told_in_plain_words(login: str, words: str) -> None:
    assert words in login_failed(
        login, ["me@shop.example", "old@shop.example"], ["old@shop.example"]
    )

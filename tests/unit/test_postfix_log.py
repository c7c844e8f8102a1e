"""What became of a message, read from lines as Postfix 3.10 and OpenDKIM 2.11 write them."""

# ruff: noqa: E501 (lines of logs as they are)

import pytest

from ops import postfix_log
from ops.postfix_log import Attempt, Traced

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
                "SRS0=a=b=far.example=x@mail.relay.example",
                client="far.example[198.51.100.20]",
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


def test_messages_are_kept_apart_and_in_the_order_of_time() -> None:
    lines = sorted((REFUSED + DELIVERED + FORWARDED).splitlines())
    found = postfix_log.read("mail", lines)
    assert [m.id for m in found] == ["4jZ3Sy155vz2xBg", "4jZ3Z95wmYz2xBj", "NOQUEUE"]
    assert postfix_log.ids(lines) == {"4jZ3Sy155vz2xBg", "4jZ3Z95wmYz2xBj"}


def test_other_lines_are_passed_over() -> None:
    line = "2026-11-25T02:26:10+00:00 mail postfix/smtpd[1]: connect from unknown[198.51.100.20]"
    assert postfix_log.read("mail", [line, "", "cut off"]) == []

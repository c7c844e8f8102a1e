"""Which envelope senders from outside Postfix lets through to the guard, and the guard takes."""

import re

import pytest
from test_guard_inbound import message, verdict
from test_user_data import GATEWAY

from cloudinit import files

(RULE,) = re.findall(r"^/(.*)/ +553 ", files(GATEWAY)["etc/postfix/inbound_senders"], re.M)


def refused_by_postfix(key: str) -> bool:
    """By the table's one rule; a key is an address as Postfix quotes it, or `<>`."""
    return re.search(RULE, key, re.IGNORECASE) is not None


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("<friend@far.example>", "friend@far.example"),
        ("<o'brien+x/y=z@far.example>", "o'brien+x/y=z@far.example"),
        # phones of DoCoMo and au, before 2009
        ("<a..b.@far.example>", '"a..b."@far.example'),
        ('<"a..b."@far.example>', '"a..b."@far.example'),
        ("<.a@far.example>", '".a"@far.example'),
        ("<>", "<>"),
    ],
)
def test_senders_as_real_programs_write_them_are_taken(written: str, key: str) -> None:
    assert not refused_by_postfix(key)
    assert verdict(message(mail_from=written)).code == ""


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ('<"a@bank.example"@evil.example>', '"a@bank.example"@evil.example'),
        ("<a@bank.example@evil.example>", '"a@bank.example"@evil.example'),
        ('<"a b"@evil.example>', '"a b"@evil.example'),
        ('<"a\\"b"@evil.example>', '"a\\"b"@evil.example'),
        ('<"a\\\\b"@evil.example>', '"a\\\\b"@evil.example'),
        ('<""@evil.example>', '""@evil.example'),
        ('<"a(b)"@evil.example>', '"a(b)"@evil.example'),
        ('<"a,b"@evil.example>', '"a,b"@evil.example'),
    ],
)
def test_senders_that_programs_read_otherwise_are_refused_by_both(written: str, key: str) -> None:
    assert refused_by_postfix(key)
    assert verdict(message(mail_from=written)).status == "5.1.7"


def test_an_address_that_begins_with_a_plus_is_nobodys_extension() -> None:
    recipients = ("<+a@shop.example>", "<+b@shop.example>", "<+a+x@shop.example>")
    assert verdict(message(recipients=recipients)).dropped == ("<+a+x@shop.example>",)

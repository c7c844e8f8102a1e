"""Authentication-Results (RFC 8601) as judges write it."""

import pytest

from mail.authentication_results import Results, read

GMAIL = """ mx.google.com;
       dkim=pass header.i=@shop.example header.s=s1 header.b=AbC/d+E=;
       spf=pass (google.com: domain of me@shop.example designates 203.0.113.1 as permitted; x=y)
       smtp.mailfrom=me@shop.example;
       dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=shop.example"""


@pytest.mark.parametrize(
    ("value", "by", "found"),
    [
        (GMAIL, "mx.google.com", (("dkim", "pass"), ("spf", "pass"), ("dmarc", "pass"))),
        ("Example.com 1; none", "example.com", ()),
        ('"mx one"; spf=fail', "mx", (("spf", "fail"),)),
        ("(of us (here)) mx; SPF/1 = SoftFail", "mx", (("spf", "softfail"),)),
        # what a sender put into a comment or a quoted reason is no verdict
        (r"mx; dkim=fail (a; dkim=pass\); b)", "mx", (("dkim", "fail"),)),
        (r'mx; dkim=fail reason="x\"; dkim=pass"', "mx", (("dkim", "fail"),)),
    ],
)
def test_a_judge_and_its_results_are_read(
    value: str, by: str, found: tuple[tuple[str, str], ...]
) -> None:
    assert read(value) == Results(by, found)


@pytest.mark.parametrize("value", ["", ";", "mx", "mx; spf=pass (", 'mx; spf=pass "'])
def test_what_is_of_another_form_is_no_verdict(value: str) -> None:
    assert read(value) is None


def test_one_signature_that_passes_is_enough() -> None:
    results = read("mx; dkim=fail header.d=list.example; dkim=pass header.d=shop.example")
    assert results
    assert (results.of("dkim"), results.of("spf")) == ("pass", "")

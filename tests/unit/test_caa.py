"""CAA records, as RFC 8659 and RFC 8657 have them."""

import pytest

from mail import caa


@pytest.mark.parametrize(
    ("records", "forbidden"),
    [
        ([], False),
        (['0 issue "letsencrypt.org"'], False),
        (['0 issue "amazon.com"'], True),
        (['0 issue "amazon.com"', '0 issue "letsencrypt.org"'], False),
        (['0 issue ";"'], True),  # RFC 8659, 4.2: nobody
        (['0 issue "%%%%%"'], True),  # malformed: nobody, too
        (['0 issuewild ";"'], False),  # says nothing about a name without a star
        (['0 iodef "mailto:security@example.com"'], False),
        (['0 ISSUE "LetsEncrypt.org"'], False),
        (["0 issue letsencrypt.org"], False),
        (['128 tbs "unknown"'], True),  # RFC 8659, 4.1: critical and not understood
        (['0 tbs "unknown"'], False),
        (['0 issue "letsencrypt.org; validationmethods=http-01"'], True),
        (['0 issue "letsencrypt.org;validationmethods=http-01,dns-01"'], False),
        (['0 issue "letsencrypt.org; accounturi=https://acme.example/acct/1"'], True),
    ],
)
def test_who_may_issue(records: list[str], forbidden: bool) -> None:
    assert caa.forbids(records, "letsencrypt.org", "dns-01") is forbidden

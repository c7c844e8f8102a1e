"""A smarthost that works, and what is said of one that cannot."""

import copy
from typing import Any

import pytest
from raw_settings import changed, lines

from settings import read

SMARTHOST: dict[str, Any] = {
    "host": "smtp.far.example",
    "spf": "include:_spf.far.example",
    "accounts": [{"user": "me", "password": "secret-123"}],
}


def smarthost(**keys: Any) -> dict[str, Any]:
    return changed(smarthost={**copy.deepcopy(SMARTHOST), **keys})


def test_no_smarthost_is_what_an_empty_one_means() -> None:
    assert read(changed(smarthost={})).smarthost is None


def test_a_smarthosts_spf_is_added_to_every_domains() -> None:
    settings = read(smarthost())
    assert settings.smarthost is not None
    assert settings.smarthost.port == 587
    assert settings.spf_terms(settings.domains[0]) == ("gateways", "include:_spf.far.example")


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (smarthost(host=None), "smarthost.host: missing; give the provider's host, as smtp."),
        (smarthost(spf=None), "smarthost.spf: missing; give the mechanism that the provider's"),
        (smarthost(spf="_spf.far.example"), "smarthost.spf: '_spf.far.example': give an SPF mech"),
        (smarthost(host="smtp"), "smarthost.host: 'smtp': give the whole name"),
        (smarthost(port=25), "smarthost.port: 25: Input should be 587, 465, 2587 or 2465"),
        (smarthost(mechanisms=[]), "smarthost.mechanisms: []: name those of SASL that may be used"),
        (smarthost(mechanisms=["NTLM"]), "smarthost.mechanisms[0]: 'NTLM': Input should be 'PLA"),
        (smarthost(acounts=[]), "smarthost.acounts: there is no such key; did you mean accounts?"),
        (smarthost(accounts=[]), "smarthost.accounts: 0 without a sender: there must be one, for"),
        (
            smarthost(accounts=[{"user": "a"}]),
            "smarthost.accounts[0].password: missing; set it as a secret: pulumi config set "
            "--secret --path 'mail-relay:smarthost.accounts[0].password'",
        ),
        (
            smarthost(accounts=[{"user": "a", "password": "secret\n"}]),
            "smarthost.accounts[0].password: give up to 255 printable ASCII characters, with no",
        ),
        (
            smarthost(accounts=[{"user": "a:b", "password": "x"}]),
            "smarthost.accounts[0].user: 'a:b': give the user name as the provider says it",
        ),
        (
            smarthost(accounts=2 * SMARTHOST["accounts"]),
            "smarthost.accounts: 2 without a sender: there must be one",
        ),
        *(
            (
                smarthost(
                    accounts=[
                        *SMARTHOST["accounts"],
                        *({"user": "b", "password": "x", "sender": s} for s in senders),
                    ]
                ),
                f"smarthost.accounts[{len(senders)}]{line}",
            )
            for senders, line in [
                (["@else.example"], ".sender: '@else.example': its domain is none of ours"),
                (["shop"], ".sender: 'shop': give a whole address"),
                (2 * ["@shop.example"], ": '@shop.example': it is listed twice"),
            ]
        ),
        (changed(smarthost={"ses": "yes!"}), "smarthost.ses: 'yes!': Input should be a valid bool"),
        (
            smarthost(ses=True),
            "smarthost.ses: true: Amazon SES brings the rest with it; leave out accounts, host, sp",
        ),
        (
            changed(
                smarthost={"ses": True},
                forwards=[{"address": "info@shop.example", "to": ["me@far.example"]}],
            ),
            "smarthost.ses: true: Amazon SES refuses forwarded mail",
        ),
    ],
)
def test_a_smarthost_that_cannot_work_is_refused(raw: dict[str, Any], line: str) -> None:
    (found,) = lines(raw)
    assert found.startswith(f"mail-relay:{line}")
    assert "secret\n" not in found


def test_a_password_in_the_wrong_place_is_not_shown() -> None:
    (line,) = lines(smarthost(accounts=SMARTHOST["accounts"][0]))
    assert line == "mail-relay:smarthost.accounts: Input should be a valid tuple"

"""Who sends, who is written to: logins, forwards, mailboxes, the operator."""

from typing import Any

import pytest
from raw_settings import changed, lines

from settings import read

MAILBOX = {"address": "me@shop.example"}


def kept(*mailboxes: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return changed(mailboxes=list(mailboxes), **keys)


@pytest.mark.parametrize(
    ("raw", "key", "value", "remedy"),
    [
        (changed(operator="ops"), "mail-relay:operator", "'ops'", "a whole address"),
        (changed(operator="Ops@a.example"), "mail-relay:operator", "'Ops@a", "lower case"),
        (
            changed(logins=[{"address": "me@else.example"}]),
            "logins[0].sendAs",
            "'me@else.example'",
            "add it to mail-relay:domains",
        ),
        (
            changed(logins=[{"address": "relay@app.shop.example", "sendAs": ["@shop.example"]}]),
            "logins[0].address",
            "'relay@app.shop.example'",
            "a client host has this login",
        ),
        (
            changed(forwards=[{"address": "info@else.example", "to": ["me@far.example"]}]),
            "forwards[0].address",
            "'info@else.example'",
            "add it to mail-relay:domains",
        ),
        (
            changed(forwards=[{"address": "info@shop.example", "to": []}]),
            "forwards[0].to",
            "[]",
            "at least 1 item",
        ),
        (
            changed(forwards=[{"address": "info@shop.example", "to": ["b@shop.example"]}]),
            "forwards[0].to",
            "'b@shop.example'",
            "has no such address",
        ),
        (
            changed(
                forwards=[
                    {"address": "a@shop.example", "to": ["b+x@shop.example"]},
                    {"address": "b@shop.example", "to": ["a@shop.example"]},
                ]
            ),
            "forwards[0].to",
            "a@shop.example -> b+x@shop.example -> a@shop.example",
            "in a circle",
        ),
        (
            changed(
                operator="ops@shop.example",
                forwards=[{"address": "info@shop.example", "to": ["me@far.example"]}],
            ),
            "mail-relay:operator",
            "'ops@shop.example'",
            "name one elsewhere",
        ),
        (
            changed(forwards=[{"address": "@shop.example", "to": ["x@shop.example"]}]),
            "forwards[0].to",
            "x@shop.example",
            "in a circle",
        ),
        (kept({"address": "you@shop.example"}), "mailboxes[0].address", "'you@", "nobody could"),
        (kept({"address": "me@else.example"}), "mailboxes[0].address", "'me@", "none of ours"),
        (kept({"address": "a/b@shop.example"}), "mailboxes[0].address", "'a/b", "'.', '_' and"),
        (kept({"address": "me+x@shop.example"}), "mailboxes[0].address", "'me+x", "NAME+anything"),
        (kept({"address": "@shop.example"}), "mailboxes[0].address", "'@shop.example'", "'' is"),
        (kept(MAILBOX, MAILBOX), "mailboxes[1]", "'me@shop.example'", "listed twice"),
        (kept({**MAILBOX, "quotaMiB": 0}), "mailboxes[0].quotaMiB", "0", "greater than or equal"),
        (kept({**MAILBOX, "quota": 5}), "mailboxes[0].quota", "", "did you mean quotaMiB?"),
        (
            kept({**MAILBOX, "quotaMiB": 7613}),
            "mail-relay:mailboxes",
            "7673 MiB of quotas in all, with 60 MiB for each",
            "room for 7672 MiB beside the queue; raise gateway.dataVolumeGiB",
        ),
        (
            kept(MAILBOX, forwards=[{"address": "me@shop.example", "to": ["me@far.example"]}]),
            "mailboxes[0].address",
            "'me@shop.example'",
            "add me@shop.example to that forward's `to` to keep a copy",
        ),
        (
            kept(MAILBOX, operator="ops@shop.example"),
            "mail-relay:operator",
            "'ops@shop.example'",
            "add it to mail-relay:forwards or mail-relay:mailboxes",
        ),
    ],
)
def test_what_is_wrong_with_peoples_addresses_is_told_with_the_remedy(
    raw: dict[str, Any], key: str, value: str, remedy: str
) -> None:
    found = "\n".join(lines(raw))
    assert key in found
    assert value in found
    assert remedy in found


def test_reports_to_an_address_here_that_nobody_reads_are_refused() -> None:
    forwards = [{"address": "info@shop.example", "to": ["me@far.example"]}]
    domains = [{"name": "shop.example", "dmarc": {"reports": ["dmarc@shop.example"]}}]
    assert lines(changed(domains=domains, forwards=forwards)) == [
        "mail-relay:domains[0].dmarc.reports: 'dmarc@shop.example': shop.example is received here "
        "and has no such address; add it to mail-relay:forwards or mail-relay:mailboxes, or name "
        "one elsewhere"
    ]


@pytest.mark.parametrize("password", ["short", "with space 123", "col:on:1234", "ümlaut-123456"])
def test_a_password_that_the_files_cannot_hold_is_refused_and_not_shown(password: str) -> None:
    found = lines(changed(logins=[{"address": "me@shop.example", "password": password}]))
    assert found == [
        "mail-relay:logins[0].password: give 8 to 128 printable ASCII characters without spaces "
        "and colons"
    ]


def test_what_comes_to_a_mailbox_alone_is_its_alias() -> None:
    to = {
        "info@shop.example": ["me+info@shop.example"],
        "help@shop.example": ["info@shop.example"],
        "team@shop.example": ["me@shop.example", "me@far.example"],
        "away@shop.example": ["me@far.example"],
        "a{b@shop.example": ["me@shop.example"],
        "@shop.example": ["me@shop.example"],
    }
    forwards = [{"address": address, "to": targets} for address, targets in to.items()]
    settings = read(kept(MAILBOX, forwards=forwards, operator="me@shop.example"))
    assert settings.receiving == ("shop.example",)
    assert settings.mailboxes[0].quota_mi_b == 1024
    assert settings.aliases(settings.mailboxes[0]) == (
        "abuse@shop.example",
        "help@shop.example",
        "info@shop.example",
        "postmaster@shop.example",
    )


def test_a_mailbox_can_keep_a_copy_of_what_is_forwarded() -> None:
    forwards = [
        {"address": "me@shop.example", "to": ["me@shop.example", "me@far.example"]},
        {"address": "info@shop.example", "to": ["me@shop.example"]},
    ]
    settings = read(kept(MAILBOX, forwards=forwards))
    assert settings.aliases(settings.mailboxes[0]) == ("info@shop.example",)

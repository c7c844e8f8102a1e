"""What a review says of domains that take no mail, and of those that send none."""

from typing import Any

import pytest
from review_changes import DOMAIN, RECORD, change, record, step

from ops.review.change import Change
from ops.review.domains import sentences
from ops.review.warnings import warnings


def told(found: Change) -> list[str]:
    return list(sentences(found))


NULL, OURS = record("shop.example", "MX", "0 ."), record("shop.example", "MX", "10 mail.a.")


@pytest.mark.parametrize(
    ("op", "states", "said"),
    [
        (
            "create",
            {"after": NULL},
            "shop.example takes no mail from now on and says so: a null MX.",
        ),
        (
            "update",
            {"before": OURS, "after": NULL},
            "shop.example takes no mail from now on and says so: a null MX. It came to "
            "`10 mail.a.`.",
        ),
        (
            "update",
            {"before": NULL, "after": OURS},
            "shop.example no longer says that it takes no mail (a null MX): its mail comes to "
            "`10 mail.a.`.",
        ),
        (
            "delete",
            {"before": NULL},
            "shop.example no longer says that it takes no mail (a null MX): it has no MX.",
        ),
    ],
)
def test_a_null_mx_is_told_as_what_it_means(op: str, states: dict[str, Any], said: str) -> None:
    domain = step(DOMAIN, "shop.example")
    assert told(change(domain, step(RECORD, "shop.example-MX", op, **states))) == [said]


def test_a_new_domain_with_a_null_mx_takes_no_mail() -> None:
    made = step(RECORD, "shop.example-MX", "create", after=NULL)
    (said,) = told(change(step(DOMAIN, "shop.example", "create"), made))
    assert "it takes no mail (a null MX)" in said


def test_sending_as_a_domain_that_takes_no_mail_is_told_with_what_it_costs() -> None:
    after = {"domains": [{"name": "shop.example", "mx": [{"host": "."}]}]}
    (warn,) = [w for w in warnings(change(after=after)) if w.kind == "bounces-lost"]
    assert "receivers may refuse its mail (RFC 7505, 4.2)" in warn.text


PARKED = {
    "name": "parked.example",
    "mx": [{"host": "."}],
    "spf": {"mechanisms": [], "all": "-all"},
    "dmarc": {"policy": "reject"},
}


@pytest.mark.parametrize("verified", [{}, {"parked.example": False}])
def test_a_new_domain_that_is_parked_needs_no_person(verified: dict[str, bool]) -> None:
    found = change(after={"domains": [{"name": "shop.example"}, PARKED]})
    assert list(warnings(found, verified)) == []


def test_a_domain_that_somebody_sends_as_is_not_parked() -> None:
    after = {
        "domains": [{"name": "shop.example"}, PARKED],
        "logins": [{"address": "me@shop.example", "sendAs": ["me@parked.example"]}],
    }
    kinds = {w.kind for w in warnings(change(after=after))}
    assert {"spf-without-gateways", "dmarc-tightened"} <= kinds


def test_a_domain_that_is_parked_later_is_for_a_person_to_judge() -> None:
    before = {"domains": [{"name": "shop.example"}, {"name": "parked.example"}]}
    after = {"domains": [{"name": "shop.example"}, PARKED]}
    assert "dmarc-tightened" in {w.kind for w in warnings(change(before=before, after=after))}


@pytest.mark.parametrize(
    ("senders", "kinds"), [([], set[str]()), (["me@parked.example"], {"domain-removed"})]
)
def test_of_a_parked_domain_no_mail_is_queued_when_it_goes(
    senders: list[str], kinds: set[str]
) -> None:
    logins = [{"address": "me@shop.example", "sendAs": ["me@shop.example", *senders]}]
    before = {"domains": [{"name": "shop.example"}, PARKED], "logins": logins}
    gone = change(step(DOMAIN, "parked.example", "delete"), before=before)
    assert {w.kind for w in warnings(gone)} & {"domain-removed"} == kinds

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


def test_a_parked_domains_spf_is_no_mistake() -> None:
    spf = {"mechanisms": [], "all": "-all"}
    after = {"domains": [{"name": "shop.example"}, {"name": "parked.example", "spf": spf}]}
    assert "spf-without-gateways" not in {w.kind for w in warnings(change(after=after))}

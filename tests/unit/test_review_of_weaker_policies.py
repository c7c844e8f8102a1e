"""A domain whose SPF or DMARC asks for less than before needs a person."""

from typing import Any

import pytest
from review_changes import change

from ops.review.report import markdown, report
from ops.review.warnings import warnings

REJECT = {"policy": "reject", "adkim": "s"}


def domains(spf: dict[str, Any] | None = None, dmarc: dict[str, Any] | None = None) -> Any:
    return {"domains": [{"name": "shop.example", "spf": spf or {}, "dmarc": dmarc or {}}]}


def kinds(before: Any, after: Any) -> set[str]:
    found = {warn.kind for warn in warnings(change(before=before, after=after))}
    return {kind for kind in found if kind.endswith("-weakened")}


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        ({"all": "-all"}, {"all": "~all"}, True),
        ({"all": "-all"}, {"all": "?all"}, True),
        ({}, {"all": "?all"}, True),
        ({"mechanisms": [], "all": "-all"}, {}, True),
        ({}, {"all": "-all"}, False),
        ({"all": "-all"}, {"all": "-all", "mechanisms": ["gateways", "ip4:192.0.2.1"]}, False),
    ],
)
def test_a_weaker_spf_is_told(before: Any, after: Any, weaker: bool) -> None:
    assert kinds(domains(spf=before), domains(spf=after)) == ({"spf-weakened"} if weaker else set())


@pytest.mark.parametrize(
    ("before", "after", "weaker"),
    [
        (REJECT, {}, True),
        (REJECT, {**REJECT, "policy": "quarantine"}, True),
        (REJECT, {**REJECT, "sp": "none"}, True),
        (REJECT, {**REJECT, "np": "quarantine"}, True),
        (REJECT, {**REJECT, "t": "y"}, True),
        (REJECT, {**REJECT, "pct": 50}, True),
        (REJECT, {**REJECT, "adkim": "r"}, True),
        (REJECT, {**REJECT, "reports": ["d@far.example"]}, False),
        (REJECT, {**REJECT, "aspf": "s"}, False),
        ({}, {"adkim": "r"}, False),
        ({}, REJECT, False),
    ],
)
def test_a_weaker_dmarc_is_told(before: Any, after: Any, weaker: bool) -> None:
    found = kinds(domains(dmarc=before), domains(dmarc=after))
    assert found == ({"dmarc-weakened"} if weaker else set())


def test_the_gateways_domain_that_is_no_longer_listed_has_weaker_policies() -> None:
    own = {"name": "relay.example", "spf": {"all": "-all"}, "dmarc": {"policy": "reject"}}
    before = {"domains": [{"name": "shop.example"}, own]}
    found = change(before=before, after={"domains": [{"name": "shop.example"}]})
    text = markdown(report("prod", found))
    assert "### What needs a person" in text
    assert "SPF of relay.example ends in `~all` instead of `-all`" in text
    assert (
        "DMARC of relay.example asks for less than before (`p=none` instead of `p=reject`)" in text
    )


def test_a_domain_that_is_new_or_goes_is_not_weaker() -> None:
    strict = domains(spf={"all": "-all"}, dmarc=REJECT)
    assert kinds(strict, {"domains": [{"name": "club.example"}], "logins": []}) == set()
    assert kinds({"domains": [{"name": "club.example"}], "logins": []}, domains()) == set()

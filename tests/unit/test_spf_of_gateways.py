"""Whether a domain's SPF names the gateways: one judge, and every spelling of RFC 7208.

The preview, `review` and the commands that edit the stack's file say the same of each.
"""

from typing import Any

import pulumi
import pytest
from raw_settings import changed
from recorder import declare
from review_changes import EIP, change, step
from test_graph import CONFIG

from ops.review.warnings import warnings
from settings import read
from settings.advice import spf_advice
from settings.passing import gateways_pass, needs_addresses

ADDRESS = "203.0.113.9"
KNOWN = {"mail.relay.example": ADDRESS}
TAKES = {"forwards": [{"address": "info@shop.example", "to": ["me@far.example"]}]}
CLUB = {"domains": [{"name": "club.example"}]}
CLUB_TAKES = {**CLUB, "forwards": [{"address": "info@club.example", "to": ["me@far.example"]}]}
TWO: dict[str, Any] = {
    "gateway": None,
    "gateways": [{"name": "mx1.relay.example"}, {"name": "mx2.relay.example"}],
    "submission": {"name": "mail.relay.example"},
}


def given(terms: list[str], more: dict[str, Any], a: str | None = None) -> dict[str, Any]:
    own: dict[str, Any] = {"name": "shop.example", "spf": {"mechanisms": terms, "all": "-all"}}
    others = more.get("domains", [])
    return changed(**{**more, "domains": [{**own, **({"a": a} if a else {})}, *others]})


@pytest.mark.parametrize(
    ("terms", "more", "a", "passes"),
    [
        (["gateways"], {}, None, True),
        (["ip4"], {}, None, True),
        (["include:far.example", "gateways"], {}, None, True),
        (["a:mail.relay.example"], {}, None, True),
        (["+A:Mail.Relay.Example."], {}, None, True),
        (["a:mail.relay.example/32"], {}, None, True),
        (["a:%{d1r}.relay.example"], {}, None, False),
        (["?a:mail.relay.example"], {}, None, False),
        (["~a:mail.relay.example"], {}, None, False),
        (["-a:mail.relay.example", "gateways"], {}, None, False),
        (["a:app.shop.example"], {}, None, False),
        (["a"], {}, None, False),
        (["a"], {}, "mail.relay.example", True),
        (["a"], {}, "app.shop.example", False),
        (["mx"], {}, None, False),
        (["mx"], TAKES, None, True),
        (["mx:shop.example"], TAKES, None, True),
        (["mx:club.example"], CLUB_TAKES, None, True),
        (["mx:club.example"], CLUB, None, False),
        (["include:_spf.relay.example"], {}, None, True),
        (["include:relay.example"], {}, None, True),
        (["include:club.example"], CLUB, None, True),
        (["include:mail.relay.example"], {}, None, True),
        (["include:far.example"], {}, None, False),
        (["ptr:relay.example"], {}, None, True),
        (["exists:%{i}.far.example"], {}, None, False),
        (["a:x.far.example", "a:y.far.example", "mx:z.far.example", "gateways"], {}, None, True),
        ([f"ip4:{ADDRESS}"], {}, None, True),
        (["ip4:203.0.113.0/24"], {}, None, True),
        (["ip4:203.0.113.10"], {}, None, False),
        # of several, each has to pass
        (["a:mx1.relay.example"], TWO, None, False),
        (["a:mx1.relay.example", "a:mx2.relay.example"], TWO, None, True),
        (["a:mail.relay.example"], TWO, None, True),
    ],
)
def test_every_spelling_of_the_gateways_counts_and_all_who_judge_agree(
    terms: list[str], more: dict[str, Any], a: str | None, passes: bool
) -> None:
    raw = given(terms, more, a)
    settings = read(raw)
    assert gateways_pass(settings, settings.domains[0], KNOWN) is passes
    assert (not list(spf_advice(settings, KNOWN))) is passes  # `up`, and commands that edit
    eip = step(EIP, "mail.relay.example", outputs={"publicIp": ADDRESS})
    kinds = [warn.kind for warn in warnings(change(eip, after=raw))]
    assert ("spf-without-gateways" not in kinds) is passes


def test_an_address_counts_once_it_is_known() -> None:
    settings = read(given([f"ip4:{ADDRESS}"], {}))
    assert needs_addresses(settings)
    assert not gateways_pass(settings, settings.domains[0], {})
    assert not needs_addresses(read(given(["a:mail.relay.example"], {})))


@pytest.mark.parametrize(("address", "said"), [(ADDRESS, False), ("203.0.113.10", True)])
def test_an_up_that_knows_the_address_judges_it(
    address: str, said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: told.append(text))
    domains = f'[{{"name": "shop.example", "spf": {{"mechanisms": ["ip4:{address}"]}}}}]'
    declare({**CONFIG, "mail-relay:domains": domains})
    assert any("may not name the gateways" in line for line in told) is said

"""What a review says of gateways that come, go, are rebuilt or take another name."""

import re
from typing import Any

import pytest
from review_changes import EIP, INSTANCE, VOLUME, change, record, step

from ops.review.change import Change
from ops.review.picture import picture
from ops.review.preview import Step
from ops.review.summary import sentences
from ops.review.warnings import warnings

ONE, TWO, THREE = (f"mx{number}.relay.example" for number in (1, 2, 3))
NAME = {"name": "mail.relay.example"}


def listed(*names: str, **more: Any) -> dict[str, Any]:
    gateways = [{"name": name, **more} for name in names]
    return {"gateway": {}, "gateways": gateways, "submission": NAME}


def gateways_drawn(found: Change) -> list[str]:
    """The lines of the picture that show gateways, without their indentation."""
    shown = re.compile(r"subgraph|end$|gateway\d*\[|gone")
    return [line.strip() for line in picture(found).splitlines() if shown.match(line.strip())]


def test_a_gateway_that_comes_is_told_and_drawn_beside_the_others() -> None:
    found = change(
        step(INSTANCE, ONE),
        step(INSTANCE, TWO, "create"),
        before=listed(ONE),
        after=listed(ONE, TWO),
    )
    assert sentences(found) == [
        f"The gateway {TWO} is made; it takes mail about 300 s after its start."
    ]
    assert gateways_drawn(found) == [
        'subgraph gateway["mail.relay.example"]',
        f'gateway0["{ONE}<br/>gateway"]',
        f'gateway1["{TWO}<br/>gateway"]:::added',
        "end",
    ]


def test_gateways_that_go_are_told_and_drawn_as_removed() -> None:
    found = change(
        step(INSTANCE, ONE),
        *(step(INSTANCE, name, "delete") for name in (TWO, THREE)),
        before=listed(ONE, TWO, THREE),
        after=listed(ONE),
    )
    assert sentences(found) == [
        f"The gateway {TWO} is taken away.",
        f"The gateway {THREE} is taken away.",
    ]
    assert gateways_drawn(found) == [
        f'gateway["{ONE}<br/>gateway"]',
        f'gone["{TWO}<br/>gateway until now"]:::removed',
        f'gone1["{THREE}<br/>gateway until now"]:::removed',
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([ONE], "senders retry for about 300 s, mail programs show an error"),
        ([ONE, TWO], "the others serve meanwhile, for about 300 s, and are rebuilt one by one"),
    ],
)
def test_while_a_gateway_is_rebuilt_the_others_serve(names: list[str], said: str) -> None:
    parts = [step(kind, name) for kind in (EIP, VOLUME) for name in names]
    rebuilt = [step(INSTANCE, n, "replace", reasons=("ami",), changed=("ami",)) for n in names]
    found = change(*parts, *rebuilt, before=listed(*names), after=listed(*names))
    told = [sentence for sentence in sentences(found) if said in sentence]
    assert len(told) == len(sentences(found)) == len(names)
    assert all("queue, address and certificates are kept" in sentence for sentence in told)
    drawn = [line for line in gateways_drawn(found) if ":::changed" in line]
    assert len(drawn) == len(names)


@pytest.mark.parametrize(
    "touched",
    [
        step(INSTANCE, ONE, "replace", reasons=("ami",), changed=("ami",)),
        step(INSTANCE, ONE, "update", changed=("instanceType",)),
    ],
)
@pytest.mark.parametrize(("before", "after"), [(True, True), (True, False), (False, True)])
def test_one_that_drains_serves_nobody_meanwhile(touched: Step, before: bool, after: bool) -> None:
    """Nor does one whose drain ends in the same `up`: the name leads to it at the end."""
    found = change(
        touched,
        before={**listed(ONE), "gateways": [{"name": ONE}, {"name": TWO, "drain": before}]},
        after={**listed(ONE), "gateways": [{"name": ONE}, {"name": TWO, "drain": after}]},
    )
    assert any("senders retry for about" in sentence for sentence in sentences(found))
    assert ["an `up` refuses that" in why for why in nobody_left(found)] == [True]


def nobody_left(found: Change) -> list[str]:
    return [warn.text for warn in warnings(found) if warn.kind == "nobody-takes-mail"]


@pytest.mark.parametrize(
    ("names", "minutes", "warned"), [([ONE, TWO], 0, 2), ([ONE, TWO], 12, 0), ([ONE], 0, 0)]
)
def test_without_a_wait_all_gateways_go_down_together(
    names: list[str], minutes: int, warned: int
) -> None:
    rebuilt = [step(INSTANCE, n, "replace", reasons=("ami",), changed=("ami",)) for n in names]
    volumes = [step(VOLUME, name) for name in names]
    settings = {**listed(*names), "wait": {"minutes": minutes}}
    found = change(*volumes, *rebuilt, before=listed(*names), after=settings)
    assert ["`wait.minutes: 0`" in why for why in nobody_left(found)] == [True] * warned
    assert sum("the others serve meanwhile" in each for each in sentences(found)) == (
        0 if not minutes or len(names) == 1 else 2
    )


def test_the_only_gateway_may_be_listed_and_nothing_changes() -> None:
    one = {"gateway": {"name": ONE}}
    same = {"gateway": {}, "gateways": [{"name": ONE}]}
    for before, after in ((one, same), (same, one)):
        assert sentences(change(before=before, after=after)) == ["Nothing changes for mail."]


def test_a_zone_that_changes_on_the_way_to_the_list_is_told() -> None:
    before = {"gateway": {"name": ONE}}
    after = {"gateway": {}, "gateways": [{"name": ONE, "zone": "us-east-1b"}]}
    said = f"The setting `mail-relay:gateways.{ONE}.zone` changes: `unset` → `us-east-1b`."
    assert said in sentences(change(before=before, after=after))


def test_a_second_gateway_has_mail_programs_take_the_name_of_both() -> None:
    found = change(
        step(INSTANCE, TWO, "create"), before={"gateway": {"name": ONE}}, after=listed(ONE, TWO)
    )
    assert sentences(found) == [
        f"587 and 465 are reached as mail.relay.example instead of {ONE}: mail programs that have "
        "the old name go on to work.",
        f"The gateway {TWO} is made; it takes mail about 300 s after its start.",
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {},
            [
                f"587 and 465 are reached as {TWO} instead of {ONE}: mail programs have to be told "
                "the new server."
            ],
        ),
        ({"submission": NAME}, []),
    ],
)
def test_another_name_of_the_only_gateway_concerns_those_who_connect_by_it(
    more: dict[str, Any], said: list[str]
) -> None:
    found = change(
        before={"gateway": {"name": ONE}, **more}, after={"gateway": {"name": TWO}, **more}
    )
    assert sentences(found) == [
        f"The gateway {ONE} becomes {TWO}: a new host with a new address, reverse name and "
        "certificate and an empty queue.",
        *said,
    ]
    assert gateways_drawn(found) == [
        f'gateway["{TWO}<br/>gateway"]:::added',
        f'gone["{ONE}<br/>gateway until now"]:::removed',
    ]


def test_a_gateway_that_drains_is_told_and_one_that_takes_mail_again() -> None:
    takes = listed(ONE, TWO)
    drains = {**takes, "gateways": [{"name": ONE}, {"name": TWO, "drain": True}]}
    (said,) = sentences(change(before=takes, after=drains))
    assert said.startswith(f"The gateway {TWO} takes no mail any more")
    assert sentences(change(before=drains, after=takes)) == [f"The gateway {TWO} takes mail again."]


def test_a_load_balancer_that_comes_is_told_and_drawn() -> None:
    name = {"submission": {**NAME, "loadBalancer": True}}
    found = change(
        *(step(INSTANCE, gateway) for gateway in (ONE, TWO)),
        before=listed(ONE, TWO),
        after={**listed(ONE, TWO), **name},
    )
    assert sentences(found) == [
        "587 and 465 of mail.relay.example are a load balancer's from now on. Those of the "
        "gateways are open to it alone: programs that use a gateway's own name no longer reach "
        "them."
    ]
    assert gateways_drawn(found)[0] == 'subgraph gateway["mail.relay.example<br/>load balancer"]'


def test_an_answer_of_a_name_that_has_others_is_told_as_such() -> None:
    name = NAME["name"]
    held = {**record(name, "A", "203.0.113.5"), "setIdentifier": f"mail-relay/test/{TWO}"}
    found = change(step("aws:route53/record:Record", f"{name}-A-{TWO}", "delete", before=held))
    (said,) = sentences(found)
    assert said.startswith(f"A of {name} (one of its answers, {TWO})")

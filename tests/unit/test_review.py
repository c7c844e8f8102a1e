"""What a review says of steps and settings, without an engine."""

import json
import re
from typing import Any

import pytest
from review_changes import (
    BASE,
    DOMAIN,
    EIP,
    INSTANCE,
    RECORD,
    VOLUME,
    change,
    key,
    reading,
    record,
    step,
)

from mail import dkim
from ops.review import preview
from ops.review.change import Change
from ops.review.picture import picture
from ops.review.preview import UNKNOWN, Preview, Step, Violation
from ops.review.report import markdown, report
from ops.review.snapshots import Snapshot
from ops.review.summary import sentences
from ops.review.warnings import warnings
from settings import read


def kinds(found: Change, **more: Any) -> list[str]:
    return [warn.kind for warn in warnings(found, **more)]


REBUILT = step(INSTANCE, "mail.relay.example", "replace", reasons=("ami",), changed=("ami",))


@pytest.mark.parametrize(
    ("steps", "said", "kind"),
    [
        (
            [step(EIP, "mail.relay.example"), step(VOLUME, "mail.relay.example")],
            "queue, address and certificates are kept",
            [],
        ),
        (
            [step(EIP, "mail.relay.example"), step(VOLUME, "mail.relay.example", "replace")],
            "address is kept",
            ["volume-lost"],
        ),
        (
            [
                step(EIP, "mail.relay.example", "replace", outputs={"publicIp": "203.0.113.9"}),
                step(VOLUME, "mail.relay.example"),
            ],
            "queue and certificates are kept",
            ["address-lost"],
        ),
    ],
)
def test_a_rebuilt_gateway_keeps_what_its_steps_keep(
    steps: list[Step], said: str, kind: list[str]
) -> None:
    found = change(REBUILT, *steps)
    assert said in sentences(found)[0]
    assert kinds(found) == kind


@pytest.mark.parametrize(
    ("steps", "said", "kind"),
    [
        (
            [key("s1"), key("s2", "create")],
            "published, not yet in use: the gateway goes on signing with s1",
            [],
        ),
        ([key("s1", "delete"), key("s2")], "the gateway signs with s2", ["key-removed"]),
        (
            [key("s1", "delete"), key("s2", "create", after=UNKNOWN)],
            "nothing signs its mail now",
            ["key-in-use-removed"],
        ),
        (
            [key("s1", "update", after=dkim.REVOKED), key("s2")],
            "Selector s1 of shop.example is revoked",
            ["key-removed"],
        ),
        (
            [key("s1", "delete", before=dkim.REVOKED), key("s2")],
            "The record of selector s1 of shop.example, whose key was revoked, goes.",
            [],
        ),
        (
            [key("s1", "update", after="v=DKIM1; p=BB")],
            "signatures do not verify for up to 300 s",
            [],
        ),
    ],
)
def test_a_selector_on_its_way(steps: list[Step], said: str, kind: list[str]) -> None:
    found = change(*steps, after={"domains": [{"name": "shop.example", "selectors": ["s1", "s2"]}]})
    assert said in " ".join(sentences(found))
    assert kinds(found) == kind


def dmarc(policy: str, **more: Any) -> dict[str, Any]:
    return {"domains": [{"name": "shop.example", "dmarc": {"policy": policy}, **more}]}


@pytest.mark.parametrize(
    ("found", "verified", "said"),
    [
        (change(key("s1"), after=dmarc("reject")), {}, "have aggregate reports of some weeks"),
        (change(key("s1"), after=dmarc("reject")), {"shop.example": True}, None),
        (
            change(key("s1"), after=dmarc("reject")),
            {"shop.example": False},
            "its mail does not pass SPF and DKIM now",
        ),
        (change(after=dmarc("quarantine")), {}, "none of its selectors is published yet"),
        (
            change(key("s1"), after=dmarc("reject", spf={"mechanisms": ["+mx"]})),
            {},
            "its SPF (`+mx`) may not name the gateways",
        ),
        (change(key("s1"), before=dmarc("reject"), after=dmarc("none")), {}, None),
        (
            change(
                before={"domains": [{"name": "relay.example"}], "logins": []},
                after={"domains": [{"name": "relay.example"}, *dmarc("reject")["domains"]]},
            ),
            {},
            "it is new",
        ),
    ],
)
def test_a_tighter_dmarc_policy_is_for_a_person_to_judge(
    found: Change, verified: dict[str, bool], said: str | None
) -> None:
    texts = [warn.text for warn in warnings(found, verified) if warn.kind == "dmarc-tightened"]
    assert len(texts) == (said is not None)
    assert (said or "") in "".join(texts)


def with_dmarc(**tags: Any) -> dict[str, Any]:
    return {"domains": [{"name": "shop.example", "dmarc": tags}]}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"sp": "reject"}, "asks receivers to reject"),
        ({}, {"np": "quarantine"}, "asks receivers to quarantine"),
        ({"policy": "reject", "t": "y"}, {"policy": "reject"}, "asks receivers to reject"),
        ({"policy": "reject"}, {"policy": "reject", "adkim": "s"}, "asks receivers to reject"),
        ({"policy": "reject"}, {"policy": "reject", "t": "y"}, None),
        ({"policy": "reject"}, {"policy": "reject", "sp": "none"}, None),
        ({"policy": "reject", "pct": 10}, {"policy": "reject"}, "asks receivers to reject"),
        ({"policy": "reject"}, {"policy": "reject", "pct": 10}, None),
        ({}, {"policy": "quarantine", "t": "y"}, None),
        ({}, {"adkim": "s", "fo": "1"}, None),
    ],
)
def test_a_policy_is_tighter_for_subdomains_after_a_trial_and_by_alignment(
    before: dict[str, Any], after: dict[str, Any], said: str | None
) -> None:
    found = change(key("s1"), before=with_dmarc(**before), after=with_dmarc(**after))
    texts = [warn.text for warn in warnings(found) if warn.kind == "dmarc-tightened"]
    assert len(texts) == (said is not None)
    assert (said or "") in "".join(texts)


@pytest.mark.parametrize("tags", [{"psd": "y"}, {"adkim": "s"}])
def test_mail_that_would_no_longer_be_aligned_is_told(tags: dict[str, Any]) -> None:
    """By the tree walk of newer receivers; the Public Suffix List says nothing of it."""
    after = {"domains": [{"name": "shop.example"}, {"name": "relay.example", "dmarc": tags}]}
    assert "dmarc-unaligned" in kinds(change(after=after))
    assert "dmarc-unaligned" not in kinds(change(before=after, after=after))


def test_a_login_whose_bounces_are_refused_is_told_once() -> None:
    taken = {"forwards": [{"address": "info@shop.example", "to": ["you@far.example"]}]}
    assert "bounces-lost" in kinds(change(after=taken))
    assert "bounces-lost" not in kinds(change(before=taken, after=taken))


def test_an_spf_without_the_gateways_that_ends_in_fail_is_told() -> None:
    spf = {"mechanisms": ["include:far.example"], "all": "-all"}
    after = {"domains": [{"name": "shop.example", "spf": spf}]}
    assert "spf-without-gateways" in kinds(change(after=after))
    softer = {"domains": [{"name": "shop.example", "spf": {**spf, "all": "~all"}}]}
    (warn,) = warnings(change(after=softer))
    assert "for spam" in warn.text


def test_a_setting_that_the_report_has_no_words_for_is_told_as_it_is() -> None:
    found = change(
        before={"acme": {"email": "a@inbox.example"}}, after={"acme": {"email": "b@inbox.example"}}
    )
    said = "The setting `mail-relay:acme.email` changes: `a@inbox.example` → `b@inbox.example`."
    assert said in sentences(found)


def test_a_smarthost_is_told_with_its_accounts_and_without_passwords() -> None:
    def given(*accounts: dict[str, str]) -> dict[str, Any]:
        spf = "include:_spf.example.net"
        return {"smarthost": {"host": "smtp.example.net", "spf": spf, "accounts": [*accounts]}}

    all_ = {"user": "us", "password": "hunter2-1"}
    shop = {"user": "shop", "password": "hunter2-2", "sender": "@shop.example"}
    found = change(after=given(all_))
    assert sentences(found) == [
        "Outgoing mail leaves by smtp.example.net (port 587); until now straight to the receivers "
        "(port 25).",
        "Mail of all others uses the smarthost's account us.",
    ]
    assert '  smarthost["smtp.example.net<br/>smarthost"]:::added' in picture(found).splitlines()
    found = change(before=given(all_), after=given({**all_, "password": "hunter2-3"}, shop))
    assert sentences(found) == [
        "The password of the smarthost's account for all others changes.",
        "Mail of every address of shop.example uses the smarthost's account shop.",
    ]


def test_a_setting_with_a_secret_in_it_is_told_without_values() -> None:
    found = change(
        before={"acme": {"email": "a@inbox.example"}},
        after={"acme": {"email": "b@inbox.example"}},
        secret="acme",
    )
    assert "The setting `mail-relay:acme.email` changes." in sentences(found)


def test_a_client_that_comes_is_told_once_and_as_what_it_is() -> None:
    client = {"name": "app.shop.example", "private": True}
    found = change(step(INSTANCE, "app.shop.example", "create"), after={"clients": [client]})
    assert sentences(found) == [
        "The private client host app.shop.example is made; "
        "it can send about 300 s after its start.",
        "The client host app.shop.example may send as every address of shop.example.",
    ]


def test_a_change_of_tags_is_none_for_mail() -> None:
    found = change(
        step(EIP, "mail.relay.example", "update", changed=("tags",)),
        after={"tags": {"Owner": "us"}},
    )
    assert sentences(found) == ["Nothing changes for mail."]


def test_an_operation_that_the_report_knows_nothing_of_is_not_called_nothing() -> None:
    found = change(step("aws:sqs/queue:Queue", "q", "create"))
    assert sentences(found) == [
        "No host, record, login or forward changes; the operations do something else."
    ]


def test_settings_before_that_are_unknown_are_not_taken_for_none() -> None:
    found = change(key("s1", "delete"), after=dmarc("reject"), known=False)
    assert "The login" not in " ".join(sentences(found))
    assert "dmarc-tightened" not in kinds(found)


def test_a_new_stack_is_told_whole() -> None:
    steps = [step(INSTANCE, "mail.relay.example", "create"), step(DOMAIN, "shop.example", "create")]
    found = Change(Preview(tuple(steps), (), ()), None, reading())
    assert sentences(found) == [
        "The gateway mail.relay.example is made; it takes mail about 300 s after its start.",
        "The domain shop.example is added: nothing signs its mail.",
        "The login me@shop.example is added; it may send as me@shop.example.",
    ]


def test_ports_are_told_by_who_may_reach_them() -> None:
    def rule(port: int, network: str) -> dict[str, Any]:
        return {"ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": network}

    kind = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    found = change(
        step(kind, "a", "create", after=rule(22, "198.51.100.0/24")),
        step(kind, "b", "delete", before=rule(465, "0.0.0.0/0")),
        # one of two groups has what the other has already
        step(kind, "c", before=rule(587, "0.0.0.0/0"), after=rule(587, "0.0.0.0/0")),
        step(kind, "d", "create", after=rule(587, "0.0.0.0/0")),
    )
    assert sentences(found) == [
        "SSH (port 22) is opened to 198.51.100.0/24.",
        "Port 465/tcp is closed to everybody.",
    ]
    assert kinds(found) == ["ssh-opened"]


def test_the_ways_of_a_group_that_goes_with_its_last_host_are_closed_for_nobody() -> None:
    kind = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    out = {"ipProtocol": "tcp", "fromPort": 587, "toPort": 587, "cidrIpv4": "0.0.0.0/0"}
    rule = step(kind, "network-client-out-tcp-587", "delete", before=out)
    group = "aws:ec2/securityGroup:SecurityGroup"
    gone = change(rule, step(group, "network-client", "delete"))
    assert not any("closed" in sentence for sentence in sentences(gone))
    stays = change(rule, step(group, "network-client"))
    assert sentences(stays) == ["Port 587/tcp is closed for the hosts to everybody."]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            True,
            False,
            "The login me@shop.example is disabled: it can neither log in nor send; mail for it is "
            "still accepted.",
        ),
        (False, True, "The login me@shop.example is enabled again: it can log in and send."),
    ],
)
def test_a_login_that_is_disabled_or_enabled_is_told(before: bool, after: bool, said: str) -> None:
    one, two = (
        {"logins": [{"address": "me@shop.example", "enabled": enabled}]}
        for enabled in (before, after)
    )
    found = change(before=one, after=two)
    assert sentences(found) == [said]
    assert ":::changed" in picture(found)


def test_a_password_that_cannot_be_compared_is_not_said_to_change() -> None:
    given = {**BASE, "logins": [{"address": "me@shop.example", "password": "stands-in"}]}
    unread = Snapshot(read(given), frozenset(given), secrets_read=False)
    found = Change(Preview((step(DOMAIN, "shop.example"),), (), ()), unread, reading())
    assert sentences(found) == ["Nothing changes for mail."]
    assert ":::changed" not in picture(found)


LINE = re.compile(
    r"flowchart LR"
    r'|  \w+(\["[^"]*"\]|\[\("[^"]*"\)\])(:::(added|changed|removed))?'
    r'|  \w+(\["[^"]*"\])? (-- "[^"]*" -->|-\. DNS \.->) \w+(\["[^"]*"\])?'
    r"|  classDef (added|changed|removed) \S+( 5)?"
)


def test_the_picture_holds_what_changes_and_little_more() -> None:
    logins = [{"address": f"u{n}@shop.example"} for n in range(40)]
    found = change(
        before={"logins": logins},
        after={"logins": [*logins, {"address": 'odd"@shop.example'.replace('"', "'")}]},
    )
    lines = picture(found).splitlines()
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert sum('"587 or 465' in line for line in lines) == 11
    assert '  login0["odd\'@shop.example"]:::added' in lines
    assert '  login10["31 other logins"]' in lines


def test_a_long_table_is_cut_and_odd_values_do_not_break_it() -> None:
    name = "odd.shop.example"
    steps = [
        step(RECORD, f"{name}-TXT", "create", after=record(name, "TXT", "a | b `c`")),
        *(step("aws:sqs/queue:Queue", f"q{n}", "create") for n in range(120)),
    ]
    assert "and 21 more" in markdown(report("test", change(*steps)))
    assert "| `` a \\| b `c` `` |" in markdown(report("test", change(steps[0])))


def test_a_mandatory_rule_or_an_error_fails_a_review() -> None:
    for level, passes in (("mandatory", False), ("advisory", True)):
        broken = Violation("imdsv2", level, "host", "its metadata service answers")
        found = report("test", Change(Preview((), (broken,), ()), reading(), reading()))
        assert found.passes is passes
        assert f"- Policy, {level}: `imdsv2` of host." in markdown(found)
    failed = report("test", Change(Preview((), (), ("no such zone",)), reading(), reading()))
    assert not failed.passes
    assert failed.sentences == ["Not known: the preview fails."]


def test_the_engines_events_are_read() -> None:
    urn = "urn:pulumi:test::mail-relay::mail-relay:index:Host$aws:ec2/instance:Instance::h"
    states = {"old": {"inputs": {"ami": "a"}, "outputs": {}, "custom": True}, "new": None}
    events: list[dict[str, Any]] = [
        {"resourcePreEvent": {"metadata": {"op": op, "urn": urn, **states, **more}}}
        for op, more in (
            ("delete-replaced", {}),
            ("replace", {"diffs": ["ami"], "new": {"inputs": {"ami": "b"}, "custom": True}}),
            ("create-replacement", {"keys": ["ami"]}),
        )
    ]
    message = "no image\nTraceback (most recent call last):\n  ..."
    for text in (message, "preview failed\n"):
        events.append({"diagnosticEvent": {"severity": "error", "message": text}})
    found = preview.read(json.dumps(event) for event in events)
    (only,) = found.steps
    assert (only.op, only.kind, only.name) == ("replace", "Instance", "h")
    assert (only.before, only.after, only.reasons) == ({"ami": "a"}, {"ami": "b"}, ("ami",))
    assert found.errors == ("no image",)

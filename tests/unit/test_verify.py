"""`verify` on a right world and on broken ones: what is wrong is named, with its remedy."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from verify_broken import ALL as EACH
from verify_broken import Broken
from verify_broken_alarms import ALL as ALARMS
from verify_broken_balanced import ALL as BALANCED
from verify_broken_lists import ALL as LISTS
from verify_broken_reverse import ALL as REVERSE
from verify_causes import WORLDS as ONE
from verify_causes import World
from verify_causes_from_here import FROM_HERE
from verify_causes_of_several import SEVERAL
from verify_look import Loopback, skipped, wrong
from verify_world import (
    FACTS,
    GATEWAY,
    PORTS,
    RECORDS,
    REFUSED,
    RELAYS,
    RIGHT,
    WANTED,
    Literal,
    Port,
    certificates,
    serving,
)

from mail import zonefile
from ops.outputs import Smarthost
from ops.verify import causes
from ops.verify.run import passing

ALL = [*EACH, *ALARMS, *BALANCED, *LISTS, *REVERSE]


WORLDS = [*ONE, *SEVERAL, *FROM_HERE]

BY_SMARTHOST = {"smarthost": Smarthost(host="smtp.far.example", port=587)}
PASSES = "v=spf1 include:_spf.relay.example ~all"


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    trust, contexts = certificates(tmp_path_factory.mktemp("certificates"))
    with serving(PORTS, contexts) as ports:
        yield Loopback(trust, contexts, ports)


def test_a_right_world_has_no_error_no_warning_and_nothing_skipped(loopback: Loopback) -> None:
    results = loopback.look()
    assert wrong(results) == set()
    assert skipped(results) == set()
    assert len({(r.check, r.subject) for r in results}) == len(results) == 41


def test_the_right_world_is_what_the_outputs_say() -> None:
    for record in WANTED.records:
        assert sorted(RIGHT[f"{record.name} {record.kind}"]) == sorted(record.values)


@pytest.mark.parametrize("broken", ALL, ids=lambda broken: f"{broken.code} {broken.subject}")
def test_what_is_wrong_is_named_with_its_remedy(loopback: Loopback, broken: Broken) -> None:
    old, new = broken.records
    records = tuple(zonefile.read(RECORDS.replace(old, new)))
    outputs = WANTED.model_copy(update={"records": records, **broken.outputs})
    facts = {host: {**told, **broken.facts.get(host, {})} for host, told in FACTS.items()}
    results = loopback.look(
        {**RIGHT, **broken.names}, outputs, facts, broken.ports, group=broken.group
    )
    assert wrong(results) == {(broken.code, broken.subject)}
    told = "\n".join(text for result in results for text in result.instructions)
    assert broken.remedy in told


def test_every_code_is_tried_and_explained() -> None:
    """The page lists exactly the codes that checks can give, and each has a broken world."""
    folder = Path("ops/verify")
    page = set(re.findall(r"^\| `([a-z0-9-]+)`", Path("docs/verify.md").read_text(), re.MULTILINE))
    tried = {broken.code for broken in ALL}
    said = [(cause, *effects) for world in WORLDS for cause, effects in world.causes.items()]
    tried |= {key.split()[0] for keys in said for key in keys}
    assert tried <= page
    literal = re.compile(r'\.(?:error|warn)\(\s*"([a-z0-9-]+)"')
    given = {code for file in folder.glob("*.py") for code in literal.findall(file.read_text())}
    assert len(given) > 30
    assert given <= tried


def test_a_zone_that_is_elsewhere_is_the_one_thing_said(loopback: Loopback) -> None:
    """Its records cannot be judged, and are not called missing."""
    results = loopback.look({**RIGHT, "shop.example NS": ["ns.old.example."]})
    assert ("dkim", "s1._domainkey.shop.example") in skipped(results)
    assert ("dmarc", "relay.example") not in skipped(results)


def test_hosts_whose_word_cannot_be_read_are_skipped_with_the_reason(loopback: Loopback) -> None:
    results = loopback.look(facts={})
    assert wrong(results) == set()
    names = {check for check, _ in skipped(results)}
    assert names == {
        "status",
        "services",
        "tables",
        "clock",
        "queue",
        "disk",
        "certificate",
        "signing",
        "egress",
        "lists",
    }
    assert {r.skipped for r in results if r.skipped} == {"no credentials"}


@pytest.mark.parametrize("problem", ["", "ConnectionRefusedError: refused"])
def test_with_a_smarthost_the_way_out_is_its_port(loopback: Loopback, problem: str) -> None:
    outputs = WANTED.model_copy(update=BY_SMARTHOST)
    egress = {"egress": {"exchange": "smtp.far.example:587", "problem": problem, "seconds": 9.0}}
    facts = {host: {**told, **egress} for host, told in FACTS.items()}
    results = loopback.look(outputs=outputs, facts=facts)
    assert wrong(results) == ({("egress-blocked", "mail.relay.example")} if problem else set())
    (egress_,) = [r for r in results if r.check == "egress"]
    assert "the smarthost smtp.far.example:587" in str(egress_)


def test_port_25_is_not_judged_from_a_network_that_blocks_it(loopback: Loopback) -> None:
    results = loopback.look(ports={25: None}, others_answer=False)
    assert wrong(results) == set()
    assert ("port", "mail.relay.example:25") in skipped(results)
    (port,) = [r for r in results if r.subject == "mail.relay.example:25"]
    assert "mx.inbox.example: no answer either" in port.skipped


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        ("* OK IMAP4rev2 ready", set()),
        ("* BYE no", {("port-silent", "mail.relay.example:993")}),
        (REFUSED, {("port-closed", "mail.relay.example:993")}),
        (None, {("port-filtered", "mail.relay.example:993")}),
    ],
)
def test_a_gateway_with_mailboxes_answers_imap_too(
    loopback: Loopback, greeting: str | None, said: set[tuple[str, str]]
) -> None:
    with_mailboxes = WANTED.model_copy(update={"mailboxes": ("me@shop.example",)})
    results = loopback.look(outputs=with_mailboxes, ports={993: greeting})
    assert wrong(results) == said
    assert any(r.subject == "mail.relay.example:993" for r in results)


def test_spf_of_our_address_says_nothing_of_mail_that_leaves_by_a_smarthost(
    loopback: Loopback,
) -> None:
    outputs = WANTED.model_copy(update=BY_SMARTHOST)
    neither = {"s1._domainkey.relay.example TXT": [], "relay.example TXT": ["v=spf1 -all"]}
    assert wrong(loopback.look({**RIGHT, **neither}, outputs)) == {
        ("dkim-missing", "s1._domainkey.relay.example"),
        ("spf-differs", "relay.example"),
    }


def test_a_domain_that_says_it_is_a_public_suffix_signs_for_no_host_below_it(
    loopback: Loopback,
) -> None:
    """The tree walk ends there (RFC 9989, 4.10.2); the Public Suffix List knows nothing of it."""
    name, plain = "_dmarc.relay.example", "v=DMARC1; p=none; rua=mailto:ops@inbox.example"
    suffix = plain.replace("p=none", "p=none; psd=y")
    line = f'{name}. 300 IN TXT "'
    records = tuple(zonefile.read(RECORDS.replace(f"{line}{plain}", f"{line}{suffix}")))
    outputs = WANTED.model_copy(update={"records": records})
    names = {f"{name} TXT": [suffix], "mail.relay.example TXT": ["v=spf1 -all"]}
    results = loopback.look({**RIGHT, **names}, outputs)
    assert wrong(results) == {("helo-spf-differs", "mail.relay.example")}
    assert ("dmarc", "relay.example") in skipped(results)


@pytest.mark.parametrize(
    ("changed", "passes"),
    [
        ({}, {"shop.example": True}),
        ({"shop.example TXT": []}, {"shop.example": False}),
        ({"_spf.relay.example TXT": []}, {"shop.example": False}),
        ({"s1._domainkey.shop.example TXT": []}, {"shop.example": False}),
        ({"_dmarc.shop.example TXT": []}, {"shop.example": True}),
        ({"relay.example TXT": []}, {"shop.example": True}),
        (dict.fromkeys(RIGHT, "no answer"), {}),
    ],
)
def test_whether_a_domains_mail_passes_is_told_by_its_own_spf_and_dkim(
    changed: dict[str, Any], passes: dict[str, bool]
) -> None:
    assert passing(WANTED, Literal({**RIGHT, **changed}), ["shop.example"]) == passes


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_one_cause_is_one_error_and_what_follows_is_skipped_for_it(
    loopback: Loopback, world: World
) -> None:
    facts = {**FACTS, "i-1": {**FACTS["i-1"], **(world.facts or {})}}
    results = loopback.look(
        {**RIGHT, **world.names},
        WANTED.model_copy(update=dict(world.outputs)),
        facts if world.facts is not None else {"i-2": FACTS["i-2"]},
        world.ports,
        group=world.group,
        down={GATEWAY: world.down} if world.down else None,
        limit=world.limit,
    )
    said = {r.key(p): set(p.explains) for r in results for p in r.problems}
    assert said == world.causes
    skips = " ".join(r.skipped for r in results)
    for cause, effects in world.causes.items():
        assert skips.count(f"because of {cause}: ") == len(effects)


def test_a_cause_that_keeps_mail_is_an_error_even_if_it_was_a_warning(loopback: Loopback) -> None:
    facts = {**FACTS["i-1"], "tables": {**FACTS["i-1"]["tables"], "etag": "e0"}}
    old = loopback.look(facts={**FACTS, "i-1": facts})
    lacks = loopback.look(facts={**FACTS, "i-1": facts}, ports={25: Port(takes=RELAYS)})
    assert [len(r.errors) for r in old if r.problems] == [0]
    assert [len(r.errors) for r in lacks if r.problems] == [1]


def test_no_cause_explains_itself() -> None:
    """Two causes that explain each other would both be skipped."""

    def names(key: str) -> set[str]:
        return {key, key.split()[0]}

    def follows(cause: str) -> set[str]:
        return {
            other
            for other in causes.TABLE
            for effect in causes.TABLE[cause]
            if effect in names(other) or other == effect.split()[0]
        }

    for cause in causes.TABLE:
        reached, edge = set[str](), follows(cause) - {cause}
        while edge:
            reached |= edge
            edge = {after for one in edge for after in follows(one)} - reached
        assert cause not in reached, cause

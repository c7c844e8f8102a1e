"""`verify` on a right world and on broken ones: what is wrong is named, with its remedy."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from verify_broken import ALL, Broken
from verify_world import (
    FACTS,
    PORTS,
    RECORDS,
    RIGHT,
    WANTED,
    Hosts,
    Literal,
    Port,
    certificates,
    serving,
)

from mail import zonefile
from ops.outputs import Outputs, Smarthost
from ops.verify import ports
from ops.verify.place import Place
from ops.verify.ports import ELSEWHERE
from ops.verify.result import Result
from ops.verify.run import passing, verify
from ops.verify.talk import Heard

BY_SMARTHOST = {"smarthost": Smarthost(host="smtp.far.example", port=587)}
GATEWAY_ADDRESS, OTHERS_ADDRESS = "203.0.113.9", "198.51.100.10"


@dataclass
class Loopback:
    """The gateway's ports; those that a world breaks are served instead of the right ones."""

    trust: ssl.SSLContext
    contexts: dict[str, ssl.SSLContext]
    ports: dict[int, int]

    def look(
        self,
        names: Mapping[str, Any] = RIGHT,
        outputs: Outputs = WANTED,
        facts: Mapping[str, Any] = FACTS,
        ports: Mapping[int, Port | str | None] | None = None,
        others_answer: bool = True,
    ) -> list[Result]:
        """Every result for a world."""
        changed = ports or {}
        with serving(changed, self.contexts) as instead:
            there = {**{n: p for n, p in self.ports.items() if n not in changed}, **instead}

            def connect(address: str, port: int) -> socket.socket:
                if address == OTHERS_ADDRESS and others_answer:
                    return socket.create_connection(("127.0.0.1", self.ports[25]), 5)
                if address != GATEWAY_ADDRESS or port not in there:
                    raise TimeoutError("timed out")
                return socket.create_connection(("127.0.0.1", there[port]), 5)

            place = Place(Literal(names), connect, self.trust, Hosts(facts))
            return list(verify(outputs, place))


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    trust, contexts = certificates(tmp_path_factory.mktemp("certificates"))
    with serving(PORTS, contexts) as ports:
        yield Loopback(trust, contexts, ports)


PASSES = "v=spf1 include:_spf.relay.example ~all"


def wrong(results: list[Result]) -> set[tuple[str, str]]:
    """(code, subject) of all that is wrong."""
    return {(p.code, r.subject) for r in results for p in [*r.errors, *r.warnings]}


def skipped(results: list[Result]) -> set[tuple[str, str]]:
    """(check, subject) of all that was not looked at to its end."""
    return {(r.check, r.subject) for r in results if r.skipped}


def test_a_right_world_has_no_error_no_warning_and_nothing_skipped(loopback: Loopback) -> None:
    results = loopback.look()
    assert wrong(results) == set()
    assert skipped(results) == set()
    assert len({(r.check, r.subject) for r in results}) == len(results) == 37


def test_the_right_world_is_what_the_outputs_say() -> None:
    for record in WANTED.records:
        assert sorted(RIGHT[f"{record.name} {record.kind}"]) == sorted(record.values)


@pytest.mark.parametrize("broken", ALL, ids=lambda broken: f"{broken.code} {broken.subject}")
def test_what_is_wrong_is_named_with_its_remedy(loopback: Loopback, broken: Broken) -> None:
    old, new = broken.records
    records = tuple(zonefile.read(RECORDS.replace(old, new)))
    outputs = WANTED.model_copy(update={"records": records, **broken.outputs})
    facts = {host: {**told, **broken.facts.get(host, {})} for host, told in FACTS.items()}
    results = loopback.look({**RIGHT, **broken.names}, outputs, facts, broken.ports)
    assert wrong(results) == {(broken.code, broken.subject), *broken.also}
    told = "\n".join(text for result in results for text in result.instructions)
    assert broken.remedy in told


def test_every_code_is_tried_and_explained() -> None:
    """The page lists exactly the codes that checks can give, and each has a broken world."""
    folder = Path("ops/verify")
    page = set(re.findall(r"^\| `([a-z0-9-]+)`", Path("docs/verify.md").read_text(), re.MULTILINE))
    tried = {broken.code for broken in ALL} | {code for b in ALL for code, _ in b.also}
    assert tried <= page
    literal = re.compile(r'\.(?:error|warn)\(\s*"([a-z0-9-]+)"')
    given = {code for file in folder.glob("*.py") for code in literal.findall(file.read_text())}
    assert len(given) > 30
    assert given <= tried


def test_a_parked_domain_is_right_as_its_records_say(loopback: Loopback) -> None:
    """It takes no mail, and nobody's passes its SPF: neither is a fault."""
    parked = {"MX": ("10 mail.relay.example.", "0 ."), "TXT": (PASSES, "v=spf1 -all")}
    names, records = dict(RIGHT), RECORDS
    for kind, (old, new) in parked.items():
        name = f"shop.example {kind}"
        names[name] = [new if value == old else value for value in names[name]]
        quote = '"' if kind == "TXT" else ""
        line = f"shop.example. 300 IN {kind} {quote}{old}{quote}"
        assert f"\n{line}\n" in records
        records = records.replace(f"\n{line}\n", f"\n{line.replace(old, new)}\n")
    outputs = WANTED.model_copy(update={"records": tuple(zonefile.read(records))})
    results = loopback.look(names, outputs)
    assert wrong(results) == set()


def test_a_full_disk_is_the_one_thing_said_of_what_it_does(loopback: Loopback) -> None:
    full = {
        "disks": [{"path": "/srv/mail", "free": 0, "size": 8 * 1024**3, "inodes_free": 0.9}],
        "stopped": ["opendkim.service"],
        "tables": {**FACTS["i-1"]["tables"], "result": "exit-code"},
    }
    off = "452 4.3.1 Insufficient system storage"
    instead: dict[int, Port | str | None] = {
        25: Port(refusal=off),
        587: Port(after=("AUTH PLAIN LOGIN",), refusal=off),
        465: Port(before=(), after=("AUTH PLAIN LOGIN",), refusal=off),
    }
    facts = {**FACTS, "i-1": {**FACTS["i-1"], **full}}
    results = loopback.look(facts=facts, ports=instead)
    assert wrong(results) == {("disk-full", "mail.relay.example")}
    assert {r.skipped for r in results if r.skipped} == {"the full disk comes first"}
    assert ("mx", "shop.example") in skipped(results)


def test_a_full_disk_hides_nothing_that_is_not_its_own(loopback: Loopback) -> None:
    disks = [{"path": "/srv/mail", "free": 0, "size": 8 * 1024**3, "inodes_free": 0.9}]
    facts = {**FACTS, "i-1": {**FACTS["i-1"], "disks": disks, "clock_off": 900.0}}
    open_ = Port(takes=("postmaster@relay.example", "postmaster@shop.example", ELSEWHERE))
    assert wrong(loopback.look(facts=facts, ports={25: open_})) == {
        ("disk-full", "mail.relay.example"),
        ("clock-off", "mail.relay.example"),
        ("open-relay", "mail.relay.example:25"),
    }


@pytest.mark.parametrize(
    ("closed", "first"),
    [
        ("timed out", "Nothing answered, not even a refusal: most likely the security group"),
        ("[Errno 110] Connection timed out", "Nothing answered"),
        ("[Errno 111] Connection refused", "On the host: systemctl status postfix"),
    ],
)
def test_a_port_that_says_nothing_is_not_blamed_on_postfix(closed: str, first: str) -> None:
    result = ports.check(WANTED.gateways[0], 587, Heard(closed=closed))
    assert [problem.code for problem in result.errors] == ["port-closed"]
    assert result.instructions[0].startswith(first)


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
        "signing",
        "egress",
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
        (None, {("port-closed", "mail.relay.example:993")}),
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
    found = wrong(loopback.look({**RIGHT, **names}, outputs))
    assert ("dmarc-fails", "relay.example") in found


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

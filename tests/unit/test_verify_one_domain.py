"""`verify` of one domain, and of one that nobody sends as: what is looked at, and what is said."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from typer.testing import CliRunner
from verify_look import Loopback, wrong
from verify_world import GATEWAY, KEY, PORTS, RECORDS, RIGHT, WANTED, certificates, serving

from mail import zonefile
from ops.cli import app
from ops.outputs import Outputs
from ops.target import AwsTarget
from ops.verify import command
from ops.verify.result import Result

PASSES = "v=spf1 include:_spf.relay.example ~all"
PARKED = {"MX": ("10 mail.relay.example.", "0 ."), "TXT": (PASSES, "v=spf1 -all")}
ABOUT_SHOP = 'relay.example._report._dmarc.shop.example. 300 IN TXT "v=DMARC1"\n'
ABOUT_RELAY = 'shop.example._report._dmarc.relay.example. 300 IN TXT "v=DMARC1"\n'


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    trust, contexts = certificates(tmp_path_factory.mktemp("certificates"))
    with serving(PORTS, contexts) as ports:
        yield Loopback(trust, contexts, ports)


def parked() -> tuple[dict[str, Any], Outputs]:
    """The world with shop.example parked."""
    names, records = dict(RIGHT), RECORDS
    for kind, (old, new) in PARKED.items():
        name = f"shop.example {kind}"
        names[name] = [new if value == old else value for value in names[name]]
        quote = '"' if kind == "TXT" else ""
        line = f"shop.example. 300 IN {kind} {quote}{old}{quote}"
        assert f"\n{line}\n" in records
        records = records.replace(f"\n{line}\n", f"\n{line.replace(old, new)}\n")
    return names, WANTED.model_copy(update={"records": tuple(zonefile.read(records))})


def about(results: list[Result], domain: str) -> str:
    return " ".join(
        f"{r.check} {r.seen}"
        for r in results
        if r.subject.partition("._domainkey.")[2] == domain or r.subject == domain
    )


def test_a_parked_domain_is_right_as_its_records_say(loopback: Loopback) -> None:
    """It takes no mail, and nobody's passes its SPF: neither is a fault."""
    names, outputs = parked()
    assert wrong(loopback.look(names, outputs)) == set()


def test_a_parked_domain_is_judged_by_what_refuses_its_mail(loopback: Loopback) -> None:
    names, outputs = parked()
    said = about(loopback.look(names, outputs), "shop.example")
    assert "passes by" not in said
    assert "signing" not in said
    assert "dkim" not in said
    assert "takes no mail" in said
    assert said.count("nobody sends as it") == 2


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"s1._domainkey.shop.example TXT": [], "s2._domainkey.shop.example TXT": []}, None),
        ({"shop.example TXT": ["v=spf1 +all", "verification=1"]}, "spf-differs"),
        ({"shop.example MX": ["10 elsewhere.example."]}, "mx-differs"),
        ({"_dmarc.shop.example TXT": ["v=DMARC1; p=none"]}, "dmarc-differs"),
    ],
)
def test_what_a_parked_domain_needs_is_its_refusals(
    loopback: Loopback, changed: Mapping[str, Any], code: str | None
) -> None:
    names, outputs = parked()
    found = wrong(loopback.look({**names, **changed}, outputs))
    assert found == ({(code, "shop.example")} if code else set())


def test_one_that_somebody_may_send_as_is_not_parked(loopback: Loopback) -> None:
    names, outputs = parked()
    sends = outputs.model_copy(update={"send_as": {"me@shop.example": ("@shop.example",)}})
    said = about(loopback.look(names, sends), "shop.example")
    assert "dkim" in said
    assert "signing" in said


def looked_at(monkeypatch: pytest.MonkeyPatch, loopback: Loopback, domain: str) -> Any:
    """What the command shows of a world in which each domain takes the other's reports."""
    records = tuple(zonefile.read(RECORDS + ABOUT_SHOP + ABOUT_RELAY))
    outputs = WANTED.model_copy(update={"records": records})
    names = {
        **RIGHT,
        "relay.example._report._dmarc.shop.example TXT": ["v=DMARC1"],
        "shop.example._report._dmarc.relay.example TXT": ["v=DMARC1"],
    }
    monkeypatch.setattr(command, "target", lambda *_: AwsTarget("prod"))
    monkeypatch.setattr(AwsTarget, "outputs", lambda _: outputs)
    monkeypatch.setattr(command, "vantage", lambda *_: None)
    monkeypatch.setattr(command, "verify", lambda wanted, *_: loopback.look(names, wanted))
    return CliRunner().invoke(app, ["verify", "--domain", domain, "--json"])


@pytest.mark.parametrize(
    ("domain", "other"), [("shop.example", "relay.example"), ("relay.example", "shop.example")]
)
def test_of_one_domain_no_record_of_another_is_shown(
    monkeypatch: pytest.MonkeyPatch, loopback: Loopback, domain: str, other: str
) -> None:
    result = looked_at(monkeypatch, loopback, domain)
    assert result.exit_code == 0
    checks = json.loads(result.stdout)["checks"]
    subjects = {check["subject"].split()[0] for check in checks}
    own = {domain, f"s1._domainkey.{domain}", f"{domain}._report._dmarc.{other}"}
    assert own <= subjects
    assert not {f"s1._domainkey.{other}", f"{other}._report._dmarc.{domain}"} & subjects
    about = {check["check"] for check in checks if check["subject"].split()[0] == other}
    assert about <= {"zone"}  # in which hosts are
    assert {GATEWAY, "_spf.relay.example"} <= subjects
    assert KEY[:200] not in result.stdout


def test_a_key_is_shown_by_its_beginning(loopback: Loopback) -> None:
    results = loopback.look({**RIGHT, "s1._domainkey.relay.example TXT": [KEY.replace("A", "B")]})
    (problem,) = [p for r in results for p in r.problems]
    assert problem.code == "dkim-differs"
    assert re.search(r"'p=[A-Za-z0-9]{100,}\.\.\.'$", problem.text)

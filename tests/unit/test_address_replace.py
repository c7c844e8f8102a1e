"""`relay address replace`: the step that is due, and what speaks against it."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from test_serving import status

from agent.host_status import AskedList, Listing, Reputation
from mail import txt
from ops.address import command, plan
from ops.address.plan import WAIT, Step, back, held, step
from ops.address.safety import listings
from ops.cli import loaded
from ops.outputs import Host
from ops.status import Written
from settings import Gateway

HOST, INCLUDE = "mail.relay.example", "_spf.relay.example"
OLD, NEW = "203.0.113.9", "203.0.113.10"
MADE, NOW = "2026-03-01T00:00:00+00:00", datetime.datetime(2026, 3, 20, tzinfo=datetime.UTC)


def gateway(address: int | None = None, spare: int | None = None) -> Gateway:
    return Gateway.model_validate({"name": HOST, "address": address, "spareAddress": spare})


def record(name: str, kind: str, *values: str, modified: str = MADE) -> dict[str, Any]:
    inputs = {"name": name, "type": kind, "records": list(values)}
    return {"type": plan.RECORD, "urn": f"u::{name}", "modified": modified, "inputs": inputs}


def eip(name: str, address: str) -> dict[str, Any]:
    return {"type": plan.EIP, "urn": f"u::{name}", "outputs": {"publicIp": address}}


def pointer(name: str, called: str, modified: str = MADE) -> dict[str, Any]:
    inputs = {"domainName": called}
    return {"type": plan.POINTER, "urn": f"u::{name}", "modified": modified, "inputs": inputs}


PLAIN = [
    record(HOST, "A", OLD),
    record(HOST, "TXT", "v=spf1 a -all"),
    record(INCLUDE, "TXT", f"v=spf1 ip4:{OLD} -all"),
    eip(HOST, OLD),
    pointer(HOST, HOST),
]
LATER = "2026-03-10T12:00:00+00:00"
BOTH = [
    record(HOST, "A", OLD, modified=LATER),
    record(HOST, "TXT", f"v=spf1 a ip4:{OLD} ip4:{NEW} -all"),
    record(INCLUDE, "TXT", f"v=spf1 ip4:{OLD} ip4:{NEW} -all"),
    record(f"address-1.{HOST}", "A", OLD),
    record(f"address-2.{HOST}", "A", NEW),
    eip(HOST, OLD),
    eip(f"{HOST}-2", NEW),
    pointer(HOST, HOST),
    pointer(f"{HOST}-2", f"address-2.{HOST}"),
]
MOVED = [
    record(HOST, "A", NEW, modified=LATER),
    *BOTH[1:7],
    pointer(HOST, f"address-1.{HOST}"),
    pointer(f"{HOST}-2", HOST),
]


def test_a_policy_of_many_gateways_is_read_across_its_strings() -> None:
    """A string of a TXT record ends after 255 octets, in the middle of an address too."""
    others = " ".join(f"ip4:203.0.113.{number}" for number in range(100, 113))
    long = txt.route53_value(f"v=spf1 {others} ip4:{OLD} ip4:{NEW} -all")
    assert '""' in long
    found = held([*BOTH[:2], record(INCLUDE, "TXT", long), *BOTH[3:]], gateway(1, 2), INCLUDE)
    assert found and plan.in_force(gateway(1, 2), found)


def without(resources: Sequence[Any], number: int) -> list[dict[str, Any]]:
    return [*resources[:number], *resources[number + 1 :]]


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


DUE = at(LATER)
TTLS = datetime.timedelta(minutes=10)


@pytest.mark.parametrize(
    ("given", "resources", "wanted"),
    [
        (gateway(), PLAIN, Step("prepare", None, 2, at(MADE))),
        (gateway(2), MOVED, Step("prepare", 2, 3, at(LATER))),
        # the last change of what receivers look up, and the TTL of all of it
        (gateway(None, 2), BOTH, Step("switch", 2, 1, DUE + TTLS)),
        (gateway(2, 1), MOVED, Step("release", 2, None, DUE + WAIT)),
        # back at the first, which is in use again
        (gateway(1, 2), BOTH, Step("switch", 2, 1, DUE + TTLS)),
        # the `up` is missing, or was killed
        (gateway(None, 2), PLAIN, Step("switch", 2, 1, None)),
        (gateway(None, 2), without(BOTH, 8), Step("switch", 2, 1, None)),
        (gateway(None, 2), [BOTH[0], PLAIN[1], *BOTH[2:]], Step("switch", 2, 1, None)),
        (gateway(None, 2), [*BOTH[:2], PLAIN[2], *BOTH[3:]], Step("switch", 2, 1, None)),
        (gateway(2, 1), BOTH, Step("release", 2, None, None)),
        # the reverse name is to follow
        (gateway(2, 1), [*MOVED[:8], BOTH[8]], Step("release", 2, None, None)),
    ],
)
def test_the_next_step_is_the_settings_and_the_states(
    given: Gateway, resources: list[Any], wanted: Step
) -> None:
    found = held(resources, given, INCLUDE)
    assert found is not None
    assert step(given, found, WAIT) == wanted


def test_a_gateway_that_is_not_up_has_nothing_to_replace() -> None:
    assert held([], gateway(), INCLUDE) is None
    assert held(without(PLAIN, 2), gateway(), INCLUDE) is None


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (gateway(), None),
        (gateway(2), None),
        # one that was never used is given up, one that was is taken again
        (gateway(None, 2), ("release", None, None)),
        (gateway(2, 1), ("switch", 1, 2)),
        (gateway(1, 2), ("release", 1, None)),
    ],
)
def test_there_is_a_way_back_at_once(given: Gateway, wanted: Any) -> None:
    found = back(given)
    assert (found and (found.kind, found.address, found.spare)) == wanted


def written(
    *about: str, listed: str = "", silent: bool = False, problems: tuple[str, ...] = ("", "")
) -> Written:
    entries = {listed: Listing(MADE, ("127.0.0.2",))} if listed else {}
    zones = ("zen.spamhaus.org", "psbl.surriel.com")
    lists = [AskedList(z, MADE, p, entries) for z, p in zip(zones, problems, strict=True)]
    domains = AskedList("dbl.spamhaus.org", MADE, "", {})
    asked = Reputation(MADE, about, (*lists, domains))
    return Written(status(reputation=asked), 900.0 if silent else 10.0)


def test_an_address_that_is_listed_or_that_nobody_has_asked_for_is_not_taken() -> None:
    host = Host(
        name=HOST, address=OLD, spare_address=NEW, instance_id="i-1", tables="e", status="s3://b/1"
    )
    assert listings(host, written(OLD, NEW, listed=OLD)) == []
    assert "has not asked" in listings(host, written(OLD))[0]
    assert "has not asked" in listings(host, Written(status(), 10.0))[0]
    assert listings(host, written(OLD, NEW, listed=NEW))[0].startswith(f"Spamhaus ZEN lists {NEW}")
    assert "silent" in listings(host, written(OLD, NEW, silent=True))[0]
    refuses = "it refuses the question"
    assert listings(host, written(OLD, NEW, problems=(refuses, ""))) == []
    (nobody,) = listings(host, written(OLD, NEW, problems=(refuses, refuses)))
    assert nobody.startswith(f"no block list could be asked about {NEW}: Spamhaus ZEN: {refuses}")


FILE = """config:
  mail-relay:operator: ops@inbox.example
  mail-relay:gateway:
    name: mail.relay.example   # the HELO name
  mail-relay:domains:
    - name: shop.example
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack file; `state` and `objections` are what the command sees."""
    made = tmp_path / "Pulumi.prod.yaml"
    made.write_text(FILE)
    return made


def run(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    resources: Sequence[Any],
    *arguments: str,
    against: tuple[str, ...] = (),
) -> tuple[int, dict[str, Any]]:
    export = json.dumps({"deployment": {"resources": resources}})
    target = SimpleNamespace(
        stack="prod",
        file=file,
        option="--stack prod",
        apply_command="pulumi up --stack prod",
        pulumi=lambda *_: export,
        under_way=lambda _: "",
    )
    monkeypatch.setattr(command, "target", lambda *_: target)
    monkeypatch.setattr(command, "objections", lambda *_, **__: list(against))
    result = CliRunner().invoke(loaded("address"), ["replace", HOST, "--json", *arguments])
    assert result.output, result.exception
    return result.exit_code, json.loads(result.output)


def test_each_call_writes_its_step_into_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = run(file, monkeypatch, PLAIN, "--dry-run")
    assert (code, said["did"][:18], file.read_text()) == (0, "another address (2", FILE)
    run(file, monkeypatch, PLAIN)
    assert file.read_text() == FILE.replace("HELO name\n", "HELO name\n    spareAddress: 2\n")
    # too early changes nothing and says when, and so does what was not put in force
    before = file.read_text()
    soon = [record(HOST, "A", OLD, modified="2999-01-01T00:00:00+00:00"), *BOTH[1:]]
    assert run(file, monkeypatch, soon)[1]["next"] == "switch at 2999-01-01 00:10 UTC"
    assert "put in force" in run(file, monkeypatch, PLAIN)[1]["next"]
    code, said = run(file, monkeypatch, BOTH, against=("Spamhaus ZEN lists it",))
    assert (code, said["refused"], file.read_text()) == (1, "Spamhaus ZEN lists it", before)
    code, said = run(file, monkeypatch, BOTH)
    assert (code, said["addresses"]) == (0, {"1": OLD, "2": NEW})
    assert "    address: 2\n" in file.read_text()
    assert "    spareAddress: 1\n" in file.read_text()
    run(file, monkeypatch, MOVED, "--wait=0s")
    assert file.read_text() == FILE.replace("HELO name\n", "HELO name\n    address: 2\n")


def test_the_way_back_asks_nobody(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(file, monkeypatch, PLAIN)
    run(file, monkeypatch, BOTH, "--back", against=("whatever",))
    assert file.read_text() == FILE

"""What `verify` shows to people: one line for what was skipped for one reason, the right advice."""

import io
import json
from typing import Any

import pytest
from typer.testing import CliRunner
from verify_world import FACTS, GATEWAY, WANTED, Hosts

from ops import terminal
from ops.cli import app
from ops.instances import Down
from ops.target import AwsTarget
from ops.verify import causes, command, hosts, show
from ops.verify.result import Result

DOWN = Down(f"{GATEWAY} is stopped", "aws ec2 start-instances --instance-ids i-1")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    text = io.StringIO()
    monkeypatch.setattr(terminal.results, "_file", text)
    monkeypatch.setattr(AwsTarget, "region", "eu-central-1")
    return text


def a_dead_host() -> list[Result]:
    host = WANTED.gateways[0]
    ports = []
    for port in (25, 587):
        ports.append(Result("port", f"{GATEWAY}:{port}"))
        ports[-1].error("port-filtered", f"{host.address}:{port} takes no connection: timed out")
    others = hosts.check(WANTED, WANTED.clients[0], Hosts(FACTS)(WANTED.clients[0]))
    return causes.explain(WANTED, [*ports, *hosts.check_down(WANTED, host, DOWN), *others])


def test_a_dead_host_is_one_error_and_one_line_of_what_was_skipped(said: io.StringIO) -> None:
    show.show(AwsTarget("prod"), a_dead_host())
    lines = said.getvalue().splitlines()
    assert [line for line in lines if line.startswith("error")] == [f"error    status {GATEWAY}  "]
    (skipped,) = [line for line in lines if line.startswith("skipped")]
    assert skipped.startswith("skipped  11 checks: ")
    assert f"port {GATEWAY}:25; port {GATEWAY}:587; services, tables" in skipped
    assert lines.count(f"         skipped: because of host-down {GATEWAY}") == 1
    assert f"           {DOWN.remedy}" in lines


def test_each_reason_has_a_line_and_one_alone_is_shown_whole(said: io.StringIO) -> None:
    results = [
        Result("mx", "a.example", skipped="port 25 comes first"),
        Result("mx", "b.example", skipped="port 25 comes first"),
        Result("dkim", "c.example", skipped="because of zone-delegation c.example: x"),
        Result("spf", "d.example", skipped="because of y z: 1; because of w x: 2"),
    ]
    show.show(AwsTarget("prod"), results)
    shown = said.getvalue()
    assert "skipped  2 checks: mx a.example; mx b.example\n" in shown
    assert shown.count("port 25 comes first") == 1
    assert "because of zone-delegation c.example: x\n" in shown
    assert "because of y z: 1; because of w x: 2\n" in shown


WORKS = "wait: a `pulumi` works on the stack prod"


@pytest.mark.parametrize(
    ("check", "works", "ended", "advised"),
    [
        ("status", "", "succeeded", False),
        ("status", "", "failed", False),
        ("dkim", "", "succeeded", True),
        ("dkim", "", "failed", True),
        ("dkim", WORKS, "in-progress", False),
    ],
)
def test_an_up_is_advised_for_what_an_up_makes(
    monkeypatch: pytest.MonkeyPatch, check: str, works: str, ended: str, advised: bool
) -> None:
    def found(*_: Any) -> list[Result]:
        result = Result(check, GATEWAY)
        result.error("host-down", "it is stopped", "start it")
        return [result]

    monkeypatch.setattr(command, "target", lambda *_: AwsTarget("prod"))
    monkeypatch.setattr(AwsTarget, "outputs", lambda _: WANTED)
    monkeypatch.setattr(AwsTarget, "under_way", lambda _: works)
    monkeypatch.setattr(AwsTarget, "pulumi", lambda *_: json.dumps([{"result": ended}]))
    monkeypatch.setattr(command, "vantage", lambda *_: None)
    monkeypatch.setattr(command, "verify", found)
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == 1
    assert ("--refresh" in result.stderr) is advised
    assert works in result.stderr.replace("\n", " ")
    assert ("The last `up` failed" in result.stderr) is (ended == "failed")
    assert "docs/verify.md says more" in result.stderr

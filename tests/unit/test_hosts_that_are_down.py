"""A host that answers nothing: what EC2's API, the lab and the commands say of it."""

import json
import subprocess
from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner
from verify_world import FACTS, GATEWAY, WANTED, Hosts

from lab.access import NotRunning
from lab.lab import Lab
from ops import instances, on_host, queue, status
from ops.cli import app
from ops.errors import AwsError, StackError
from ops.instances import Down
from ops.lab import power, region
from ops.lab import target as lab_target
from ops.lab.target import LabTarget
from ops.target import AwsTarget

HOST = WANTED.gateways[0]
CHECKS = {"SystemStatus": "ok", "InstanceStatus": "ok"}


def api(state: str, checks: Mapping[str, str]) -> Any:
    """EC2 with one instance."""
    found = {
        "InstanceState": {"Name": state},
        **{name: {"Status": said} for name, said in checks.items()},
    }
    asked = SimpleNamespace(describe_instance_status=lambda **_: {"InstanceStatuses": [found]})
    return lambda service: {"ec2": asked}[service]


@pytest.mark.parametrize(
    ("state", "checks", "why", "remedy"),
    [
        ("stopped", CHECKS, "is stopped", "aws ec2 start-instances --instance-ids i-1"),
        ("stopping", CHECKS, "is stopping", "aws ec2 start-instances --instance-ids i-1"),
        ("terminated", CHECKS, "is terminated", "UP --refresh"),
        ("shutting-down", CHECKS, "is shutting-down", "UP --refresh"),
        ("pending", CHECKS, "is starting", "wait"),
        ("running", {**CHECKS, "SystemStatus": "impaired"}, "fails", "stop-instances"),
        ("running", {**CHECKS, "InstanceStatus": "impaired"}, "fails", "stop-instances"),
    ],
)
def test_each_state_has_what_brings_the_host_back(
    state: str, checks: Mapping[str, str], why: str, remedy: str
) -> None:
    found = instances.down(api(state, checks), HOST, "UP --refresh")
    assert found is not None
    assert found.why.startswith(GATEWAY)
    assert why in found.why
    assert remedy in found.remedy


@pytest.mark.parametrize("checks", [CHECKS, {**CHECKS, "InstanceStatus": "initializing"}])
def test_a_host_that_runs_is_not_down(checks: Mapping[str, str]) -> None:
    assert instances.down(api("running", checks), HOST, "") is None


def test_an_instance_that_is_gone_is_made_again() -> None:
    def gone(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "InvalidInstanceID.NotFound"}}, "x")

    found = instances.down(lambda _: SimpleNamespace(describe_instance_status=gone), HOST, "UP")
    assert found == Down(f"{GATEWAY} is gone: there is no instance i-1", "UP", gone=True)


@pytest.mark.parametrize(
    ("pending", "remedy"),
    [
        (
            ["creating"],
            "a `pulumi` works on the stack prod, or was cut off: wait for it, or ./relay settle "
            "--stack prod",
        ),
        ([], "pulumi up --stack prod --refresh"),
    ],
)
def test_what_is_being_replaced_needs_no_other_up(
    monkeypatch: pytest.MonkeyPatch, pending: list[str], remedy: str
) -> None:
    export = json.dumps({"deployment": {"pending_operations": pending}})
    monkeypatch.setattr(AwsTarget, "account", lambda _: nullcontext(api("terminated", CHECKS)))
    monkeypatch.setattr(AwsTarget, "pulumi", lambda *_: export)
    found = AwsTarget("prod").down(HOST)
    assert found is not None
    assert found.remedy == remedy


def test_a_private_host_is_down_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AwsTarget, "account", lambda _: nullcontext(api("stopped", CHECKS)))
    found = AwsTarget("prod").down(HOST.model_copy(update={"address": ""}))
    assert found is not None
    assert found.why.startswith(f"{GATEWAY} is stopped")


def test_the_name_of_a_load_balancer_is_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AwsTarget, "account", lambda _: nullcontext(api("stopped", CHECKS)))
    submission = WANTED.submission.model_copy(update={"load_balancer": "x.elb.example"})
    (entrance,) = WANTED.model_copy(update={"submission": submission}).entrances
    assert AwsTarget("prod").down(entrance) is None


def test_who_cannot_ask_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: object) -> Any:
        raise AwsError("no credentials")

    monkeypatch.setattr(AwsTarget, "account", refused)
    assert AwsTarget("prod").down(HOST) is None


def test_where_there_is_no_way_into_a_host_that_is_down_that_is_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = subprocess.CompletedProcess(["ssh"], 255, "", "Connection timed out")
    down = Down(f"{GATEWAY} is stopped", "start it")
    monkeypatch.setattr(on_host.subprocess, "run", lambda *_, **__: failed)
    monkeypatch.setattr(AwsTarget, "down", lambda *_: down)
    with pytest.raises(StackError, match="is stopped"):
        AwsTarget("prod").run_on(HOST, "true")
    monkeypatch.setattr(AwsTarget, "down", lambda *_: None)
    with pytest.raises(StackError, match=f"no way into {GATEWAY} by ssh"):
        AwsTarget("prod").run_on(HOST, "true")


@pytest.mark.parametrize(
    ("said", "dark", "remedy"),
    [
        ("without power", [], f"./relay lab mend host {GATEWAY} --lab dev"),
        (
            "without power, as all of zone us-east-1a",
            ["us-east-1a"],
            "./relay lab mend zone us-east-1a --lab dev",
        ),
    ],
)
def test_a_lab_says_what_has_no_power_by_the_hosts_name(
    monkeypatch: pytest.MonkeyPatch, said: str, dark: list[str], remedy: str
) -> None:
    def not_running(*_: object) -> Any:
        raise NotRunning("the machine i-1 of the lab dev is not running")

    known = {GATEWAY: region.Instance("i-1", "us-east-1a")}
    monkeypatch.setattr(power, "without", lambda _: {GATEWAY: said})
    monkeypatch.setattr(power, "zones", lambda _: dark)
    monkeypatch.setattr(region, "instances", lambda _: known)
    monkeypatch.setattr(lab_target, "inside", not_running)
    with pytest.raises(StackError) as refused:
        LabTarget("lab", Lab("dev")).run_on(HOST, "true")
    assert str(refused.value) == f"{GATEWAY} is {said}. To bring it back: {remedy}"


@pytest.mark.parametrize(
    ("age", "down", "silent"),
    [
        (20, None, ""),
        (200, None, ""),
        (200, Down("it is stopped", "start it"), "it is stopped. To bring it back: start it"),
        (7_200, None, "has written nothing for 2:00:00, so what waits there is of then"),
    ],
)
def test_a_summary_says_of_when_it_is(
    monkeypatch: pytest.MonkeyPatch, age: int, down: Down | None, silent: str
) -> None:
    facts = {**FACTS, "i-1": {**FACTS["i-1"], "age": age}}
    monkeypatch.setattr(status, "read", lambda _, host: Hosts(facts)(host))
    monkeypatch.setattr(AwsTarget, "outputs", lambda _: WANTED)
    monkeypatch.setattr(AwsTarget, "account", lambda _: nullcontext(None))
    monkeypatch.setattr(AwsTarget, "down", lambda _, host: down if host == HOST else None)
    row, other = status.summaries(AwsTarget("prod"))
    assert (row["as of"], row["waiting"]) == ("2026-01-01T00:00:00+00:00", 2)
    assert row["age"] == {20: "0:00:20", 200: "0:03:20", 7_200: "2:00:00"}[age]
    assert (silent in row["silent"]) if silent else row["silent"] == ""
    assert other["silent"] == ""
    assert summary_ends(monkeypatch) == (1 if silent else 0)


def test_a_host_that_has_written_nothing_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> Any:
        raise status.NoStatus("it has written nothing of itself yet")

    monkeypatch.setattr(status, "read", nothing)
    monkeypatch.setattr(AwsTarget, "outputs", lambda _: WANTED)
    monkeypatch.setattr(AwsTarget, "account", lambda _: nullcontext(None))
    monkeypatch.setattr(AwsTarget, "down", lambda *_: Down("it is stopped", "start it"))
    row, _ = status.summaries(AwsTarget("prod"))
    assert row["silent"] == "it is stopped. To bring it back: start it"
    assert summary_ends(monkeypatch) == 1
    monkeypatch.setattr(AwsTarget, "down", lambda *_: None)
    assert summary_ends(monkeypatch) == 1


def summary_ends(monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of `queue list --summary`."""
    monkeypatch.setattr(queue, "target", lambda *_: AwsTarget("prod"))
    return CliRunner().invoke(app, ["queue", "list", "--summary"]).exit_code

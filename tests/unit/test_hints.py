"""A command that is told as the next step is about the stack that was asked about."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from lab import control
from lab.access import NotRunning
from lab.lab import Lab
from ops.cli import app
from ops.environments import backend
from ops.errors import StackError
from ops.lab import power, region
from ops.lab import target as lab_target
from ops.lab.target import LabTarget
from ops.outputs import Host
from ops.settle import command as settle_command
from ops.settle.settle import LEFT, Finding, Settlement
from ops.target import AwsTarget, Target

OWN, OTHER = "mail.relay.example", "mail.try.relay.example"
OF_OWN = "./relay lab status --lab dev"
OF_OTHER = "./relay verify --stack env-try --lab dev"
HOSTS = {
    OWN: region.Instance("i-1", "us-east-1a", "lab"),
    OTHER: region.Instance("i-2", "us-east-1a", "env-try"),
}


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The instances without power, of a lab with an environment."""
    found = set[str]()
    monkeypatch.setattr(control, "running", lambda _: True)
    monkeypatch.setattr(region, "instances", lambda _: HOSTS)
    monkeypatch.setattr(region, "zones", lambda _: ["us-east-1a"])
    monkeypatch.setattr(region, "without_power", lambda _: (found, set()))
    monkeypatch.setattr(region, "switch", lambda *_, **__: found.clear())
    monkeypatch.setattr(power, "_until", lambda *_, **__: None)
    return found


@pytest.mark.parametrize(("host", "hint"), [(OWN, OF_OWN), (OTHER, OF_OTHER)])
def test_who_boots_a_host_is_told_what_knows_when_it_serves(
    cut: set[str], host: str, hint: str
) -> None:
    cut.add(HOSTS[host].id)
    said = CliRunner().invoke(app, ["lab", "mend", host]).output
    assert f"{hint} says when it serves" in said
    assert said.count("./relay") == 1


def test_each_stack_whose_hosts_boot_has_its_own_command(cut: set[str]) -> None:
    cut |= {instance.id for instance in HOSTS.values()}
    said = CliRunner().invoke(app, ["lab", "mend", "zone", "us-east-1a"]).output
    assert f"{OF_OWN} says when it serves\n{OF_OTHER} says when it serves\n" in said


@pytest.mark.usefixtures("cut")
@pytest.mark.parametrize(("host", "hint"), [(OWN, OF_OWN), (OTHER, OF_OTHER)])
def test_of_a_host_that_does_not_run_its_own_stack_is_named(
    monkeypatch: pytest.MonkeyPatch, host: str, hint: str
) -> None:
    def stopped(*_: object) -> list[str]:
        raise NotRunning(host)

    monkeypatch.setattr(lab_target, "inside", stopped)
    monkeypatch.setattr(Target, "down", lambda *_: None)
    asked = Host.model_construct(name=host, instance_id=HOSTS[host].id)
    with pytest.raises(StackError) as caught:
        LabTarget("env-try", Lab("dev")).run_on(asked, "true")
    assert str(caught.value).endswith(hint)


def test_the_stack_of_an_instance_is_in_its_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = [{"Key": "Name", "Value": OTHER}, {"Key": "Stack", "Value": "env-try"}]
    place = {"AvailabilityZone": "us-east-1a"}
    found = {"InstanceId": "i-2", "Placement": place, "Tags": tags}
    answer = {"Reservations": [{"Instances": [found]}]}

    @contextmanager
    def clients(_: Lab) -> Iterator[Any]:
        yield lambda _: SimpleNamespace(describe_instances=lambda **_: answer)

    monkeypatch.setattr(region, "clients", clients)
    assert region.instances(Lab("dev")) == {OTHER: HOSTS[OTHER]}


def test_what_settle_has_left_alone_is_looked_at_in_the_same_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = Settlement(
        export="x.json", findings=[Finding(LEFT, "urn:pulumi:x::y::aws:ebs/volume:Volume::z")]
    )
    monkeypatch.setattr(settle_command, "target", lambda *_: AwsTarget("prod"))
    monkeypatch.setattr(settle_command, "settle", lambda _: done)
    said = CliRunner().invoke(app, ["settle", "--stack=prod"]).output
    assert "see ./relay leftovers --stack prod" in said


@pytest.mark.parametrize(("lab", "where"), [(None, ""), ("dev", " --lab dev")])
def test_an_environment_that_is_none_would_be_made_in_the_same_place(
    monkeypatch: pytest.MonkeyPatch, lab: str | None, where: str
) -> None:
    listed = dict[str, str | None]()
    for kind in (AwsTarget, LabTarget):
        monkeypatch.setattr(kind, "stacks", lambda _: listed)
    words = ["env", "down", "stagin", *(["--lab", lab] if lab else [])]
    said = str(CliRunner().invoke(app, words).exception)
    assert said == (
        "stagin: there is no such environment; there is none: "
        f"./relay env up stagin{where} makes one"
    )
    listed |= {f"{backend.PREFIX}staging": None, "lab": None}
    said = str(CliRunner().invoke(app, words).exception)
    assert said == "stagin: there is no such environment; did you mean staging?"

"""Availability zones and power: what must be in one zone, and what a power cut leaves."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from region_service import serving
from typer.testing import CliRunner

from common.errors import RelayError
from lab import control
from lab import lab as lab_
from lab.lab import Lab
from lab.machines import network, reconciler, routes
from lab.machines.machine import EXIT_REBOOT, Machine
from lab.machines.network import ruleset
from lab.machines.reconciler import Host, Reconciler
from lab.machines.state import Instance, RegionState
from lab.region import backends
from lab.region.memory import Memory
from lab.region_client import RegionClient
from ops.cli import app
from ops.engine import PROJECT
from ops.lab import power, region

A, B = "us-east-1a", "us-east-1b"


@dataclass
class Account:
    """A VPC with a subnet in each of two zones, and an instance in each subnet."""

    memory: Memory
    ec2: Any
    control: RegionClient
    subnets: dict[str, str]
    instances: dict[str, str]
    image: str

    def run(self, zone: str, **arguments: Any) -> str:
        made = self.ec2.create_network_interface(SubnetId=self.subnets[zone])
        interface = made["NetworkInterface"]["NetworkInterfaceId"]
        found = self.ec2.run_instances(
            ImageId=self.image,
            InstanceType="t4g.micro",
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface}],
            **arguments,
        )
        return found["Instances"][0]["InstanceId"]

    def state(self) -> dict[str, Instance]:
        """The instances as the machines' side sees them, by their zones."""
        found = RegionState.model_validate(self.control.get("state"))
        by_id = {instance.id: instance for instance in found.instances}
        return {zone: by_id[identity] for zone, identity in self.instances.items()}


@pytest.fixture
def account() -> Iterator[Account]:
    backends.ec2().reservations.clear()
    memory = Memory()
    with serving(memory) as (client, control):
        ec2 = client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.30.0.0/16")["Vpc"]["VpcId"]
        subnets = {
            zone: ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.30.{number}.0/24", AvailabilityZone=zone
            )["Subnet"]["SubnetId"]
            for number, zone in enumerate((A, B))
        }
        names = [{"Name": "name", "Values": ["debian-13-arm64-20251117-2299"]}]
        image = ec2.describe_images(Owners=["136693071363"], Filters=names)["Images"][0]["ImageId"]
        made = Account(memory, ec2, control, subnets, {}, image)
        made.instances.update({zone: made.run(zone) for zone in (A, B)})
        yield made
        ec2.terminate_instances(InstanceIds=list(made.instances.values()))
        for interface in ec2.describe_network_interfaces()["NetworkInterfaces"]:
            ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
        for subnet in subnets.values():
            ec2.delete_subnet(SubnetId=subnet)
        ec2.delete_vpc(VpcId=vpc)
    backends.ec2().reservations.clear()


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def placed(account: Account, identity: str) -> str:
    found = account.ec2.describe_instances(InstanceIds=[identity])["Reservations"][0]
    return found["Instances"][0]["Placement"]["AvailabilityZone"]


def test_an_instance_is_in_the_zone_of_its_interface(account: Account) -> None:
    assert {zone: placed(account, i) for zone, i in account.instances.items()} == {A: A, B: B}
    code, said = refused(lambda: account.run(B, Placement={"AvailabilityZone": A}))
    assert code == "InvalidParameterValue"
    assert said == (
        f"Value ({A}) for parameter availabilityZone is invalid. Subnet '{account.subnets[B]}' is "
        f"in the availability zone {B}"
    )


def test_a_volume_goes_to_instances_of_its_own_zone(account: Account) -> None:
    volume = account.ec2.create_volume(AvailabilityZone=B, Size=1)["VolumeId"]

    def attach(zone: str) -> None:
        account.ec2.attach_volume(
            VolumeId=volume, InstanceId=account.instances[zone], Device="/dev/sdf"
        )

    assert refused(lambda: attach(A)) == (
        "InvalidVolume.ZoneMismatch",
        f"The volume '{volume}' is not in the same availability zone as instance "
        f"'{account.instances[A]}'",
    )
    attach(B)
    assert [v.id for v in account.state()[B].volumes] == [volume]


def test_an_interface_goes_to_instances_of_its_own_zone(account: Account) -> None:
    made = account.ec2.create_network_interface(SubnetId=account.subnets[B])
    interface = made["NetworkInterface"]["NetworkInterfaceId"]
    attach = account.ec2.attach_network_interface
    arguments = {"NetworkInterfaceId": interface, "DeviceIndex": 1}
    code, said = refused(lambda: attach(InstanceId=account.instances[A], **arguments))
    assert code == "InvalidParameterCombination"
    assert "not in the same availability zone" in said


def statuses(account: Account) -> dict[str, tuple[str, str, str]]:
    """State, system status and instance status by zone."""
    listed = account.ec2.describe_instance_status()["InstanceStatuses"]
    return {
        found["AvailabilityZone"]: (
            found["InstanceState"]["Name"],
            found["SystemStatus"]["Status"],
            found["InstanceStatus"]["Status"],
        )
        for found in listed
    }


GOOD, BAD = ("running", "ok", "ok"), ("running", "impaired", "impaired")


@pytest.mark.parametrize("what", ["instances", "zones"])
def test_what_has_no_power_runs_and_fails_its_checks_a_minute_later(
    account: Account, what: str
) -> None:
    name = account.instances[A] if what == "instances" else A
    account.control.put(f"power/{what}/{name}", {"on": False})
    assert {zone: i.powered for zone, i in account.state().items()} == {A: False, B: True}
    assert statuses(account) == {A: GOOD, B: GOOD}
    ago = datetime.now(UTC) - timedelta(minutes=2)
    held = account.memory.cut_instances if what == "instances" else account.memory.cut_zones
    held[name] = ago
    for instance in backends.instances():
        instance.launch_time = ago
    assert statuses(account) == {A: BAD, B: GOOD}
    new = account.run(A)  # a replacement has power, unless its zone has none
    (found,) = [i for i in account.control.get("state")["instances"] if i["id"] == new]
    assert found["powered"] is (what == "instances")
    account.control.put(f"power/{what}/{name}", {"on": True})
    assert statuses(account)[A] == GOOD
    assert account.state()[A].powered


def instance(**changes: Any) -> Instance:
    fields: dict[str, Any] = {
        "id": "i-1",
        "name": "mail.relay.example",
        "state": "running",
        "boots": 1,
        "powered": True,
        "private_address": "10.20.0.5",
        "public_address": "203.0.113.1",
        "mac": "02:00:00:00:00:01",
        "subnet_cidr": "10.20.0.0/24",
        "vpc_cidr": "10.20.0.0/16",
        "internet": True,
        "via": None,
        "forwards": False,
        "volumes": (),
        "ingress": (),
        "egress": (),
    }
    return Instance(**{**fields, **changes})


def test_nothing_passes_to_or_from_what_has_no_power() -> None:
    text = ruleset([("m-1", instance(powered=False))], port_25_blocked=False)
    forward = text[text.index("chain forward") : text.index("chain input")].splitlines()
    # before established connections are let through
    assert forward[2:5] == [
        '    iifname "m-1" drop',
        '    oifname "m-1" drop',
        "    ct state established,related accept",
    ]


class Ended:
    """A process that has ended."""

    def __init__(self, code: int) -> None:
        self.code = code

    def poll(self) -> int:
        return self.code


class Box(Machine):
    """A machine that notes what is done to it."""

    def __init__(self) -> None:
        link = network.Link("n", "m-1", "10.20.0.5", "10.20.0.0/24")
        super().__init__("i-1", Path("/nowhere"), Path("/nowhere"), link)
        self.done: list[str] = []
        self.boot()

    def boot(self, *binds: str) -> None:
        self.done.append("boots")
        self.process = cast("Popen[bytes]", Ended(EXIT_REBOOT))

    def kill(self) -> None:
        self.done.append("killed")
        self.process = None

    def power_off(self) -> None:
        self.done.append("shut down")
        self.kill()

    def note_leader(self) -> None:
        pass


def test_a_machine_without_power_ends_at_once_and_stays_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, silent = Box(), list[bool]()

    def apply_rules(_: Lab, known: list[Instance], *__: Any, **___: Any) -> None:
        silent.append(not known[0].powered and "killed" not in box.done)

    monkeypatch.setattr(network, "apply_rules", apply_rules)
    monkeypatch.setattr(routes, "apply", lambda *_: None)
    stopped: list[str] = []
    machines = Reconciler(Lab("dev"), tmp_path, "", stopped.append, lambda _: None)
    monkeypatch.setattr(reconciler.Reconciler, "_remove_terminated", lambda *_: None)
    machines.hosts["i-1"] = Host(instance(), box, cast("Popen[bytes]", None), 1)

    def follow(**changes: Any) -> list[str]:
        box.done.clear()
        machines.follow(RegionState(instances=(instance(**changes),), volumes=(), private_zones=()))
        return list(box.done)

    assert follow(powered=False) == ["killed"]
    assert silent[0]  # no packet says that it dies
    assert follow(powered=False) == []
    assert follow(powered=False, boots=2) == []  # not by a reboot either
    assert follow(boots=2) == ["boots"]
    assert stopped == []


HOSTS = {"mail1.x.example": region.Instance("i-1", A), "app.x.example": region.Instance("i-2", B)}


class Cuts:
    """A lab with two hosts, whose region notes the cuts."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.instances, self.zones = set[str](), set[str]()
        patch.setattr(control, "running", lambda _: True)
        patch.setattr(region, "instances", lambda _: HOSTS)
        patch.setattr(region, "zones", lambda _: [A, B])
        patch.setattr(region, "without_power", lambda _: (self.instances, self.zones))
        patch.setattr(region, "switch", self.switch)
        patch.setattr(power, "_until", lambda *_, **__: None)

    def switch(self, _: Lab, kind: str, name: str, *, on: bool) -> None:
        held = self.zones if kind == "zones" else self.instances
        (held.discard if on else held.add)(name)


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> Cuts:
    return Cuts(monkeypatch)


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["lab", *arguments])
    return str(result.exception) if isinstance(result.exception, RelayError) else result.output


def test_a_cut_and_what_mends_it_are_told(cuts: Cuts) -> None:
    cut = said("break", "gateway", "mail1.x.example")
    assert cut.startswith("mail1.x.example: without power\n")
    assert "./relay lab mend host mail1.x.example --lab dev restores it" in cut
    assert said("break", "host", "mail1.x.example") == (
        "mail1.x.example is without power already\n"
        "./relay lab mend host mail1.x.example --lab dev restores it\n"
    )
    assert said("break", "zone", A) == f"zone {A}: no host changes by it\n"
    assert power.without(Lab("dev")) == {"mail1.x.example": f"without power, as all of zone {A}"}
    assert said("mend", "zone", A) == (
        f"zone {A}: no host changes by it\n"
        "mail1.x.example is without power: ./relay lab mend host mail1.x.example --lab dev\n"
    )
    assert power.without(Lab("dev")) == {"mail1.x.example": "without power"}
    mended = said("mend", "gateway", "mail1.x.example")
    assert mended.startswith("mail1.x.example: boots\n")
    assert "./relay lab status --lab dev says when it serves" in mended
    assert said("mend", "mail1.x.example") == "mail1.x.example has power already\n"
    cut = said("break", "zone", B)
    assert cut.startswith("app.x.example: without power\n")
    assert f"./relay lab mend zone {B} --lab dev restores it" in cut
    assert said("mend", "gateway", "app.x.example") == (
        f"app.x.example is without power, as all of zone {B}: ./relay lab mend zone {B} --lab dev"
    )


@pytest.mark.parametrize("words", [("host", "app.x.example"), ("zone", B)])
def test_what_is_so_already_is_no_error(cuts: Cuts, words: tuple[str, ...]) -> None:
    def run(verb: str) -> tuple[int, Any]:
        result = CliRunner().invoke(app, ["lab", verb, *words, "--json"])
        return result.exit_code, json.loads(result.stdout)

    assert run("mend") == (0, [])
    assert run("break") == (0, ["app.x.example"])
    assert run("break") == (0, [])


@pytest.mark.parametrize("words", [("host",), ("client",), ("gateway",), ()])
def test_a_host_is_meant_by_whatever_it_is_called(cuts: Cuts, words: tuple[str, ...]) -> None:
    assert said("break", *words, "app.x.example").startswith("app.x.example: without power\n")


def test_a_zone_is_meant_by_its_name_alone(cuts: Cuts) -> None:
    assert said("break", A).startswith("mail1.x.example: without power\n")


@pytest.mark.parametrize("words", [("host", "gateway"), ("gateway",)])
def test_gateway_alone_is_the_stacks_first(
    cuts: Cuts, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_, "HOME", tmp_path)
    file = tmp_path / "dev" / "pulumi" / "Pulumi.lab.yaml"
    file.parent.mkdir(parents=True)
    text = (PROJECT / "Pulumi.dev.yaml").read_text()
    file.write_text(text.replace("mail.relay.", "mail1.x.").replace("relay.example", "x.example"))
    assert said("break", *words).startswith("mail1.x.example: without power\n")


WORDS = "give a host's name, or `zone` and the name of a zone"
THERE = f"mail1.x.example, app.x.example; zone {A}, {B}"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("break", "gateway", "x"),
            f"host x: there is no such host; there is {THERE}",
        ),
        (("break", "x"), f"host x: there is no such host; there is {THERE}"),
        (("break", "zone", "x"), f"zone x: there is no such zone; there is {THERE}"),
        (
            ("break", "router", "x"),
            f"router x: {WORDS}; there is {THERE}",
        ),
        (
            ("break", "host", "gateway", "x"),
            f"host gateway x: {WORDS}; there is {THERE}",
        ),
        (("mend", "zone", "x"), f"zone x: there is no such zone; there is {THERE}"),
        (("mend", "gateway", "x"), f"host x: there is no such host; there is {THERE}"),
    ],
)
def test_what_there_is_not_is_told_with_what_there_is(
    cuts: Cuts, arguments: tuple[str, ...], text: str
) -> None:
    assert said(*arguments) == text

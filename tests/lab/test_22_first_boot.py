"""A first boot heals itself: whatever may pass is waited for, and nobody lends a hand.

One gateway in a lab of its own: first all that can be late is late, then the power goes again and
again. `pulumi up` is what waits for the host; that it ends is the result.
"""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from world import PROJECT

from lab import access, control
from lab.access import entered
from lab.internet import send
from lab.internet.services import mirrors
from lab.internet.smtp import Internet
from lab.lab import Lab
from lab.machines.image import host_image
from lab.region_client import RegionClient
from lab.wait import until
from ops.errors import StackError
from ops.lab import up
from ops.lab.region import client
from ops.lab.send import by_login
from ops.outputs import Outputs

LAB = Lab("test22")
HOST = "mail.relay.example"
BOOT_SECONDS = 600
DENY = {"Effect": "Deny", "Action": "*", "Resource": "*"}
LOCK = """
import fcntl, pathlib, time
lock = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(lock, fcntl.LOCK_EX)
pathlib.Path("/run/lock-is-held").touch()
while pathlib.Path("/run/lock-is-held").exists():
    time.sleep(0.2)
"""
# What the power is cut in: the steps of the set-up as the host tells them.
MOMENTS = (
    "data volume",
    "package lists",
    "updates",
    "firewall",
    "packages",
    "packages",
    "packages",
    "packages",
    "services",
    "done",
)
PART = 40  # lines of dpkg's log: several packages


class Gateway:
    """The one host, as its disk and its console show it."""

    @property
    def instance(self) -> str:
        """The id of the instance that is not to end, "" while there is none."""
        with entered(LAB.namespace):
            states = RegionClient(LAB.api_url).get("state")["instances"]
        return next((i["id"] for i in states if i["state"] not in ("terminated", "stopping")), "")

    @property
    def directory(self) -> Path:
        return LAB.directory / "machines" / self.instance

    def read(self, path: str) -> str:
        file = self.directory / "root" / path
        return file.read_text(errors="replace") if file.exists() else ""

    def run(self, *command: str) -> str:
        return access.run(LAB, self.instance, *command).stdout

    def has(self, path: str) -> bool:
        """Whether a running host has a file, on whatever it is mounted."""
        running = (self.directory / "leader").exists() and (self.directory / "leader").read_text()
        if not running:
            return False
        return access.run(LAB, self.instance, "test", "-e", path, check=False).returncode == 0

    def said(self, text: str) -> bool:
        """Whether the console has it: what EC2 shows as console output."""
        console = self.directory / "console.log"
        return console.exists() and text in console.read_text(errors="replace")

    def step(self) -> str:
        """What the set-up is doing, "" while it does nothing."""
        file = "/run/mail-relay/step"
        return self.run("cat", file).strip() if self.has(file) else ""

    def journal(self) -> str:
        """What the set-up last said."""
        return self.run("journalctl", "-o", "cat", "-u", "mail-relay-setup", "-n", "100")

    def dpkg_lines(self) -> int:
        """How much dpkg has done."""
        return self.read("var/log/dpkg.log").count("\n")

    def is_at(self, moment: str, dpkg_lines: int) -> bool:
        """Whether a step is under way, and dpkg further than it was when the power went last."""
        if moment == "done":
            return self.has("/var/lib/mail-relay/set-up")
        further = moment != "packages" or self.dpkg_lines() > dpkg_lines + PART
        return self.step() == moment and further

    def cut_the_power(self) -> None:
        """End the machine at once, and start it again once AWS has noticed."""
        instance = self.instance
        os.kill(int((self.directory / "leader").read_text()), signal.SIGKILL)
        with entered(LAB.namespace):
            ec2 = client(LAB, "ec2")

            def stopped() -> bool:
                found = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
                return found[0]["Instances"][0]["State"]["Name"] == "stopped"

            until("the instance is stopped", stopped, 60)
            ec2.start_instances(InstanceIds=[instance])


def settings(operator: str) -> Path:
    config: dict[str, Any] = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"]
    for key in ("clients", "forwards"):
        config.pop(f"mail-relay:{key}", None)
    config["mail-relay:operator"] = operator
    config["mail-relay:wait"] = {"minutes": 30}
    file = LAB.directory / "Pulumi.first-boot.yaml"
    file.write_text(yaml.safe_dump({"config": config}))
    return file


class Up(threading.Thread):
    """`pulumi up`, while the test makes its trouble."""

    def __init__(self, operator: str) -> None:
        super().__init__()
        self.file = settings(operator)
        self.outputs: Outputs | None = None
        self.failed = ""

    def run(self) -> None:
        try:
            self.outputs = up.apply(LAB, self.file)
        except StackError as error:
            self.failed = str(error)

    def ended(self) -> bool:
        assert self.failed == ""
        return self.outputs is not None


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    control.remove(LAB)
    control.start(LAB, print)
    yield Gateway()
    control.remove(LAB)
    assert control.remains(LAB) == []


def region(method: str, path: str, body: Any) -> None:
    with entered(LAB.namespace):
        RegionClient(LAB.api_url).call(method, path, body)


def iam(call: Callable[[Any], Any]) -> Any:
    with entered(LAB.namespace):
        return call(client(LAB, "iam"))


def passes(outputs: Outputs | None) -> bool:
    """A login's message, as the receiving provider judges it."""
    assert outputs
    subject = send.unique("after the first boot")
    sent = by_login(Internet(LAB), outputs, outputs.gateways[0], 587, outputs.logins[0], subject)
    return send.arrived(LAB, sent, 120).verdict.passes()


@pytest.mark.timeout(1800)
def test_what_is_late_is_waited_for_and_told_on_the_console(gateway: Gateway) -> None:
    """The role's permissions, the volume, the mirror and dpkg's lock, one after the other."""
    region("PUT", "account/attachments", {"held": True})
    up = Up("ops@inbox.example")
    up.start()
    until("the role", lambda: iam(lambda c: c.list_roles()["Roles"]), 120)
    (role,) = iam(lambda c: c.list_roles()["Roles"])
    late = {"RoleName": role["RoleName"], "PolicyName": "late"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [DENY]})
    iam(lambda c: c.put_role_policy(**late, PolicyDocument=policy))
    until("an instance", lambda: gateway.instance, 120)
    refused = "cannot be fetched yet: An error occurred (AccessDenied)"
    until("it is refused its files", lambda: gateway.said(refused), BOOT_SECONDS)
    iam(lambda c: c.delete_role_policy(**late))

    until("it waits for its volume", lambda: gateway.step() == "data volume", BOOT_SECONDS)
    names = mirrors(host_image(print))
    region("PUT", "dns/withhold", {"names": names})
    region("PUT", "account/attachments", {"held": False})

    until("it finds no mirror", lambda: gateway.said("Could not resolve"), BOOT_SECONDS)
    command = (LAB, gateway.instance, "python3", "-c", LOCK)
    lock = threading.Thread(target=access.run, args=command, kwargs={"check": False})
    lock.start()
    until("the lock is held", lambda: gateway.has("/run/lock-is-held"))
    region("DELETE", "dns/withhold", {})
    waits = "frontend lock was locked"
    until(
        "it waits for the lock",
        lambda: waits in gateway.run("journalctl", "-o", "cat", "-u", "mail-relay-setup"),
        BOOT_SECONDS,
    )
    gateway.run("rm", "/run/lock-is-held")
    lock.join()

    until("the up ends", up.ended, BOOT_SECONDS)
    up.join()
    assert gateway.run("systemctl", "--failed", "--plain", "--no-legend").strip() == ""
    assert passes(up.outputs)


@pytest.mark.timeout(2400)
def test_the_power_is_cut_ten_times_and_the_host_serves_in_the_end(gateway: Gateway) -> None:
    up = Up("another@inbox.example")
    before = gateway.instance
    up.start()
    until("another instance", lambda: gateway.instance not in ("", before), 180)
    done = 0
    for moment in MOMENTS:
        try:
            until(moment, partial(gateway.is_at, moment, done), BOOT_SECONDS)
        except TimeoutError:
            print(gateway.journal())
            raise
        done = gateway.dpkg_lines()
        gateway.cut_the_power()
    until("the up ends", up.ended, BOOT_SECONDS)
    up.join()
    assert gateway.run("systemctl", "--failed", "--plain", "--no-legend").strip() == ""
    assert passes(up.outputs)

"""A key is turned over under load, with the power lost after each step: no signature ever fails."""

import json
import os
import signal
import smtplib
import subprocess
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from world import GATEWAY, PROJECT, SHARED, World

from lab.internet import send
from lab.wait import until
from mail import dkim

BOOT_SECONDS = 240
PAUSE_SECONDS = 1.5  # each message costs a second of this computer


def relay(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROJECT / "relay"), *arguments, f"--lab={SHARED}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def rotate(domain: str, *arguments: str, code: int = 0) -> dict[str, str]:
    """What `./relay rotate` says of the domain."""
    result = relay("rotate", f"--domain={domain}", "--json", *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    (turn,) = json.loads(result.stdout)
    return turn


def up() -> None:
    result = relay("pulumi", "up", "--yes", "--skip-preview", "--stack=lab")
    assert result.returncode == 0, result.stdout


class Load:
    """Somebody who sends all the time, and sends again what was not taken."""

    def __init__(self, world: World, login: str) -> None:
        self.world, self.login = world, login
        self.subject = send.unique("load")
        self.taken: list[str] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        session: Any = None
        while not self._end.wait(PAUSE_SECONDS):
            subject = f"{self.subject} {len(self.taken)}"
            try:
                session = session or self.world.session(587, login=self.login)
                session.send_message(send.compose(self.login, send.RECIPIENT, subject))
            except (OSError, smtplib.SMTPException):
                session = None  # waits and comes back, as a mail server does
            else:
                self.taken.append(subject)


def lose_power(world: World) -> None:
    """The gateway stops without a word, and is started again."""
    leader, instance = world.leader(GATEWAY), world.machine(GATEWAY)
    os.kill(int(leader), signal.SIGKILL)

    def stopped() -> bool:
        with world.network():
            answer = world.client("ec2").describe_instances(InstanceIds=[instance])
        return answer["Reservations"][0]["Instances"][0]["State"]["Name"] == "stopped"

    until("the region knows", stopped, 60)
    with world.network():
        world.client("ec2").start_instances(InstanceIds=[instance])
    until("another boot", lambda: world.leader(GATEWAY) not in ("", leader), 60)
    until("the gateway serves", lambda: world.serves(GATEWAY), BOOT_SECONDS, every=1)


def judged(world: World, load: Load) -> int:
    """How many messages, from the first on, the receiver has judged."""
    there = {message.subject for message in world.inbox.messages()}
    return next((n for n, one in enumerate([*load.taken]) if one not in there), len(load.taken))


def signs_with(world: World, domain: str) -> str:
    table = world.run(GATEWAY, "cat", "/srv/mail/tables/current/KeyTable")
    (line,) = [line for line in table.splitlines() if line.startswith(f"{domain} ")] or [""]
    return line.split(":")[1] if line else ""


@pytest.fixture
def domain(world: World) -> Iterator[str]:
    """A domain with a login of its own: receivers remember keys by name."""
    name = f"turn-{uuid.uuid4().hex[:8]}.example"
    settings = world.settings()
    settings["mail-relay:domains"].append({"name": name})
    settings["mail-relay:logins"].append({"address": f"me@{name}"})
    world.apply(settings)
    world.pull_tables()
    until("the gateway signs", lambda: signs_with(world, name) == "s1")
    yield name
    world.apply(world.settings())
    world.pull_tables()


def test_a_key_is_turned_over_and_nothing_fails(world: World, domain: str) -> None:
    def record(selector: str) -> list[str]:
        with world.network():
            route53 = world.client("route53")
            zones = route53.list_hosted_zones()["HostedZones"]
            (zone,) = [z["Id"] for z in zones if z["Name"] == f"{domain}."]
            sets = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        name = f"{dkim.name(selector, domain)}."
        return [r["Value"] for s in sets if s["Name"] == name for r in s["ResourceRecords"]]

    with Load(world, f"me@{domain}") as load:
        until("mail flows", lambda: len(load.taken) > 3)
        assert rotate(domain, "--dry-run")["did"].startswith("s2 is added")
        assert rotate(domain)["did"].startswith("s2 is added")
        world.region.call("PUT", "dns/withhold", {"names": [dkim.name("s2", domain)]})
        try:
            up()
            lose_power(world)
            assert signs_with(world, domain) == "s1"
            assert rotate(domain)["next"].startswith("retire s1 at ")
            refused = rotate(domain, "--wait=0s", code=1)["refused"]
            assert f"there is no {dkim.name('s2', domain)} TXT" in refused
            assert f"{GATEWAY} signs {domain} with s1 still" in refused
        finally:
            world.region.call("DELETE", "dns/withhold")
        until("the gateway has switched", lambda: signs_with(world, domain) == "s2")
        last = len(load.taken)  # of those with the old key; a rotation waits for days here
        until("all those are judged", lambda: judged(world, load) > last, 300)
        until(
            "the old one may go",
            lambda: relay("rotate", f"--domain={domain}", "--wait=0s", "--dry-run").returncode == 0,
        )
        assert rotate(domain, "--wait=0s")["did"].startswith("s1 is retired")
        assert rotate(domain)["next"].startswith("the last step is to be put in force")
        up()
        lose_power(world)
        assert signs_with(world, domain) == "s2"
        assert record("s1") == [f'"{dkim.REVOKED}"']
        assert rotate(domain)["next"].startswith("remove s1 at ")
        assert rotate(domain, "--wait=0s")["did"].startswith("s1 is forgotten")
        up()
        assert record("s1") == []
        sent = len(load.taken)
        until("mail flows after it all", lambda: len(load.taken) > sent + 3)
    found = world.inbox.wait_for(
        lambda m: m.subject.startswith(load.subject), count=len(load.taken)
    )
    assert {m.subject for m in found} >= set(load.taken)
    assert [m.subject for m in found if not m.verdict.passes()] == []
    selectors = {
        str(m.parsed["DKIM-Signature"]).partition("s=")[2].partition(";")[0] for m in found
    }
    assert selectors == {"s1", "s2"}

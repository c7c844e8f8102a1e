"""Hosts that go and come back: neither reboot, power cut nor rebuild loses anything."""

import json
import socket
import ssl
import subprocess

import pytest
from outside import by_provider, hand_in, letter
from world import CLIENT, GATEWAY, LOGIN, PROJECT, World

from lab.access import entered
from lab.internet import send
from lab.machines import network
from lab.wait import until
from ops.lab import power
from ops.lab.condition import lacks

BOOT_SECONDS = 240
MESSAGES = 200
SILENT_SECONDS = 10.0
JUDGED_SECONDS = 400  # two implementations judge each of the messages, on a busy computer


def condition(world: World, host: str) -> dict[str, list[str]]:
    """Configuration, listening sockets and enabled units of a host."""
    files = "find /etc -xdev -type f -print0 | sort -z | xargs -0 sha256sum"
    listening = "ss -Hltn | awk '{print $4}' | sort -u"
    enabled = "systemctl list-unit-files --state=enabled --plain --no-legend"
    return {
        what: world.run(host, "sh", "-c", command).splitlines()
        for what, command in (("files", files), ("ports", listening), ("units", enabled))
    }


@pytest.mark.parametrize("host", [GATEWAY, CLIENT])
def test_a_reboot_changes_nothing(world: World, host: str) -> None:
    before, leader = condition(world, host), world.leader(host)
    world.inbox.defer_everything(True)
    waits = [send.unique("over the reboot") for _ in range(5)]
    for subject in waits:
        world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
    with world.network():
        world.client("ec2").reboot_instances(InstanceIds=[world.machine(host)])
    until("the host is another boot", lambda: world.leader(host) not in ("", leader), 120)
    until("the host serves", lambda: world.serves(host), BOOT_SECONDS, every=1)
    assert world.failed_units(host) == ""
    until("everything is as before", lambda: condition(world, host) == before, 60, every=2)
    subject = send.unique("after the reboot")
    send.by_shell(world.lab, world.machine(CLIENT), "app@shop.example", subject)
    world.inbox.defer_everything(False)
    flush(world)
    assert all(world.arrived(s).verdict.passes() for s in [*waits, subject])


def test_a_host_without_power_is_silent_until_it_is_mended(world: World) -> None:
    world.inbox.defer_everything(True)
    subject = send.unique("over the power cut")
    world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
    identity = world.machine(GATEWAY)
    waits = [json.loads(line) for line in world.run(GATEWAY, "postqueue", "-j").splitlines()]
    waiting = next(message for message in waits if message["sender"] == LOGIN)
    world.run(GATEWAY, "systemctl", "start", "mail-relay-ship.service")
    try:
        assert power.cut(world.lab, power.Kind.HOST, GATEWAY) == [GATEWAY]
        with world.network():
            ec2 = world.client("ec2")
            ec2.reboot_instances(InstanceIds=[identity])
            found = ec2.describe_instances(InstanceIds=[identity])["Reservations"]
        assert found[0]["Instances"][0]["State"]["Name"] == "running"
        probe = network.other(world.lab, "probe").namespace
        with entered(probe), pytest.raises(TimeoutError):
            socket.create_connection((world.gateway.address, 465), timeout=SILENT_SECONDS)
        assert world.leader(GATEWAY) == ""
        # what is known of its mail without it
        command = [str(PROJECT / "relay"), "trace", waiting["queue_id"], "--json"]
        told = subprocess.run(
            [*command, f"--lab={world.lab.name}"], capture_output=True, text=True, check=False
        )
        assert [m["sender"] for m in json.loads(told.stdout)] == [LOGIN]
        assert f"not asked: {GATEWAY}" in told.stderr
        assert told.returncode == 0
    finally:
        world.inbox.defer_everything(False)
        assert power.mend(world.lab, power.Kind.HOST, GATEWAY) == [GATEWAY]
    (state,) = lacks(world.lab, [world.gateway])[GATEWAY]
    assert state.startswith("booting")
    until("the host serves", lambda: world.serves(GATEWAY), BOOT_SECONDS, every=1)
    flush(world)
    assert world.arrived(subject).verdict.passes()


def flush(world: World) -> None:
    """A message that was being tried is deferred after one flush; so again, until all is gone."""

    def flushed() -> bool:
        world.run(GATEWAY, "postqueue", "-f")
        return world.queue() == ""

    until("the queue is empty", flushed, 300, every=3)


def certificate(world: World) -> bytes:
    with world.session(465) as session:
        assert isinstance(session.sock, ssl.SSLSocket)
        found = session.sock.getpeercert(binary_form=True)
    assert found
    return found


def pointers(world: World) -> list[str]:
    with world.network():
        addresses = world.client("ec2").describe_addresses_attribute(Attribute="domain-name")
    return sorted(a["PtrRecord"] for a in addresses["Addresses"])


def forwarded_from(world: World, sender: str) -> str:
    """The envelope sender that a forwarded message of a proved sender left with."""
    subject = send.unique("forwarded before the rebuild")
    by_provider(world, sender, "info@shop.example", letter(f"From: {sender}", subject))
    return world.arrived(subject).sender


def test_a_rebuild_keeps_the_queue(world: World) -> None:
    kept = certificate(world), pointers(world), world.gateway.address
    old = world.machine(GATEWAY)
    subject = send.unique("kept")
    forwarded = forwarded_from(world, "me@inbox.example")
    world.inbox.defer_everything(True)
    lines = world.run(GATEWAY, "postqueue", "-j").splitlines()
    before = {json.loads(line)["queue_id"] for line in lines}
    try:
        with world.session(587, login=LOGIN) as session:
            for number in range(MESSAGES):
                message = send.compose(LOGIN, send.RECIPIENT, f"{subject} {number}")
                session.send_message(message)
        waiting = [json.loads(line) for line in world.run(GATEWAY, "postqueue", "-j").splitlines()]
        # a message that changes its queue meanwhile is listed twice
        new = {m["queue_id"]: m["sender"] for m in waiting if m["queue_id"] not in before}
        assert list(new.values()).count(LOGIN) == MESSAGES

        world.operator = "root@inbox.example"
        world.apply(world.settings())
        assert world.machine(GATEWAY) != old
        assert world.failed_units(GATEWAY) == ""
        assert kept == (certificate(world), pointers(world), world.gateway.address)
    finally:
        world.inbox.defer_everything(False)

    flush(world)
    found = world.inbox.wait_for(
        lambda m: m.subject.startswith(subject), count=MESSAGES, seconds=JUDGED_SECONDS
    )
    assert sorted(m.subject for m in found) == sorted(f"{subject} {n}" for n in range(MESSAGES))
    assert [m.subject for m in found if not m.verdict.passes()] == []
    log = world.log(GATEWAY)
    assert [identity for identity in new if f"{identity}: client=" not in log] == []

    notice = send.unique("returned after the rebuild")
    hand_in(world, forwarded, letter("From: postmaster@inbox.example", notice), "")
    assert world.arrived(notice).recipient == "me@inbox.example"

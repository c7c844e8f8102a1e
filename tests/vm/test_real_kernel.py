"""Hosts with a kernel of their own: udev, AppArmor that enforces, disks that are block devices.

What the containers of the other tests only play is real here, so each chapter ends with a look at
what the kernel has denied and at which unit has failed.
"""

import pytest
from world import CLIENT, GATEWAY, LOGIN, World

from lab.internet import send
from lab.wait import until

HOSTS = [GATEWAY, CLIENT]
SERVING_SECONDS = 90 * 60
BOOT_SECONDS = 30 * 60
ARRIVAL_SECONDS = 10 * 60
QUEUED = 20


def serves(world: World, host: str) -> bool:
    """Whether a host takes mail; `is-system-running` says nothing while timers' jobs overlap."""
    ports = [25, 465, 587] if host == GATEWAY else [25]
    listening = world.run(host, "ss", "-Hltn", check=False)
    return all(f":{port} " in listening for port in ports)


def wait_for(world: World, host: str, seconds: float) -> None:
    until(f"{host} serves", lambda: serves(world, host), seconds, every=10)


def assert_well(world: World, host: str) -> None:
    """Nothing was denied since the host's first boot, and no unit has failed."""
    kernel = ["journalctl", "-q", "-o", "cat", "_TRANSPORT=kernel", "+", "_TRANSPORT=audit"]
    said = world.run(host, *kernel).splitlines()
    assert [line for line in said if "DENIED" in line] == []
    assert world.failed_units(host) == ""


def assert_mail_passes(world: World, what: str) -> None:
    """From a login on 587 and from the client's shell, signed, to the inbox."""
    login, shell = send.unique(f"{what}, a login"), send.unique(f"{what}, the client's shell")
    world.submit(send.compose(LOGIN, send.RECIPIENT, login))
    send.by_shell(world.lab, world.machine(CLIENT), "app@shop.example", shell)
    for subject in (login, shell):
        assert world.arrived(subject, ARRIVAL_SECONDS).verdict.passes(), subject


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_serves_after_its_first_boot(world: World, host: str) -> None:
    wait_for(world, host, SERVING_SECONDS)
    assert world.run(host, "systemd-detect-virt").strip() in ("qemu", "kvm", "amazon")
    assert world.run(host, "hostname", "--fqdn").strip() == host
    assert_well(world, host)


def test_apparmor_enforces_and_has_postsrsd(world: World) -> None:
    assert world.run(GATEWAY, "cat", "/sys/module/apparmor/parameters/enabled").strip() == "Y"
    pid = world.run(GATEWAY, "systemctl", "show", "-P", "MainPID", "postsrsd.service").strip()
    confined = world.run(GATEWAY, "cat", f"/proc/{pid}/attr/apparmor/current").strip()
    assert confined == "/usr/sbin/postsrsd (enforce)"


def test_the_data_volume_is_an_nvme_disk_with_its_own_id_as_serial_number(world: World) -> None:
    source = world.run(GATEWAY, "findmnt", "-n", "-o", "SOURCE", "/srv/mail").strip()
    disk = source.removeprefix("/dev/")
    serial = world.run(GATEWAY, "cat", f"/sys/block/{disk}/device/serial").strip()
    with world.network():
        volumes = world.client("ec2").describe_volumes()["Volumes"]
    ours = [v["VolumeId"] for v in volumes if v.get("Attachments", []) and v["Encrypted"]]
    assert serial in {volume.replace("-", "") for volume in ours}


def test_a_signed_message_arrives(world: World) -> None:
    assert_mail_passes(world, "first")
    for host in HOSTS:
        assert_well(world, host)


def boot_id(world: World, host: str) -> str:
    return world.run(host, "cat", "/proc/sys/kernel/random/boot_id", check=False).strip()


def test_a_reboot_changes_nothing(world: World) -> None:
    before = boot_id(world, GATEWAY)
    world.run(GATEWAY, "systemctl", "reboot", check=False)
    until(
        "the gateway has booted again",
        lambda: len(now := boot_id(world, GATEWAY)) == len(before) and now != before,
        BOOT_SECONDS,
        every=10,
    )
    wait_for(world, GATEWAY, BOOT_SECONDS)
    assert_mail_passes(world, "after the reboot")
    assert_well(world, GATEWAY)


def test_a_rebuild_loses_nothing_of_what_is_queued(world: World) -> None:
    old, subject = world.machine(GATEWAY), send.unique("kept")
    world.inbox.defer_everything(True)
    try:
        with world.session(587, login=LOGIN) as session:
            for number in range(QUEUED):
                session.send_message(send.compose(LOGIN, send.RECIPIENT, f"{subject} {number}"))
        world.operator = "root@inbox.example"
        world.apply(world.settings())
        assert world.machine(GATEWAY) != old
        wait_for(world, GATEWAY, SERVING_SECONDS)
    finally:
        world.inbox.defer_everything(False)

    def all_arrived() -> bool:
        world.run(GATEWAY, "postqueue", "-f")
        return world.queue() == ""

    until("the queue is empty", all_arrived, ARRIVAL_SECONDS, every=15)
    found = world.inbox.wait_for(lambda m: m.subject.startswith(subject), count=QUEUED)
    assert sorted(m.subject for m in found) == sorted(f"{subject} {n}" for n in range(QUEUED))
    assert [m.subject for m in found if not m.verdict.passes()] == []
    assert_well(world, GATEWAY)

"""Nothing of a host ends for good: what ends comes back, and the operator is told."""

import time
from collections.abc import Iterator
from functools import partial

import pytest
from world import CLIENT, GATEWAY, LOGIN, World

from lab.internet import send
from lab.wait import until

TOLD = "/var/lib/mail-relay/told"
DAEMONS = [
    (GATEWAY, "postfix.service"),
    (GATEWAY, "opendkim.service"),
    (GATEWAY, "opendkim-verify.service"),
    (GATEWAY, "opendmarc.service"),
    (GATEWAY, "postsrsd.service"),
    (GATEWAY, "mail-relay-guard.service"),
    (GATEWAY, "mail-relay-limit@messages.service"),
    (GATEWAY, "mail-relay-limit@recipients.service"),
    (GATEWAY, "fail2ban.service"),
    (GATEWAY, "rsyslog.service"),
    (CLIENT, "postfix.service"),
    (CLIENT, "rsyslog.service"),
]


def shown(world: World, host: str, unit: str, name: str) -> str:
    return world.run(host, "systemctl", "show", "-P", name, unit).strip()


@pytest.fixture
def untold(world: World) -> Iterator[None]:
    """Nobody has been told of anything today."""
    forget_told(world)
    yield
    forget_told(world)


def forget_told(world: World) -> None:
    """Not while somebody is being told: systemd and the program stand in that folder."""
    being = ("--plain", "--no-legend", "--state=activating", "mail-relay-tell@*")
    for host in (GATEWAY, CLIENT):
        tells = partial(world.run, host, "systemctl", "list-units", *being)
        until("nobody is being told", lambda tells=tells: not tells(), 180)
        world.run(host, "rm", "-rf", TOLD)


def told(world: World, unit: str, host: str, since: float, seconds: float = 60) -> str:
    """The operator's one letter on a unit since then."""
    letters = world.inbox.wait_for(
        lambda m: m.subject == f"{unit} failed at {host}" and m.arrived > since, seconds=seconds
    )
    # one that was on its way when Postfix was killed comes twice (RFC 5321, 4.5.4.1)
    assert len({letter.parsed["Message-ID"] for letter in letters}) == 1
    return letters[0].raw


@pytest.mark.parametrize(("host", "unit"), DAEMONS)
def test_a_daemon_that_ends_again_and_again_comes_back(
    world: World, host: str, unit: str, untold: None
) -> None:
    """systemd gives a unit up after five starts in ten seconds unless it is told not to."""
    pid = "0"
    for _ in range(6):
        pid = until(f"{unit} runs", partial(other_pid, world, host, unit, pid), 180)
        world.run(host, "kill", "-KILL", pid)
    until(f"{unit} is back", lambda: shown(world, host, unit, "ActiveState") == "active", 180)
    assert world.failed_units(host) == ""
    until("it is noted that this was told", lambda: told_of(world, host, unit), 180)


def other_pid(world: World, host: str, unit: str, killed: str) -> str:
    """The unit's main process, "" while systemd has not noticed that it was killed."""
    pid = shown(world, host, unit, "MainPID")
    return "" if pid in ("0", killed) else pid


def test_a_status_that_gives_way_to_the_next_is_no_failure(world: World) -> None:
    """Each step of the set-up writes one, sooner than a small instance has written the last."""
    unit = "mail-relay-status.service"
    begun = f'until [ "$(systemctl show -P SubState {unit})" = start ]; do :; done'
    script = f"systemctl start --no-block {unit}; {begun}; systemctl stop {unit}"
    world.run(GATEWAY, "sh", "-c", script)
    assert shown(world, GATEWAY, unit, "Result") == "success"


def test_before_the_set_up_has_ended_there_is_nobody_to_be_told_by(world: World) -> None:
    mark, unit = "/var/lib/mail-relay/set-up", "mail-relay-tell@of-nothing.service"
    try:
        world.run(GATEWAY, "mv", mark, f"{mark}.kept")
        world.run(GATEWAY, "systemctl", "start", unit)
    finally:
        world.run(GATEWAY, "mv", f"{mark}.kept", mark)
    assert shown(world, GATEWAY, unit, "ConditionResult") == "no"


def told_of(world: World, host: str, unit: str) -> bool:
    return world.run(host, "ls", f"{TOLD}/{unit}", check=False).strip() == f"{TOLD}/{unit}"


def answers(world: World) -> bool:
    try:
        return world.session(25, tls=False).quit()[0] == 221
    except OSError:
        return False


def test_a_crash_of_postfix_loses_nothing_and_the_operator_hears_of_it_once(
    world: World, untold: None
) -> None:
    begun, before = time.time(), send.unique("before")
    world.submit(send.compose(LOGIN, send.RECIPIENT, before))
    pid, unit = "0", "postfix.service"
    for _ in range(2):
        pid = until("it runs", partial(other_pid, world, GATEWAY, unit, pid), 60)
        world.run(GATEWAY, "kill", "-KILL", pid)
        until("Postfix is back", lambda: answers(world), 60, 1)
    after = send.unique("after")
    world.submit(send.compose(LOGIN, send.RECIPIENT, after))
    assert world.arrived(before).verdict.passes()
    assert world.arrived(after).verdict.passes()
    until("it is another process", partial(other_pid, world, GATEWAY, unit, pid), 60)
    told_by = f"mail-relay-tell@{unit}.service"
    until(
        "nobody is being told",
        lambda: shown(world, GATEWAY, told_by, "ActiveState") in ("inactive", "failed"),
    )
    world.all_left(world.operator)
    said = told(world, "postfix.service", GATEWAY, begun)
    assert "killed" in said
    assert "It runs again" in said
    assert world.password() not in said


@pytest.mark.parametrize("host", [GATEWAY, CLIENT])
def test_a_bad_rule_in_the_firewall_opens_no_way_to_the_roles_keys(
    world: World, host: str, untold: None
) -> None:
    """The metadata service gives the keys of this host's role to whoever reaches it."""
    bad = "/etc/nftables.d/zz-bad.nft"
    try:
        world.run(host, "mkdir", "-p", "/etc/nftables.d")
        world.run(host, "sh", "-c", f"echo 'table ip x {{ chain' >{bad}")
        world.run(host, "systemctl", "restart", "nftables.service", check=False)
        assert shown(world, host, "nftables.service", "ActiveState") == "failed"
        assert not reaches_metadata(world, host, "nobody")
        assert reaches_metadata(world, host, "root")
        if host == GATEWAY:
            assert "chain slow" in world.run(host, "nft", "list", "ruleset")
    finally:
        world.run(host, "rm", "-f", bad)
    until(
        "the firewall is loaded without anybody's help",
        lambda: shown(world, host, "nftables.service", "ActiveState") == "active",
    )
    assert not reaches_metadata(world, host, "nobody")


def test_a_guard_that_cannot_be_loaded_closes_the_metadata_service_to_everybody(
    world: World, untold: None
) -> None:
    file = "/etc/nftables.conf"
    world.run(CLIENT, "cp", file, f"{file}.kept")
    try:
        world.run(CLIENT, "sh", "-c", f"nft flush ruleset; echo broken >{file}")
        world.run(CLIENT, "systemctl", "restart", "nftables.service", check=False)
        assert not reaches_metadata(world, CLIENT, "nobody")
        assert not reaches_metadata(world, CLIENT, "root")
    finally:
        world.run(CLIENT, "mv", f"{file}.kept", file)
        world.run(CLIENT, "systemctl", "restart", "nftables.service")
    assert reaches_metadata(world, CLIENT, "root")
    assert not reaches_metadata(world, CLIENT, "nobody")


def reaches_metadata(world: World, host: str, user: str) -> bool:
    script = "import socket; socket.create_connection(('169.254.169.254', 80), 5)"
    command = ("setpriv", f"--reuid={user}", "--clear-groups", "python3", "-c", script)
    return "Error" not in world.run(host, *command, check=False)


@pytest.mark.parametrize("host", [GATEWAY, CLIENT])
def test_mail_is_in_one_log_and_the_journal_is_bounded(world: World, host: str) -> None:
    word = send.unique("one log").replace(" ", "-")
    world.run(host, "logger", "-p", "mail.info", word)
    until("it is logged", lambda: word in world.log(host), 10)
    assert word not in (world.root(host) / "var/log/syslog").read_text(errors="replace")
    said = world.run(host, "systemd-analyze", "cat-config", "systemd/journald.conf")
    assert "SystemMaxUse=300M" in said


def test_a_busy_minute_loses_no_line_of_the_log(world: World) -> None:
    """journald drops what a service says beyond 10,000 lines in 30 s unless told otherwise."""
    for unit in ("postfix.service", "opendkim.service"):
        assert shown(world, GATEWAY, unit, "LogRateLimitIntervalUSec") == "0"


def test_a_log_that_grows_is_rotated_within_minutes(world: World) -> None:
    world.run(CLIENT, "truncate", "--size=+201M", "/var/log/mail.log")
    world.run(CLIENT, "systemctl", "start", "logrotate.service")
    assert (world.root(CLIENT) / "var/log/mail/mail.log").stat().st_size < 1 << 20
    world.run(CLIENT, "rm", "-f", "/var/log/mail/mail.log.1")
    assert "*:00/5" in shown(world, CLIENT, "logrotate.timer", "TimersCalendar")


def test_strangers_leave_room_for_our_own_users(world: World) -> None:
    """Who fills the volume from outside is stopped first; logins and clients go on."""
    filler, wanted = "/srv/mail/filler", 150 << 20
    free = int(world.run(GATEWAY, "stat", "-f", "-c", "%a", "/srv/mail"))
    block = int(world.run(GATEWAY, "stat", "-f", "-c", "%S", "/srv/mail"))
    try:
        world.run(GATEWAY, "fallocate", "-l", str(free * block - wanted), filler)
        with world.session(25, tls=False) as made:
            assert made.mail("someone@inbox.example")[0] == 452
        subject = send.unique("room")
        world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
    finally:
        world.run(GATEWAY, "rm", "-f", filler)
    assert world.arrived(subject).verdict.passes()
    with world.session(25, tls=False) as made:
        assert made.mail("someone@inbox.example")[0] == 250


def test_the_operator_hears_that_a_certificate_or_a_disk_ends(world: World, untold: None) -> None:
    live = f"/etc/letsencrypt/live/{GATEWAY}/fullchain.pem"
    make = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 "
        "-subj /CN=old -not_before $(date -u -d '-75 days' +%Y%m%d%H%M%SZ) "
        "-not_after $(date -u -d '+15 days' +%Y%m%d%H%M%SZ) "
        "-keyout /root/old.key -out /root/old.pem 2>&1"
    )
    begun = time.time()
    world.run(GATEWAY, "sh", "-c", make)
    try:
        world.run(GATEWAY, "mount", "--bind", "/root/old.pem", live)
        world.run(GATEWAY, "systemctl", "start", "mail-relay-watch.service", check=False)
        said = told(world, "mail-relay-watch.service", GATEWAY, begun, 200)
        assert "the certificate ends in 14 days" in said
        assert "mail-relay-watch.service" in world.failed_units(GATEWAY)
    finally:
        world.run(GATEWAY, "umount", live)
        world.run(GATEWAY, "systemctl", "start", "mail-relay-watch.service")
    assert world.failed_units(GATEWAY) == ""


def test_the_operator_hears_of_tables_that_cannot_be_used(world: World, untold: None) -> None:
    begun = time.time()
    with world.network():
        s3 = world.client("s3")
        (bucket,) = [b["Name"] for b in s3.list_buckets()["Buckets"]]
        good = s3.get_object(Bucket=bucket, Key="gateway.json")["Body"].read()
        s3.put_object(Bucket=bucket, Key="gateway.json", Body=good[: len(good) // 2])
    try:
        said = told(world, "mail-relay-tables.service", GATEWAY, begun, 240)
        assert "cannot be used" in said
    finally:
        with world.network():
            world.client("s3").put_object(Bucket=bucket, Key="gateway.json", Body=good)
        world.run(GATEWAY, "systemctl", "start", "mail-relay-tables.service")
    assert world.failed_units(GATEWAY) == ""

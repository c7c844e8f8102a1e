"""Nothing of a host ends for good: what ends comes back, and the operator is told."""

import time
from collections.abc import Iterator

import pytest
from world import CLIENT, GATEWAY, LOGIN, World, wait_until

from lab import send

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
    for host in (GATEWAY, CLIENT):
        world.run(host, "rm", "-rf", TOLD)
    yield
    for host in (GATEWAY, CLIENT):
        world.run(host, "rm", "-rf", TOLD)


def told(world: World, unit: str, host: str, since: float, seconds: float = 60) -> str:
    """The operator's one letter on a unit since then."""
    (letter, *others) = world.inbox.wait_for(
        lambda m: m.subject == f"{unit} failed at {host}" and m.arrived > since, seconds=seconds
    )
    assert others == []
    return letter.raw


@pytest.mark.parametrize(("host", "unit"), DAEMONS)
def test_a_daemon_that_ends_again_and_again_comes_back(
    world: World, host: str, unit: str, untold: None
) -> None:
    """systemd gives a unit up after five starts in ten seconds unless it is told not to."""
    for _ in range(6):
        wait_until(f"{unit} runs", lambda: shown(world, host, unit, "MainPID") != "0", 60)
        world.run(host, "systemctl", "kill", "--kill-whom=main", "--signal=KILL", unit)
    wait_until(f"{unit} is back", lambda: shown(world, host, unit, "ActiveState") == "active", 60)
    assert world.failed_units(host) == ""
    wait_until("it is noted that this was told", lambda: told_of(world, host, unit), 60)


def told_of(world: World, host: str, unit: str) -> bool:
    return world.run(host, "ls", f"{TOLD}/{unit}", check=False).strip() == f"{TOLD}/{unit}"


def test_a_crash_of_postfix_loses_nothing_and_the_operator_hears_of_it_once(
    world: World, untold: None
) -> None:
    begun, before = time.time(), send.unique("before")
    world.submit(send.compose(LOGIN, send.RECIPIENT, before))
    for _ in range(2):
        pid = shown(world, GATEWAY, "postfix.service", "MainPID")
        world.run(GATEWAY, "kill", "-KILL", pid)
        wait_until("Postfix is back", lambda: world.session(25, tls=False).quit()[0] == 221, 60, 1)
    after = send.unique("after")
    world.submit(send.compose(LOGIN, send.RECIPIENT, after))
    assert world.arrived(before).verdict.passes()
    assert world.arrived(after).verdict.passes()
    time.sleep(5)
    said = told(world, "postfix.service", GATEWAY, begun)
    assert "killed" in said
    assert "It runs again" in said
    assert world.password() not in said

"""What a host does by itself: rotate its logs, update itself, know its name, start again."""

import pytest
from world import CLIENT, GATEWAY, LOGIN, World

from lab.internet import send
from lab.wait import until
from ops.shipped import Shipped

HOSTS = [GATEWAY, CLIENT]
LISTS = "/var/lib/apt/lists"


@pytest.mark.parametrize("host", HOSTS)
def test_logs_are_rotated_and_go_on(world: World, host: str) -> None:
    plan = world.run(host, "logrotate", "--debug", "/etc/logrotate.conf", check=False)
    assert "error" not in plan.lower()
    rule = plan.partition("rotating pattern: /var/log/mail/mail.log")[2].partition("considering")[0]
    assert "after 1 days" in rule
    assert "log files >= 209715200 are rotated earlier, (14 rotations)" in rule
    world.run(host, "logrotate", "--force", "/etc/logrotate.conf")
    assert world.run(host, "ls", "/var/log/mail/mail.log.1").strip()
    world.run(host, "postfix", "reload")
    until("the new log is written", lambda: "postfix" in world.log(host), 30)


@pytest.mark.parametrize("host", HOSTS)
def test_security_updates_come_by_themselves(world: World, host: str) -> None:
    settings = world.run(host, "apt-config", "dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in settings
    # it would reboot all gateways at one time: agent/updates.py
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in settings
    assert world.run(host, "systemctl", "is-active", "mail-relay-updates.timer") == "active\n"
    assert world.run(host, "systemctl", "is-enabled", "apt-daily-upgrade.timer").strip() in (
        "enabled",
        "masked",  # in the lab's image: nothing is to change while tests look
    )
    world.run(host, "unattended-upgrade", "--dry-run")
    # what a first boot need not wait for
    kinds = {
        name.rpartition("_")[2] for name in world.run(host, "ls", LISTS).split() if "_" in name
    }
    assert kinds == {"InRelease", "Packages"}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_knows_its_name(world: World, host: str) -> None:
    assert world.run(host, "hostname", "--fqdn").strip() == host
    assert world.run(host, "postconf", "-h", "myhostname").strip() == host


@pytest.mark.parametrize(
    "unit", ["opendkim.service", "opendkim-verify.service", "opendmarc.service", "postsrsd.service"]
)
def test_a_service_that_dies_comes_back(world: World, unit: str) -> None:
    """Mail waits meanwhile (4xx); nothing is refused for good and nothing leaves unsigned."""
    world.run(GATEWAY, "systemctl", "kill", "--signal=KILL", unit)
    until(
        f"{unit} runs again",
        lambda: world.run(GATEWAY, "systemctl", "is-active", unit, check=False).strip() == "active",
        60,
    )
    until("mail is taken again", lambda: _sent(world), every=3)
    assert world.failed_units(GATEWAY) == ""


def _sent(world: World) -> bool:
    import smtplib

    subject = send.unique("again")
    try:
        world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
    except smtplib.SMTPResponseException as error:
        assert 400 <= error.smtp_code < 500
        return False
    return world.arrived(subject).verdict.passes()


WRITES = """
import boto3, sys, time
where = {"logGroupName": sys.argv[1], "logStreamName": sys.argv[2]}
events = [{"timestamp": int(time.time() * 1000), "message": "not mine"}]
boto3.client("logs", "us-east-1").put_log_events(**where, logEvents=events)
"""


@pytest.mark.parametrize("host", HOSTS)
def test_the_mail_log_is_in_cloudwatch_too(world: World, host: str) -> None:
    """And a host writes to no other one's."""
    assert world.outputs.logs
    group, last = world.outputs.logs.group, world.log(host).splitlines()[-1]
    with world.network():
        there = Shipped(world.client("logs"), group)
        until("its last line has come", lambda: last in there.lines(host, [last[:32]]), 150, 2)
    write = ["python3", "-c", WRITES, group]
    (other,) = {*HOSTS} - {host}
    assert "AccessDenied" in world.run(host, *write, other, check=False)
    assert world.run(host, *write, host, check=False) == ""

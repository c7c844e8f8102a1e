"""The agent on a true host: torn files, lost power, silent buckets and name servers, odd logins."""

import json
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from test_05_changes import logs_in, same_hosts, wait_for_login
from test_10_verify import codes, verify
from test_13_rotate import lose_power
from world import GATEWAY, LOGIN, World

from lab.internet import send
from lab.wait import until
from mail import dkim

__all__ = ["same_hosts"]

TABLES = "/srv/mail/tables"
AGENT = "mail-relay-tables.service"
HEALED_SECONDS = 120


def look(world: World) -> None:
    """A look of the agent's, however it ends."""
    world.run(GATEWAY, "systemctl", "start", AGENT, check=False)


def is_well(world: World) -> bool:
    look(world)
    return world.failed_units(GATEWAY) == ""


def passes(world: World, text: str, login: str = LOGIN) -> bool:
    """A login's mail is signed and arrives."""
    subject = send.unique(text)
    try:
        world.submit(send.compose(login, send.RECIPIENT, subject), login)
    except (OSError, smtplib.SMTPException):
        return False
    return world.arrived(subject).verdict.passes()


def installed(world: World) -> str:
    """What the host has, but for the numbers of the sets in which passwords were new."""
    files = f"cd {TABLES} && find bundle.json current/ -type f | sort"
    plain = "sed -E 's/\"since\": [0-9]+//'"
    show = f'for file in $({files}); do echo "$file $({plain} {TABLES}/$file | sha256sum)"; done'
    return world.run(GATEWAY, "sh", "-c", show)


@pytest.mark.parametrize(
    "tear", [":", "head -c 300 /dev/zero"], ids=["every file is empty", "every file is of zeros"]
)
def test_what_the_power_left_torn_is_whole_within_two_minutes(world: World, tear: str) -> None:
    until("the agent is well", lambda: is_well(world))
    before = installed(world)
    find = f"find {TABLES}/*.json {TABLES}/current/ /etc/postsrsd.secret -type f"
    world.run(GATEWAY, "sh", "-c", f'for file in $({find}); do {tear} >"$file"; done')
    lose_power(world)
    until("it is whole", lambda: installed(world) == before, HEALED_SECONDS, every=2)
    until("mail passes", lambda: passes(world, "healed"), HEALED_SECONDS, every=3)
    until("the agent is well", lambda: is_well(world))


@contextmanager
def systemctl_that(world: World, does: str) -> Iterator[None]:
    """The agent finds another systemctl than the host's."""
    dropin, fake = f"/run/systemd/system/{AGENT}.d", "/run/fake"
    path = f"{fake}:/usr/sbin:/usr/bin:/sbin:/bin"
    world.run(GATEWAY, "mkdir", "-p", dropin, fake)
    world.run(GATEWAY, "sh", "-c", f"printf '#!/bin/sh\\n{does}\\n' >{fake}/systemctl")
    world.run(GATEWAY, "chmod", "755", f"{fake}/systemctl")
    unit = f"printf '[Service]\\nEnvironment=PATH={path}\\n' >{dropin}/fake.conf"
    world.run(GATEWAY, "sh", "-c", f"{unit}; systemctl daemon-reload")
    try:
        yield
    finally:
        world.run(GATEWAY, "rm", "-r", dropin, fake)
        world.run(GATEWAY, "systemctl", "daemon-reload")


@pytest.mark.parametrize("does", ["exit 1", "kill -9 $PPID"])
def test_a_change_of_which_nobody_was_told_is_told_at_the_next_look(
    world: World, same_hosts: None, does: str
) -> None:
    settings, new = world.settings(), "new@shop.example"
    settings["mail-relay:logins"].append({"address": new})
    look(world)  # what the test before has changed is told: else this look would begin with that
    with systemctl_that(world, does):
        world.apply(settings)
        look(world)
        assert AGENT in world.failed_units(GATEWAY)
        assert new in world.run(GATEWAY, "cat", f"{TABLES}/current/sender_logins")
    until("the new login sends", lambda: passes(world, "told", new), 90, every=3)
    assert is_well(world)


def test_name_servers_that_err_stop_no_key_that_was_seen(world: World) -> None:
    names = [dkim.name("s1", "shop.example")]
    world.region.call("PUT", "dns/fail", {"names": names})
    try:
        change = "import json,sys; f=sys.argv[1]; s=json.load(open(f))"
        change += "; [d.update(at=1.0) for d in s.values()]; json.dump(s, open(f, 'w'))"
        world.run(GATEWAY, "python3", "-c", change, f"{TABLES}/seen.json")
        look(world)
        seen = json.loads(world.run(GATEWAY, "cat", f"{TABLES}/seen.json"))
        assert seen["shop.example"]["at"] == 1.0  # it was asked, and nobody could tell
        assert seen["relay.example"]["at"] > 1.0
        table = world.run(GATEWAY, "cat", f"{TABLES}/current/KeyTable")
        assert "shop.example shop.example:s1:" in table
    finally:
        world.region.call("PUT", "dns/fail", {"names": []})
    assert passes(world, "name servers err")


@contextmanager
def bucket(world: World) -> Iterator[tuple[Any, str, bytes]]:
    """S3, the bucket's name and the gateway's tables, which are put back and taken."""
    with world.network():
        s3 = world.client("s3")
        (name,) = [b["Name"] for b in s3.list_buckets()["Buckets"]]
        good = s3.get_object(Bucket=name, Key="gateway.json")["Body"].read()
    try:
        yield s3, name, good
    finally:
        with world.network():
            s3.put_object(Bucket=name, Key="gateway.json", Body=good)
        until("the agent is well", lambda: is_well(world))


def test_tables_that_are_gone_or_others_are_told_by_verify(world: World) -> None:
    with bucket(world) as (s3, name, good):
        with world.network():
            s3.delete_object(Bucket=name, Key="gateway.json")
        assert codes(verify(world)) == {("tables-changed", GATEWAY)}
        older = json.loads(good)
        del older["logins"]["you@relay.example"]
        with world.network():
            s3.put_object(Bucket=name, Key="gateway.json", Body=json.dumps(older).encode())
        look(world)
        found = verify(world)
        assert codes(found) == {("tables-changed", GATEWAY)}
        journal = world.run(GATEWAY, "journalctl", "-u", AGENT, "-o", "cat", "-n", "20")
        assert "tables installed; logins: gone you@relay.example" in journal
    journal = world.run(GATEWAY, "journalctl", "-u", AGENT, "-o", "cat", "-n", "20")
    assert "these tables were in use before, since 20" in journal
    assert codes(verify(world)) == set()


def test_a_role_that_may_read_no_tables_is_an_error_after_some_minutes(world: World) -> None:
    with world.network():
        iam = world.client("iam")
        profiles = iam.list_instance_profiles()["InstanceProfiles"]
        roles = [r["RoleName"] for p in profiles for r in p["Roles"]]
        (role,) = [name for name in roles if name.startswith(GATEWAY)]
        rule = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
        iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=document)
    try:
        look(world)
        assert world.failed_units(GATEWAY) == ""
        report = "/run/mail-relay/tables.json"
        found = json.loads(world.run(GATEWAY, "cat", report))
        # as if six minutes had gone by
        text = json.dumps({**found, "unanswered_since": found["unanswered_since"] - 360})
        world.run(GATEWAY, "sh", "-c", f"echo '{text}' >{report}")
        look(world)
        assert AGENT in world.failed_units(GATEWAY)
        assert codes(verify(world)) == {("tables-unread", GATEWAY)}
        assert passes(world, "by the last good tables")
    finally:
        with world.network():
            iam.delete_role_policy(RoleName=role, PolicyName="deny")
        until("the agent is well", lambda: is_well(world))
    assert codes(verify(world)) == set()


@pytest.mark.parametrize("login", ["Me@shop.example", "ME@SHOP.EXAMPLE", "mE@Shop.Example"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("port", [587, 465])
def test_a_user_name_may_be_spelled_with_capitals(
    world: World, login: str, mechanism: str, port: int
) -> None:
    def answer(password: str) -> int:
        with world.session(port) as session:
            assert isinstance(session.sock, ssl.SSLSocket)
            session.user, session.password = login, password
            method = getattr(session, f"auth_{mechanism.lower()}")
            try:
                code, _ = session.auth(mechanism, method)
            except smtplib.SMTPAuthenticationError as error:
                return error.smtp_code
            if code == 235:
                subject = send.unique("capitals")
                session.send_message(send.compose(LOGIN, send.RECIPIENT, subject))
                assert world.arrived(subject).verdict.passes()
            return code

    until("AUTH is answered", lambda: answer(world.password()) == 235, every=5)
    assert answer("-not-the-password-") in (535, 450)


def test_an_odd_login_logs_in_and_no_other_name_does(world: World, same_hosts: None) -> None:
    settings = world.settings()
    odd = "o'x{y}|%25$u/=?^_`~&!*.me@shop.example"
    settings["mail-relay:logins"].append({"address": odd, "sendAs": [LOGIN]})
    world.apply(settings)
    world.pull_tables()
    wait_for_login(world, odd, world.password(odd))
    assert not logs_in(world, "../passwords@shop.example", world.password(odd))
    assert not logs_in(world, odd.partition("@")[0], world.password(odd))

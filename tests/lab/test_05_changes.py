"""What changes every week reaches the hosts by tables and DNS: no host is replaced."""

import json
import re
import smtplib
import uuid
from collections.abc import Iterator

import pytest
from world import CLIENT, GATEWAY, LOGIN, World

from lab.internet import send
from lab.wait import until


@pytest.fixture
def same_hosts(world: World) -> Iterator[None]:
    """Whatever the test changes, the instances stay, and the settings come back."""
    before = (world.machine(GATEWAY), world.machine(CLIENT))
    yield
    world.apply(world.settings())
    assert (world.machine(GATEWAY), world.machine(CLIENT)) == before
    world.pull_tables()


def logs_in(world: World, login: str, password: str) -> bool:
    with world.session(587) as session:
        return world.authenticates(session, login, password)


def wait_for_login(world: World, login: str, password: str, wanted: bool = True) -> None:
    what = f"{login} is {'taken' if wanted else 'refused'}"
    until(what, lambda: logs_in(world, login, password) is wanted, every=3)


def unused_domain() -> str:
    """Receivers remember for an hour a key that a domain of the same name had before."""
    return f"new-{uuid.uuid4().hex[:8]}.example"


def test_a_domain_is_added_used_and_removed(world: World, same_hosts: None) -> None:
    settings = world.settings()
    domain = unused_domain()
    login = f"hi@{domain}"
    settings["mail-relay:domains"].append({"name": domain})
    settings["mail-relay:logins"].append({"address": login})
    world.apply(settings)
    password = world.password(login)
    wait_for_login(world, login, password)

    def accepted() -> str:
        subject = send.unique("from the new domain")
        try:
            world.submit(send.compose(login, send.RECIPIENT, subject), login)
        except smtplib.SMTPRecipientsRefused:
            return ""  # Dovecot knows the login, and Postfix reloads just now
        except smtplib.SMTPDataError as error:
            assert error.smtp_code == 451  # no visible key yet: it waits at the sender
            return ""
        return subject

    subject = until("mail of the new domain is signed", accepted, every=3)
    assert world.arrived(subject).verdict.passes()

    world.apply(world.settings())
    wait_for_login(world, login, password, wanted=False)


def test_a_password_is_changed(world: World, same_hosts: None) -> None:
    old = world.password()
    settings = world.settings()
    settings["mail-relay:logins"][0]["password"] = "-a-new-Password!"
    world.apply(settings)
    world.pull_tables()
    wait_for_login(world, LOGIN, "-a-new-Password!")
    assert not logs_in(world, LOGIN, old)


def test_what_a_login_may_send_as_is_changed(world: World, same_hosts: None) -> None:
    settings = world.settings()
    settings["mail-relay:logins"][0]["sendAs"] = ["@shop.example"]
    world.apply(settings)
    world.pull_tables()

    def sent() -> str:
        subject = send.unique("as sales")
        message = send.compose("sales@shop.example", send.RECIPIENT, subject)
        try:
            world.submit(message, sender="sales@shop.example")
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused):
            return ""
        return subject

    assert world.arrived(until("it may send as sales", sent, every=3)).verdict.passes()


def test_mail_waits_until_its_key_is_visible(world: World, same_hosts: None) -> None:
    domain = unused_domain()
    hidden = f"s1._domainkey.{domain}"
    world.region.call("PUT", "dns/withhold", {"names": [hidden]})
    try:
        settings = world.settings()
        settings["mail-relay:domains"].append({"name": domain})
        settings["mail-relay:clients"][0]["sendAs"] = ["@shop.example", f"@{domain}"]
        settings["mail-relay:logins"][0]["sendAs"] = [f"me@{domain}"]
        world.apply(settings)

        def told_to_wait() -> bool:
            try:
                world.submit(
                    send.compose(f"me@{domain}", send.RECIPIENT, "x"), sender=f"me@{domain}"
                )
            except smtplib.SMTPRecipientsRefused:
                return False  # the new tables are not there yet
            except smtplib.SMTPDataError as error:
                return error.smtp_code == 451
            raise AssertionError("mail left before its key was visible")

        until("a sender is told to wait", told_to_wait, every=3)
        journal = world.run(GATEWAY, "journalctl", "-u", "mail-relay-tables", "-o", "cat")
        assert f"{domain}: no selector is visible" in journal
        subject = send.unique("early")
        send.by_shell(world.lab, world.machine(CLIENT), f"app@{domain}", subject)
        until(
            "the mail waits in the client's queue",
            lambda: re.search("to=<me@inbox.example>.*status=deferred.*451", world.log(CLIENT)),
        )
        assert f"app@{domain}" in world.queue(CLIENT)
    finally:
        world.region.call("DELETE", "dns/withhold")

    def signing() -> bool:
        table = world.run(GATEWAY, "cat", "/srv/mail/tables/current/SigningTable")
        return domain in table

    until("the gateway has seen the key", signing)

    def here() -> bool:
        world.run(CLIENT, "postqueue", "-f")
        return any(m.subject == subject for m in world.inbox.messages())

    until("the mail has gone", here)
    assert world.arrived(subject).verdict.passes()


def test_with_opendkim_stopped_nothing_leaves_unsigned(world: World) -> None:
    world.run(GATEWAY, "systemctl", "stop", "opendkim.service")
    subject = send.unique("while nobody signs")
    try:
        with pytest.raises(smtplib.SMTPException) as caught:
            world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
        assert 400 <= getattr(caught.value, "smtp_code", 0) < 500
    finally:
        world.run(GATEWAY, "systemctl", "start", "opendkim.service")

    def accepted() -> bool:
        try:
            world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
        except smtplib.SMTPException:
            return False
        return True

    until("mail is taken again", accepted, every=3)
    assert world.arrived(subject).verdict.passes()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON (0 bytes)"),
        (b'{"version": 1', "it is not JSON"),
        (b'{"version": 1, "host": "x"}', "its keys are not"),
        ("foreign", "it is for ['mail.other.example']"),
        ("mailboxes", "it needs mailbox_files.py, this host was made without"),
    ],
)
def test_a_bad_tables_object_leaves_the_last_good_one_serving(
    world: World, content: bytes | str, why: str
) -> None:
    with world.network():
        s3 = world.client("s3")
        name = s3.list_buckets()["Buckets"][0]["Name"]
        good = s3.get_object(Bucket=name, Key="gateway.json")["Body"].read()
        changes = {
            "foreign": {"gateways": ["mail.other.example"]},
            "mailboxes": {"mailboxes": {LOGIN: {"quotaMiB": 1, "aliases": []}}},
        }
        if isinstance(content, str):
            content = json.dumps({**json.loads(good), **changes[content]}).encode()
        s3.put_object(Bucket=name, Key="gateway.json", Body=content)
    fetch = ["systemctl", "start", "mail-relay-tables.service"]
    try:
        world.run(GATEWAY, *fetch, check=False)
        journal = ["journalctl", "-u", "mail-relay-tables", "-o", "cat", "-n", "20"]
        until("the journal says why", lambda: why in world.run(GATEWAY, *journal), 60)
        subject = send.unique("all the same")
        world.submit(send.compose(LOGIN, send.RECIPIENT, subject))
        assert world.arrived(subject).verdict.passes()
    finally:
        with world.network():
            world.client("s3").put_object(Bucket=name, Key="gateway.json", Body=good)
        until(
            "the good tables are taken again",
            lambda: (
                world.run(GATEWAY, *fetch, check=False) == "" and not world.failed_units(GATEWAY)
            ),
        )

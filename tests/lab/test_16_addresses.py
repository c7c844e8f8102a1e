"""Names and addresses that a program could read in another way: what the settings take, works."""

import json
import uuid
from collections.abc import Iterator

import pytest
from world import GATEWAY, World

from lab.internet import send
from lab.internet.stranger import Stranger, stranger
from lab.wait import until

LOCAL = ["o'brien", "$home", "{a|b}", "jane+mail_relay", "x#y", "`id`", "a=b/c", "~me*?", "+plus"]

UNIT, REPORT = "mail-relay-tables.service", "/run/mail-relay/tables.json"
LOGIN = "o'brien+$&@shop.example"
DOMAIN, SELECTOR = f"dotted-{uuid.uuid4().hex[:8]}.example", "2024.mail"


@pytest.fixture(scope="module")
def odd(world: World) -> Iterator[World]:
    """The stack with a forward of each address, a login, and a domain with a dotted selector."""
    settings = world.settings()
    settings["mail-relay:forwards"] += [
        {"address": f"{local}@shop.example", "to": [f"{local}@inbox.example"]} for local in LOCAL
    ]
    settings["mail-relay:logins"].append({"address": LOGIN, "sendAs": [LOGIN, f"a@{DOMAIN}"]})
    settings["mail-relay:domains"].append({"name": DOMAIN, "selectors": [SELECTOR]})
    world.apply(settings)
    world.pull_tables()
    yield world
    world.apply(world.settings())
    world.pull_tables()


@pytest.fixture(scope="module")
def friend(world: World) -> Iterator[Stranger]:
    with stranger(world.lab) as who:
        yield who


@pytest.mark.parametrize("local", LOCAL)
def test_mail_for_an_odd_address_comes_to_its_odd_target(
    odd: World, friend: Stranger, local: str
) -> None:
    subject, address = send.unique("odd"), f"{local}@shop.example"
    message = send.compose(friend.address, address, subject)
    with odd.session(25) as session:
        session.sendmail(friend.address, [address], friend.signed(message))
    arrived = odd.arrived(subject)
    assert arrived.recipient == f"{local}@inbox.example"
    assert arrived.verdict.passes()


def test_an_odd_login_sends_as_its_own_address(odd: World) -> None:
    subject = send.unique("by an odd login")
    odd.submit(send.compose(LOGIN, send.RECIPIENT, subject), LOGIN)
    assert odd.arrived(subject).verdict.passes()


def test_a_selector_with_dots_signs(odd: World) -> None:
    address = f"a@{DOMAIN}"
    table = "/srv/mail/tables/current/KeyTable"
    until("its key is visible", lambda: DOMAIN in odd.run(GATEWAY, "cat", table), every=3)
    subject = send.unique("by a dotted selector")
    odd.submit(send.compose(address, send.RECIPIENT, subject), LOGIN, address)
    message = odd.arrived(subject)
    assert message.verdict.passes()
    assert f"s={SELECTOR};" in str(message.parsed["DKIM-Signature"])


def test_the_tables_unit_has_nothing_to_say_against_them(odd: World) -> None:
    odd.run(GATEWAY, "systemctl", "start", UNIT)
    # the timer may have begun another look
    state = odd.run(GATEWAY, "systemctl", "is-failed", UNIT, check=False).strip()
    assert state in ("inactive", "activating")
    assert json.loads(odd.run(GATEWAY, "cat", REPORT))["problem"] == ""

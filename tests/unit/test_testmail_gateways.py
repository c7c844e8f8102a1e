"""`relay test` where gateways give no answer, break off, or refuse the password."""

import smtplib
from pathlib import Path
from typing import Any

import pytest
from test_testmail import Place, Session, delivery, run, told
from test_testmail_replies import FAR
from test_users_test import ANOTHER, LOGIN, Server
from verify_world import GATEWAY, GATEWAYS

from ops.testmail import command, reply


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A stack with one gateway."""
    found = Place(tmp_path)
    monkeypatch.setattr(command, "target", lambda *_: found)
    return found


@pytest.fixture
def two(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A stack with two gateways, of which those that are stopped give no answer."""
    place.found = {"gateways": [*GATEWAYS, ANOTHER]}
    place.log = [delivery("sent", "250 ok")]
    monkeypatch.setattr(Server, "silent", place.stopped)
    return place


def test_each_gateway_is_tried_until_one_answers(two: Place) -> None:
    two.stopped.append(GATEWAY)
    code, said = told()
    assert (code, said["result"], said["gateway"]) == (0, "accepted", ANOTHER["name"])
    assert said["unreached"] == [
        f"{GATEWAY}, port 587: timed out; {GATEWAY} is stopped. To bring it back: start it"
    ]
    assert len(Session.sent) == 1


def test_where_no_gateway_answers_nobody_has_refused_it(two: Place) -> None:
    two.stopped += [GATEWAY, ANOTHER["name"]]
    result = run("--port", "465")
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert "refused" not in said
    assert "not sent, for no gateway has taken it" in said
    assert f"{GATEWAY}, port 465: timed out; {GATEWAY} is stopped" in said
    assert f"{ANOTHER['name']}, port 465: timed out" in said


def test_a_gateway_that_refuses_the_password_is_the_only_one_that_is_asked(two: Place) -> None:
    """Each further one would count one more failure of this address."""
    two.found["passwords"] = {LOGIN: "another-1"}
    code, said = told()
    assert (code, said["result"], said["gateway"]) == (1, "refused", GATEWAY)
    assert len(Session.tried) == 1


def test_a_wrong_password_is_not_tried_for_the_mailbox_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.found = {"mailboxes": [LOGIN], "passwords": {LOGIN: "another-1"}}
    monkeypatch.setattr(place, "internet", pytest.fail, raising=False)
    monkeypatch.setattr(reply, "opened", pytest.fail)
    assert told()[1]["result"] == "refused"


def test_a_connection_that_breaks_off_is_no_refusal(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> Any:
        raise smtplib.SMTPServerDisconnected("Server not connected")

    monkeypatch.setattr(Session, "rcpt", lost)
    code, said = told()
    assert (code, said["result"]) == (1, "unknown")
    assert said["cause"] == f"not known: {GATEWAY}: it ended the connection"


def test_who_tried_and_reached_no_server_is_told_without_one(place: Place) -> None:
    place.log = [
        delivery("deferred", "connect to mx.far.example: timed out").replace(
            "mx.far.example[192.0.2.9]:25", "none"
        )
    ]
    place.waits = True
    shown = run().stdout
    assert f"{FAR}: deferred 2.0.0\n" in shown
    assert "by none" not in shown


def test_a_message_that_no_gateway_took_is_not_said_to_be_sent(two: Place) -> None:
    two.stopped += [GATEWAY, ANOTHER["name"]]
    names = [line.split(maxsplit=1)[0] for line in run().stdout.splitlines()]
    assert names == ["message", "result"]

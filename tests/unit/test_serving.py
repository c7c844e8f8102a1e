"""Waiting for a host: what ends it, and what it says meanwhile."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from agent.host_status import (
    LIMIT,
    OLDEST,
    VERSION,
    BadStatus,
    Queue,
    Setup,
    Status,
    Tables,
    parse,
)
from components import serving
from components.serving import NotServing, Seen, see, wait

HOST, INSTANCE = "mail.relay.example", "i-1"


def status(
    *missing: str, state: Any = "done", said: tuple[str, ...] = ("last words",), **changes: Any
) -> Status:
    setup = Setup(state, missing[0] if missing else "", 0, said)
    fields = {
        "version": VERSION,
        "host": HOST,
        "instance": INSTANCE,
        "boot": "b",
        "written": "2026-01-01T00:00:00+00:00",
        "clock_off": 0.0,
        "setup": setup,
        "missing": {what: (f"why there is no {what}",) for what in missing},
        "stopped": (),
        "silent": (),
        "tables": Tables("e", "", "success", 1.0, "", 0.0),
        "signing": {},
        "signing_since": {},
        "queue": Queue(0, 0, 0.0, ()),
        "certificate": "",
        "disks": (),
        "egress": None,
        "limited": {},
        "unread": (),
    }
    return Status(**{**fields, **changes})


def waited(*seen: Seen, console: str = "", seconds: float = 5.0) -> list[str]:
    """What is told while the looks show these one after another, the last one for ever."""
    told: list[str] = []
    left = list(seen)
    look: Callable[[], Seen] = lambda: left.pop(0) if len(left) > 1 else left[0]  # noqa: E731
    asyncio.run(wait(HOST, INSTANCE, look, lambda: console, seconds, told.append))
    return told


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(serving, "CONSOLE_SECONDS", 0.002)


NOTHING = Seen(None, 0.0)


def written(at: float, status: Status) -> Seen:
    """A status that the bucket got at a moment; the stack's tables have the ETag e."""
    return Seen(status, at, tables="e")


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetObject")


class Bucket:
    """A bucket that answers everything by one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_object(self, **_: str) -> None:
        raise self.error


def test_each_step_is_told_once_until_the_host_serves() -> None:
    looks = [
        NOTHING,
        NOTHING,
        written(1, status("packages", state="running", said=())),
        written(2, status("packages", state="running", said=("set-up: packages",))),
        written(2, status("packages", state="running", said=("Unit x.service does not exist",))),
        written(3, status("certificate")),
        written(4, status()),
    ]
    assert waited(*looks) == ["starts", "packages", "certificate", "serves"]


def test_a_long_step_is_told_with_the_line_that_it_is_at() -> None:
    """The first fetch of the packages takes minutes."""
    looks = [
        NOTHING,
        NOTHING,
        written(1, status("packages", state="running", said=("Get:1 a", "Get:2 \x1b[1mb"))),
        written(2, status("packages", state="running", said=("Get:2 b", f"Get:3 {'c' * 200}"))),
        written(3, status()),
    ]
    first, second, third, last = waited(*looks)
    assert (first, second, last) == ("starts", "packages: Get:2 [1mb", "serves")
    assert third == f"packages: Get:3 {'c' * 74}"


def test_what_was_written_before_does_not_count() -> None:
    """A host that is stopped and started for another type has said before that it serves."""
    old = written(7, status())
    with pytest.raises(NotServing, match="written nothing of itself yet"):
        waited(old, seconds=0.05)
    assert waited(old, old, written(8, status())) == ["starts", "serves"]


def test_a_host_serves_by_the_newest_tables() -> None:
    """A rebuilt one has those of its volume first, and may be refused the new ones."""
    old = status(tables=Tables("another", "", "success", 1.0, "", 0.0))
    with pytest.raises(NotServing, match="lacks: the stack's newest tables"):
        waited(NOTHING, written(1, old), seconds=0.05)
    told = waited(NOTHING, written(1, old), written(2, status()))
    assert told == ["the stack's newest tables", "serves"]


def test_what_a_host_lacks_is_told_with_its_words_on_it() -> None:
    with pytest.raises(NotServing, match="certificate: why there is no certificate"):
        waited(NOTHING, written(1, status("certificate")), seconds=0.05)


@pytest.mark.parametrize("error", [EndpointConnectionError(endpoint_url="x"), refusal("SlowDown")])
def test_a_look_that_fails_is_made_again(error: Exception) -> None:
    found = see(Bucket(error), "s3://b/status/h.json", "s3://b/gateway.json")
    assert found.status is None
    assert str(error) in found.problem


def test_an_object_that_is_not_there_yet_is_no_problem() -> None:
    found = see(Bucket(refusal("NoSuchKey")), "s3://b/status/h.json", "s3://b/gateway.json")
    assert (found.status, found.problem) == (None, "")


def test_who_has_no_credentials_is_told_at_once() -> None:
    with pytest.raises(NotServing, match=r"wait\.minutes 0 turns the waiting off"):
        see(Bucket(NoCredentialsError()), "s3://b/status/h.json", "s3://b/gateway.json")


def test_the_last_instances_word_does_not_count() -> None:
    other = status(instance="i-0")
    with pytest.raises(NotServing, match="written nothing of itself yet"):
        waited(NOTHING, written(9, other), seconds=0.05)


def test_a_cause_that_does_not_pass_ends_the_waiting_with_the_hosts_words() -> None:
    failed = status("data volume", state="failed")
    with pytest.raises(NotServing, match=r"(?s)cannot be set up.*why there is no data volume"):
        waited(NOTHING, written(1, failed), seconds=3600)


@pytest.mark.parametrize(
    "line",
    [
        "cc_scripts_per_boot.py[WARNING]: Failed to run module scripts_per_boot (per-boot in /var)",
        "cc_final_message.py[WARNING]: Used fallback datasource",
    ],
)
def test_a_cloud_init_that_failed_ends_the_waiting_at_once(line: str) -> None:
    with pytest.raises(NotServing, match="cloud-init could not start its set-up"):
        waited(NOTHING, console=f"[   12.3] cloud-init[391]: {line}\n", seconds=3600)


def test_why_a_status_cannot_be_read_is_told_in_the_end() -> None:
    with pytest.raises(NotServing, match="AccessDenied"):
        waited(Seen(None, 0.0, "s3://b/k: AccessDenied"), seconds=0.05)


def test_the_end_of_a_console_is_plain_text() -> None:
    text = "".join(f"line {n}\r\n" for n in range(20))
    text += "\x1b[0;32m  OK  \x1b[0m Started \x1b]0;title\x07x\x08\r\n\r\n"
    shown = serving.indented(text).splitlines()
    assert shown[0] == "The end of its console output:"
    assert shown[1:] == [*(f"  line {n}" for n in range(6, 20)), "    OK   Started x"]
    assert serving.indented("\r\n") == "EC2 has no console output of it yet"


def test_a_hosts_words_do_no_harm_on_a_terminal() -> None:
    said = status(setup=Setup("retrying", "packages", 1, ("\x1b]0;pwned\x07 gone\nagain",)))
    (line,) = parse(said.to_json()).setup.said
    assert line == " ]0;pwned  gone again"
    with pytest.raises(BadStatus, match="over"):
        parse("x" * (LIMIT + 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"messages": 0', '"messages": "many"'),
        ('"state": "done"', '"state": "well"'),
        ('"missing": {}', '"missing": []'),
        ('"missing": {}', '"missing": {"a": [1]}'),
        ('"seconds": 0.0', '"seconds": NaN'),
        ('"seconds": 0.0', '"seconds": -1'),
        ('"seconds": 0.0', '"seconds": 1e11'),
        ('"seconds": 0.0', '"seconds": 1e999'),
        ('"messages": 0', '"messages": 1' + 40 * "0"),
        ('"messages": 0', '"messages": 1' + 5000 * "0"),
        ('"written": "2026-', '"written": "soon-'),
        ('"certificate": ""', '"certificate": "2026-12-01T00:00:00"'),
        ('"certificate": ""', '"certificate": "never"'),
        ('"signing": {}', '"signing": {"a": 1}'),
        ('"boot": "b"', '"boat": "b"'),
        ('"seconds": 1.0', '"seconds": true'),
    ],
)
def test_what_a_host_writes_is_not_taken_on_faith(old: str, new: str) -> None:
    text = status().to_json()
    assert old in text
    with pytest.raises(BadStatus):
        parse(text.replace(old, new))


def test_a_host_of_the_release_before_is_understood() -> None:
    """It is asked whether it serves while another one is rebuilt, to the release after."""
    former = json.loads(status().to_json())
    del former["reputation"], former["release"]
    former["version"] = OLDEST
    assert parse(json.dumps(former)).reputation is None
    former["version"] = OLDEST - 1
    with pytest.raises(BadStatus, match="different releases"):
        parse(json.dumps(former))

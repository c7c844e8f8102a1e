"""A gateway is not taken away with mail that waits there."""

import asyncio
import dataclasses
import datetime
import hashlib
import io
import json
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
from botocore.exceptions import ClientError
from test_serving import status

from agent.host_status import Queue, Status
from components.removal import MailWaits, Removal

ONE, TWO, THREE = (f"mx{number}.relay.example" for number in (1, 2, 3))
EMPTY, FULL = Queue(0, 0, 0.0, ()), Queue(3, 1, 60.0, ())
TABLES = json.dumps({"draining": [TWO, THREE]}).encode()


def drained(seconds: float = 600.0, tables: bytes = TABLES, **changes: Any) -> Status:
    """What a gateway writes that has had these tables for so many seconds."""
    etag = hashlib.md5(tables, usedforsecurity=False).hexdigest()
    found = status(**{"queue": EMPTY, **changes})
    taken = datetime.datetime.fromisoformat(found.written) - datetime.timedelta(seconds=seconds)
    own = dataclasses.replace(found.tables, etag=etag, taken=taken.isoformat())
    return dataclasses.replace(found, tables=own)


class Store:
    """The bucket, and S3's client for it: each host's status, and how old it is in seconds."""

    tables, waits = TABLES, True
    # S3's clock, which is not this computer's
    now = datetime.datetime(2031, 2, 3, tzinfo=datetime.UTC)

    def __init__(self, **found: tuple[Status | None, float]) -> None:
        self.found = dict(found)
        # the age of each data volume in seconds, None if there is none
        self.volumes: dict[str, float | None] = dict.fromkeys(found, 9e6)

    def client(self, _: str) -> "Store":
        return self

    def status_key(self, host: str) -> str:
        return host.partition(".")[0]

    def url(self, key: str) -> str:
        return f"s3://bucket/{key}"

    def get_object(self, Bucket: str, Key: str, IfMatch: str = "") -> dict[str, Any]:
        if IfMatch:
            if IfMatch != self.head_object(Bucket, Key)["ETag"]:
                raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")
            return {"Body": io.BytesIO(self.tables)}
        held, age = self.found.get(Key, (None, 0.0))
        if held is None:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        written = self.now - datetime.timedelta(seconds=age)
        date = {"HTTPHeaders": {"date": format_datetime(self.now, usegmt=True)}}
        return {
            "Body": io.BytesIO(held.to_json().encode()),
            "LastModified": written,
            "ResponseMetadata": date,
        }

    def describe_volumes(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:
        (names,) = [each["Values"] for each in Filters if each["Name"] == "tag:Name"]
        made = self.volumes[names[0].partition(".")[0]]
        if made is None:
            return {"Volumes": []}
        return {"Volumes": [{"CreateTime": self.now - datetime.timedelta(seconds=made)}]}

    def head_object(self, Bucket: str, Key: str) -> dict[str, str]:
        return {"ETag": f'"{hashlib.md5(self.tables, usedforsecurity=False).hexdigest()}"'}


def judged(before: dict[str, bool], after: dict[str, bool], store: Store, *discard: str) -> str:
    """What the hook says of a change of the gateways, each with whether it drains; "" is yes."""
    removal = Removal(cast(Any, store), cast(Any, store), discard, store.waits)
    given = [{"input": {"gateways": gateways}} for gateways in (before, after)]
    args = SimpleNamespace(old_inputs=given[0], new_inputs=given[1])
    try:
        asyncio.run(removal._judge(cast(Any, args)))  # pyright: ignore[reportPrivateUsage]
    except MailWaits as error:
        return str(error)
    return ""


def test_one_that_has_drained_may_go() -> None:
    store = Store(mx2=(drained(), 30.0))
    assert judged({ONE: False, TWO: True}, {ONE: False}, store) == ""


@pytest.mark.parametrize("dry_run", [True, False])
def test_who_may_not_read_the_tables_is_not_told_to_give_mail_up(
    monkeypatch: pytest.MonkeyPatch, dry_run: bool
) -> None:
    """Reviews run so; the `up` after them looks."""

    class Closed(Store):
        def head_object(self, Bucket: str, Key: str) -> dict[str, str]:
            raise ClientError({"Error": {"Code": "403"}}, "HeadObject")

    warned: list[str] = []
    monkeypatch.setattr(pulumi, "warn", warned.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: dry_run)
    said = judged({ONE: False, TWO: True}, {ONE: False}, Closed(mx2=(drained(), 30.0)))
    assert (said == "") is dry_run
    for text in warned if dry_run else [said]:
        assert f"whether mail waits on {TWO}" in text
        assert "discard" not in text
    assert len(warned) == dry_run


@pytest.mark.parametrize(
    ("found", "age", "said"),
    [
        (drained(queue=FULL), 30.0, f"{TWO} still had 3 messages at 20"),
        (drained(), 400.0, f"{TWO}: it has written nothing for 7 minutes, and its data volume may"),
        (None, 0.0, f"{TWO}: it has written no status, and its data volume may hold mail"),
        (drained(unread=("the queue cannot be told",)), 30.0, "cannot tell"),
        (drained(stopped=("postfix.service",)), 30.0, "cannot tell"),
        (drained(silent=("postfix.service",)), 30.0, "cannot tell"),
        # written before the gateway had the tables that say so: it took mail after that
        (drained(tables=b'{"draining": []}'), 30.0, "has not begun to drain yet"),
        # a client host's session was open then, and still hands in mail
        (drained(200.0), 30.0, "ask again in 100 seconds"),
    ],
)
def test_one_that_may_hold_mail_stays_unless_that_is_told(
    found: Status | None, age: float, said: str
) -> None:
    store = Store(mx2=(found, age))
    change = {ONE: False, TWO: True}, {ONE: False}
    assert said in judged(*change, store)
    assert f"mail-relay:discard: [{TWO}]" in judged(*change, store)
    assert judged(*change, store, TWO) == ""


def test_one_that_takes_mail_drains_first() -> None:
    store = Store(mx1=(drained(), 30.0), mx2=(drained(), 30.0))
    said = judged({ONE: False, TWO: False, THREE: True}, {ONE: False}, store)
    assert f"{TWO} takes mail: set drain: true" in said
    assert f"{THREE}: it has written no status" in said
    assert judged({ONE: False, TWO: False}, {ONE: False, TWO: True}, store) == ""
    assert judged({ONE: False, TWO: False}, {ONE: False, TWO: False, THREE: False}, store) == ""


def test_one_that_never_was_a_host_may_go() -> None:
    """Its `up` failed before, at a limit perhaps, and the change is taken back."""
    assert judged({ONE: False, TWO: False}, {ONE: False}, Store()) == ""
    # one that does not serve takes no mail, and may drain whatever the others do
    assert judged({ONE: False, TWO: False}, {ONE: True, TWO: False}, Store()) == ""


@pytest.mark.parametrize(("made", "goes"), [(None, True), (200.0, True), (9e6, False)])
def test_a_status_that_a_former_gateway_of_its_name_wrote_says_nothing(
    made: float | None, goes: bool
) -> None:
    """Its `up` failed before a host was made, and the change is taken back."""
    store = Store(mx1=(drained(), 30.0), mx2=(drained(), 400.0))
    store.volumes["mx2"] = made
    assert (judged({ONE: False, TWO: False}, {ONE: False}, store) == "") is goes


def test_one_that_nobody_can_see_takes_mail() -> None:
    class Closed(Store):
        def head_object(self, Bucket: str, Key: str) -> dict[str, str]:
            raise ClientError({"Error": {"Code": "403"}}, "HeadObject")

    said = judged({ONE: False, TWO: False}, {ONE: False}, Closed(mx1=(drained(), 30.0)))
    assert f"{TWO} takes mail" in said


@pytest.mark.parametrize(
    ("before", "after", "discard"),
    [
        ({ONE: False}, {ONE: True, TWO: False}, ()),
        ({ONE: False, TWO: False}, {ONE: True, TWO: True, THREE: False}, ()),
        ({ONE: True, TWO: False}, {THREE: False}, (ONE,)),
    ],
)
def test_somebody_takes_mail_at_any_time(
    before: dict[str, bool], after: dict[str, bool], discard: tuple[str, ...]
) -> None:
    """Hosts hear of a drain at once, and a new gateway serves some minutes later."""
    store = Store(mx1=(drained(), 30.0), mx2=(drained(), 30.0))
    said = judged(before, after, store, *discard)
    assert "nobody would take mail (" in said
    one_that_stays = {**after, TWO if TWO in before else ONE: False}
    assert "nobody would take mail" not in judged(before, one_that_stays, store, *discard)


@pytest.mark.parametrize(
    ("found", "age", "said"),
    [
        (None, 0.0, f"({TWO}: it has written no status)"),
        (drained(), 400.0, f"({TWO}: it has written nothing for 7 minutes)"),
        (drained(missing={"a certificate": ("no",)}), 30.0, f"({TWO}: it lacks a certificate)"),
        (drained(), 30.0, ""),
    ],
)
def test_the_last_one_that_serves_drains_only_once_another_one_does(
    found: Status | None, age: float, said: str
) -> None:
    store = Store(mx1=(drained(), 30.0), mx2=(found, age))
    before = {ONE: False, TWO: False}
    refused = judged(before, {ONE: True, TWO: False}, store)
    assert said in refused
    assert bool(refused) is bool(said)
    store.waits = False
    assert judged(before, {ONE: True, TWO: False}, store) == ""
    # nothing drains in these
    assert judged(before, {**before, THREE: False}, store) == ""
    assert judged({ONE: True, TWO: False}, before, store) == ""


def test_the_only_gateway_may_get_another_name() -> None:
    assert judged({ONE: False}, {TWO: False}, Store()) == ""


def test_tables_that_an_up_did_not_change_say_nothing_of_draining() -> None:
    store = Store(mx2=(drained(tables=b"{}"), 30.0))
    store.tables = b"{}"  # that `up` ended before it came to them
    said = judged({ONE: False, TWO: True}, {ONE: False}, store)
    assert "has not begun to drain yet" in said


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        # (address, spareAddress), 0 for none: each step of a replacement, and the ways back
        ((0, 0), (0, 2), False),
        ((0, 2), (2, 1), False),
        ((2, 1), (2, 0), False),
        ((2, 1), (1, 2), False),
        ((0, 2), (0, 0), False),
        ((2, 0), (2, 3), False),
        # by hand
        ((0, 0), (2, 1), True),
        ((2, 0), (0, 0), True),
        ((2, 1), (0, 0), True),
        ((1, 0), (0, 0), True),
        ((2, 0), (3, 2), True),
    ],
)
def test_a_gateway_changes_to_no_address_that_was_not_prepared(
    before: tuple[int, int], after: tuple[int, int], refused: bool
) -> None:
    inputs = [
        {"gateways": {"mail.example.com": False}, **({"addresses": numbered} if any(n) else {})}
        for n in (before, after)
        for numbered in [{"mail.example.com": [*map(float, n)]}]  # as the engine passes numbers
    ]
    args = SimpleNamespace(old_inputs={"input": inputs[0]}, new_inputs={"input": inputs[1]})
    removal = Removal(cast(Any, None), cast(Any, None), (), True)
    said = ""
    try:
        asyncio.run(removal._judge(cast(Any, args)))  # pyright: ignore[reportPrivateUsage]
    except MailWaits as error:
        said = str(error)
    assert bool(said) is refused
    assert not refused or "./relay address replace mail.example.com" in said
    assert ".0" not in said

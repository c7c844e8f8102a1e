"""A gateway is not taken away with mail that waits there."""

import asyncio
import datetime
import io
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from test_serving import status

from agent.host_status import Queue, Status
from components.removal import MailWaits, Removal

ONE, TWO, THREE = (f"mx{number}.relay.example" for number in (1, 2, 3))
EMPTY, FULL = Queue(0, 0, 0.0, ()), Queue(3, 1, 60.0, ())


class Store:
    """The bucket, and S3's client for it: each host's status, and how old it is in seconds."""

    def __init__(self, **found: tuple[Status | None, float]) -> None:
        self.found = dict(found)

    def client(self, _: str) -> "Store":
        return self

    def status_key(self, host: str) -> str:
        return host.partition(".")[0]

    def url(self, key: str) -> str:
        return f"s3://bucket/{key}"

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        held, age = self.found.get(Key, (None, 0.0))
        if held is None:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        written = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age)
        return {"Body": io.BytesIO(held.to_json().encode()), "LastModified": written}

    def head_object(self, Bucket: str, Key: str) -> dict[str, str]:
        return {"ETag": '"e"'}


def judged(before: dict[str, bool], after: dict[str, bool], store: Store, *discard: str) -> str:
    """What the hook says of a change of the gateways, each with whether it drains; "" is yes."""
    removal = Removal(cast(Any, store), cast(Any, store), discard)
    given = [{"input": {"gateways": gateways}} for gateways in (before, after)]
    args = SimpleNamespace(old_inputs=given[0], new_inputs=given[1])
    try:
        asyncio.run(removal._judge(cast(Any, args)))  # pyright: ignore[reportPrivateUsage]
    except MailWaits as error:
        return str(error)
    return ""


def test_one_that_has_drained_may_go() -> None:
    store = Store(mx2=(status(queue=EMPTY), 30.0))
    assert judged({ONE: False, TWO: True}, {ONE: False}, store) == ""


@pytest.mark.parametrize(
    ("found", "age", "said"),
    [
        (status(queue=FULL), 30.0, f"{TWO} still has 3 messages"),
        (status(queue=EMPTY), 400.0, "has not written how it is for some minutes"),
        (None, 0.0, "has not written how it is for some minutes"),
        (status(queue=EMPTY, unread=("the queue cannot be told",)), 30.0, "cannot tell"),
        (status(queue=EMPTY, stopped=("postfix.service",)), 30.0, "cannot tell"),
        (status(queue=EMPTY, silent=("postfix.service",)), 30.0, "cannot tell"),
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
    store = Store(mx2=(status(queue=EMPTY), 30.0))
    said = judged({ONE: False, TWO: False, THREE: True}, {ONE: False}, store)
    assert f"{TWO} takes mail: set drain: true" in said
    assert f"{THREE} has not written" in said
    assert judged({ONE: False, TWO: False}, {ONE: False, TWO: True}, store) == ""
    assert judged({ONE: False, TWO: False}, {ONE: False, TWO: False, THREE: False}, store) == ""


def test_the_only_gateway_may_get_another_name() -> None:
    assert judged({ONE: False}, {TWO: False}, Store()) == ""

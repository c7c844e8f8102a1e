"""Which step of a key's rotation is due, and when."""

import datetime
from collections.abc import Sequence

import pytest

from mail import dkim
from ops.rotate.plan import Published, Step, step, successor
from settings import MailDomain

DAY = datetime.timedelta(days=1)
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
KEY = "v=DKIM1; k=rsa; p=MIIB"


def domain(selectors: Sequence[str], retired: Sequence[str] = ()) -> MailDomain:
    return MailDomain.model_validate(
        {"name": "example.com", "selectors": list(selectors), "retired": list(retired)}
    )


def record(made: int, changed: int | None = None, text: str = KEY) -> Published:
    """A record that was made, and last changed, on these days after the start."""
    return Published(text, START + made * DAY, START + (made if changed is None else changed) * DAY)


@pytest.mark.parametrize(
    ("selectors", "retired", "published", "wanted"),
    [
        # a key gets old
        (["s1"], [], {"s1": record(0)}, Step("publish", "s2", START + 180 * DAY)),
        # the domain is not up yet
        (["s1"], [], {}, Step("publish", "s2", None)),
        # the second selector is in the file, and not in force
        (["s1", "s2"], [], {"s1": record(0)}, Step("retire", "s1", None)),
        # it is published: what was signed before may still be on its way
        (
            ["s1", "s2"],
            [],
            {"s1": record(0), "s2": record(200)},
            Step("retire", "s1", START + 207 * DAY),
        ),
        # three selectors: the newest counts, the oldest goes first
        (
            ["s1", "s2", "s3"],
            [],
            {"s1": record(0), "s2": record(200), "s3": record(210)},
            Step("retire", "s1", START + 217 * DAY),
        ),
        # retired in the file, its key still published
        (["s2"], ["s1"], {"s1": record(0), "s2": record(200)}, Step("remove", "s1", None)),
        # revoked
        (
            ["s2"],
            ["s1"],
            {"s1": record(0, 207, dkim.REVOKED), "s2": record(200)},
            Step("remove", "s1", START + 214 * DAY),
        ),
    ],
)
def test_the_next_step(
    selectors: list[str], retired: list[str], published: dict[str, Published], wanted: Step
) -> None:
    found = step(domain(selectors, retired), published, wait=7 * DAY, every=180 * DAY)
    assert found == wanted


@pytest.mark.parametrize(
    ("selector", "next_"),
    [("s1", "s2"), ("s9", "s10"), ("mail", "mail2"), ("20260101", "20260102"), ("a1b", "a1b2")],
)
def test_the_next_selector_is_another_valid_one(selector: str, next_: str) -> None:
    assert successor(selector) == next_
    assert domain([selector, next_]).selectors == (selector, next_)


def test_a_revoked_record_has_an_empty_key() -> None:
    assert dkim.read(dkim.REVOKED).key == ""

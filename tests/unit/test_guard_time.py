"""The guard is one process for all mail, and holds it while it reads: no header keeps it long."""

import time
from collections.abc import Callable

import pytest

from agent.guard import inbound, originating
from agent.guard.message import Message, Verdict
from agent.guard.tables import Login, Tables

SECONDS = 1.0  # of a processor, for the longest header that is taken (opendkim*.conf)
OUTSIDE, OURS = 262_144, 1_048_576
HOST, ME = "mail.shop.example", "me@shop.example"
TABLES = Tables((HOST,), {"shop.example": "shop.example"}, {ME: Login("1", frozenset({ME}))})
RULES = inbound.Rules(HOST, enforce=True, registered="shop.example")
BLANK = b" " * 980
HARD = {
    "blanks behind <": (b" <" + BLANK, BLANK),
    "words and blanks behind <": (b" <" + b"a " * 490, b"a " * 490),
    "labels": (b" <a@" + b"a." * 480, b"a." * 480),
    "brackets": (b"<" * 990, b"<>" * 490),
    "quotes": (b'"' * 990, b'" "' * 300),
    "at signs behind brackets": (b' "' + b"a" * 500 + b"<" + b"@<" * 230 + b'" <' + ME.encode(),),
    "the same, beyond ASCII": (
        b' "\xe9' + b"a" * 480 + b"<" + b"@<" * 220 + b'=?" <me@shop.example>',
    ),
    "encoded words": (b" " + b"=?utf-8?q?=40?= " * 60 + b"<me@shop.example>",),
    "encoded words without an end": (b" " + b"=?a?q?" * 160 + b"<me@shop.example>",),
    "comments": (b" me@shop.example " + b"(" * 480 + b")" * 480,),
}


def from_outside(headers: list[tuple[str, bytes]]) -> Verdict:
    """A notice, whose From may be more than others'."""
    recipients = ("<info@shop.example>",)
    return inbound.judge(RULES, Message("", "<>", recipients, "", headers), TABLES)


def by_login(headers: list[tuple[str, bytes]]) -> Verdict:
    return originating.by_login(Message(ME, f"<{ME}>", (), ME, headers), TABLES, TABLES)


def by_host(headers: list[tuple[str, bytes]]) -> Verdict:
    return originating.by_host(Message(ME, f"<{ME}>", (), "", headers), TABLES, TABLES)


@pytest.mark.parametrize("fields", HARD.values(), ids=HARD)
@pytest.mark.parametrize(
    ("judge", "room"), [(from_outside, OUTSIDE), (by_login, OURS), (by_host, OURS)]
)
def test_no_author_takes_long_to_read(
    judge: Callable[[list[tuple[str, bytes]]], Verdict], room: int, fields: tuple[bytes, ...]
) -> None:
    # as many as there is room for: the last one again and again
    values = [*fields, *fields[-1:] * (room // 990)] if len(fields) > 1 else [*fields]
    for name, author in (("From", ()), ("Sender", (b" me@shop.example",))):
        headers = [(name, value) for value in values]
        begun = time.process_time()
        judge([*headers, *(("From", value) for value in author)])
        assert time.process_time() - begun < SECONDS

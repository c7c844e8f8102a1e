"""The guard's milter calls, with libmilter's module played."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from agent.guard.message import Message, Verdict
from agent.guard.tables import Tables

NUMBERS = ("CONTINUE", "NOREPLY", "REJECT", "TEMPFAIL")


class Context:
    """A session, as libmilter hands it to each call."""

    def __init__(self, daemon: str) -> None:
        self.macros = {"{daemon_name}": daemon, "{auth_authen}": "me@shop.example", "i": "4abc"}
        self.kept: Any = None
        self.reply: tuple[str, ...] = ()

    def getsymval(self, name: str) -> str | None:
        return self.macros.get(name)

    def setpriv(self, kept: object) -> None:
        self.kept = kept

    def getpriv(self) -> Any:
        return self.kept

    def setreply(self, *reply: str) -> None:
        self.reply = reply


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    played = ModuleType("milter")
    played.__dict__.update({name: name for name in NUMBERS})
    monkeypatch.setitem(sys.modules, "milter", played)
    monkeypatch.delitem(sys.modules, "agent.guard.__main__", raising=False)
    yield importlib.import_module("agent.guard.__main__")
    sys.modules.pop("agent.guard.__main__")


def judged(guard: Any, context: Context) -> tuple[str, tuple[str, ...]]:
    guard.mail_from(context, b"me@shop.example")
    return guard.ended(context), context.reply


def test_nothing_of_a_session_that_began_without_tables_is_taken(
    guard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the password has changed since then, nobody knows."""

    def away() -> Tables:
        raise FileNotFoundError

    def taken(*_: Message | Tables) -> Verdict:
        return Verdict()

    tables = SimpleNamespace(begun=away)
    monkeypatch.setattr(guard, "TABLES", tables)
    monkeypatch.setattr(guard.room, "refusal", lambda _: None)
    monkeypatch.setitem(guard.POLICIES, "submission", taken)
    context = Context("submission")
    guard.connected(context, "client", 2, None)
    tables.now = tables.begun = Tables
    assert judged(guard, context) == (
        "TEMPFAIL",
        ("451", "4.3.0", "this server's tables are not in place; try again later"),
    )
    context = Context("submission")
    guard.connected(context, "client", 2, None)
    assert judged(guard, context) == ("CONTINUE", ())


def test_a_sessions_begin_is_told_when_it_begins(
    guard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Postfix keeps a step that needs no reply until one comes that does: the first message's."""
    names = [
        *(f"P_NR_{step}" for step in ("CONN", "MAIL", "RCPT", "HDR")),
        *(f"P_NO{step}" for step in ("HELO", "DATA", "UNKNOWN", "EOH", "BODY")),
        *("P_HDR_LEADSPC", "ADDHDRS", "CHGHDRS", "CHGFROM", "DELRCPT", "SETSYMLIST"),
    ]
    for bit, name in enumerate(names):
        monkeypatch.setattr(guard.milter, name, 1 << bit, raising=False)
    for number, name in enumerate(("M_CONNECT", "M_EOH", "M_EOM")):
        monkeypatch.setattr(guard.milter, name, number, raising=False)
    context = Context("submission")
    monkeypatch.setattr(context, "setsymlist", lambda *_: None, raising=False)
    options = [(1 << len(names)) - 1] * 4
    assert guard.negotiate(context, options) == "CONTINUE"
    assert not options[1] & guard.milter.P_NR_CONN
    assert guard.connected(context, "client", 2, None) == "CONTINUE"
    assert options[1] & guard.milter.P_NR_MAIL
    assert guard.mail_from(context, b"me@shop.example") == "NOREPLY"

"""What commands conclude where some hosts, or all, cannot be asked: no more than they know."""

from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops import queue, trace
from ops.cli import app
from ops.errors import StackError
from ops.outputs import Host

ONE, TWO = (Host(name=f"mx{n}.example", instance_id="i", tables="", status="") for n in (1, 2))


class Place:
    """A stack of two hosts, of which those in `dark` cannot be asked; the others have nothing."""

    def __init__(self, dark: set[str]) -> None:
        self.dark = dark

    def outputs(self) -> Any:
        return SimpleNamespace(hosts=(ONE, TWO), logins=(), disabled=(), clients=(), logs=None)

    def has_shell(self, _: object) -> bool:
        return True

    def run_on(self, host: Host, *_: str, **__: object) -> str:
        if host.name in self.dark:
            raise StackError(f"{host.name} is without power")
        return ""


@pytest.mark.parametrize(
    ("dark", "found", "waits"),
    [
        ({ONE.name, TWO.name}, "no host could be asked for 'me'", "no host could be asked"),
        (
            {ONE.name},
            "of the hosts that could be asked, none has 'me' in its log",
            "nothing waits on the others",
        ),
        (set[str](), "no host's log has 'me'", "nothing waits"),
    ],
)
def test_nothing_is_said_of_hosts_that_were_not_asked(
    monkeypatch: pytest.MonkeyPatch, dark: set[str], found: str, waits: str
) -> None:
    for module in (trace, queue):
        monkeypatch.setattr(module, "target", lambda *_: Place(dark))
    traced, listed = (
        CliRunner().invoke(app, words) for words in (["trace", "me"], ["queue", "list"])
    )
    assert found in traced.stderr
    reaching = {name for name in (ONE.name, TWO.name) if f"{name}'s log is" in traced.stderr}
    assert reaching == {ONE.name, TWO.name} - dark
    assert listed.stderr.splitlines()[-1] == waits
    flushed = CliRunner().invoke(app, ["queue", "flush", "--all"])
    assert flushed.stderr.splitlines()[-1] == f"no message is tried now: {waits}"
    assert traced.exit_code == 1
    assert listed.exit_code == (1 if dark else 0)

"""What is printed is shown as it is: no word of others is markup, an emoji or a colour."""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner
from verify_world import WANTED

from common.errors import RelayError
from lab import access
from lab.lab import Lab
from lab.wait import until
from ops import cli, on_host, terminal
from ops.environments import command as environments
from ops.lab import condition, stack
from ops.lab.target import LabTarget
from ops.review import command as review
from ops.target import AwsTarget, Target
from ops.verify import show
from ops.verify.result import Result

FOREIGN = "451 see [/help] [red]x[/red] :smile: [link=http://y]z[/link] 1 True"
HOST = WANTED.gateways[0]
CONSOLES = {"notes": terminal.notes, "results": terminal.results}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What both consoles print to a terminal with colours."""
    text = io.StringIO()
    for console in CONSOLES.values():
        monkeypatch.setattr(console, "_file", text)
        monkeypatch.setattr(console, "_width", 500)
    return text


@pytest.mark.parametrize("console", CONSOLES.values(), ids=CONSOLES)
def test_a_console_shows_text_as_it_is(console: Console, said: io.StringIO) -> None:
    console.print(FOREIGN)
    console.print(FOREIGN, style="dim", soft_wrap=True)
    assert said.getvalue() == f"{FOREIGN}\n{FOREIGN}\n"


def test_a_table_shows_cells_keys_and_title_as_they_are(said: io.StringIO) -> None:
    terminal.print_table(FOREIGN, [{FOREIGN: FOREIGN, "to": [FOREIGN]}])
    assert said.getvalue().count(FOREIGN) == 4


LOGINS = [
    {
        "login": f"{name}@shop.example",
        "sendAs": [f"{name}@shop.example", "@club.example"],
        "enabled": True,
        "password": "generated",
        "limits": "messages: 300 an hour, 2000 a day; recipients: 1000 an hour, 5000 a day",
        "reached": "",
    }
    for name in ("me", "somebody.with.a.name")
]


@pytest.mark.parametrize("width", [50, 80, 100, 120])
@pytest.mark.parametrize("keys", [1, 2, 4, 6])
def test_a_table_fits_the_terminal_and_breaks_no_word(
    said: io.StringIO, width: int, keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.results, "_width", width)
    rows = [dict(list(row.items())[:keys]) for row in LOGINS]
    terminal.print_table("logins", rows)
    text = said.getvalue()
    assert max(map(len, text.splitlines())) <= width
    words = set(text.replace(",", " ").split())
    for row in rows:
        for value in row.values():
            shown = terminal._cell(value)
            assert set(shown.replace(",", " ").split()) <= words


def test_a_pipe_gets_each_row_in_one_line() -> None:
    long = " ".join(f"{number}@shop.example" for number in range(100))
    code = f"from ops.terminal import print_table; print_table('x', [{{'a': {long!r}, 'b': 5}}])"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert long in result.stdout


@pytest.mark.parametrize(("width", "is_list"), [(80, True), (500, False)])
def test_a_table_that_no_terminal_of_this_width_can_show_is_a_list(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch, width: int, is_list: bool
) -> None:
    monkeypatch.setattr(terminal.results, "_width", width)
    row = {
        "host": "mail.relay.example",
        "id": "4jb6Cy2fXjz2xBq",
        "arrived": "2026-11-26T19:33:34+00:00",
        "to": ["someone.with.a.long.name@far.example"],
        "held": "",
        "why": "450 4.7.1 later",
    }
    terminal.print_table("waiting", [row, row])
    shown = said.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    assert shown.count("someone.with.a.long.name@far.example") == 2
    assert ("host     mail.relay.example" in shown) is is_list


def test_a_table_is_wrapped_where_its_words_fit(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.results, "_width", 40)
    terminal.print_table("x", [{"name": "a.example", "why": "one two three " * 10}])
    assert "│ a.example │" in said.getvalue()
    assert max(map(len, said.getvalue().splitlines())) <= 40


def test_what_explains_rows_is_said_once_below_them(said: io.StringIO) -> None:
    rows = [{"port": port, "why": why} for port, why in ((1, "it is down"), (2, "it is down"))]
    terminal.print_table("x", [*rows, {"port": 3, "why": ""}], below="why")
    assert said.getvalue().count("it is down") == 1
    assert said.getvalue().endswith("┘\nit is down\n")


def test_a_step_shows_its_text_as_it_is(said: io.StringIO) -> None:
    with terminal.step(FOREIGN):
        pass
    shown = re.sub(r"\([\d.]+ s\)", "(SECONDS)", said.getvalue())
    assert shown == f"... {FOREIGN}\nok  {FOREIGN} (SECONDS)\n"


def test_a_finding_shows_the_worlds_words_as_they_are(said: io.StringIO) -> None:
    found = Result("spf", FOREIGN, seen=[FOREIGN])
    found.error("spf-differs", FOREIGN, FOREIGN)
    show.progress(found)
    show.show(AwsTarget("prod"), [found, Result("helo", "x", skipped=FOREIGN)])
    assert said.getvalue() == (
        f"... spf {FOREIGN}\n"
        f"error    spf {FOREIGN}  {FOREIGN}\n"
        f"         spf-differs: {FOREIGN}\n"
        f"           {FOREIGN}\n"
        "skipped  helo x  \n"
        f"         skipped: {FOREIGN}\n"
        "1 error, 0 warnings, 1 skipped\n"
    )


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (LabTarget("lab", Lab("dev")), "./relay lab shell aws --lab dev"),
        (AwsTarget("prod"), "export AWS_DEFAULT_REGION=eu-central-1"),
    ],
)
def test_with_awss_own_commands_it_is_told_where_they_work(
    said: io.StringIO, target: Target, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AwsTarget, "region", "eu-central-1")
    found = Result("zone", "x")
    found.warn("zone-x", "x", "pulumi config set aws:region REGION")
    show.show(target, [found])
    assert "first:" not in said.getvalue()
    found.error("zone-missing", "x", "Do: aws route53 create-hosted-zone --name x")
    show.show(target, [found])
    assert f"For AWS's own commands, first: {told}\n" in said.getvalue()


def test_an_error_shows_its_text_as_it_is(
    said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise RelayError(FOREIGN)

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, said.getvalue()) == (1, f"error: {FOREIGN}\n")


def test_nobody_prints_in_another_way() -> None:
    others = [file for file in Path("ops").rglob("*.py") if file.name != "terminal.py"]
    words = re.compile(r"rich\.(console|markup)|markup=|\bConsole\(")
    assert [file for file in others if words.search(file.read_text())] == []


@pytest.mark.parametrize("arguments", [["[/b]"], ["trace", "x", "--limit", "[/b]"]])
def test_a_mistake_is_shown_as_it_was_typed(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "ops.cli", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "[/b]" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: on_host.ask_each([HOST], lambda _: subprocess.run([])),
            f"waiting for {HOST.name}",
        ),
        (lambda: condition._boot(Lab("dev"), HOST), f"waiting for {HOST.name}"),
        (lambda: AwsTarget("prod").pulumi("stack", "export"), "pulumi stack export"),
        (lambda: stack.captured(Lab("dev"), "stack", "ls", "--json"), "pulumi stack ls"),
    ],
)
@pytest.mark.parametrize("is_slow", [True, False])
def test_what_takes_long_is_told_meanwhile(
    said: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[], Any],
    told: str,
    is_slow: bool,
) -> None:
    def works(*_: object, **__: object) -> Any:
        if is_slow:
            until("it is told", said.getvalue, 10)
        return subprocess.CompletedProcess([], 0, "{}", "")

    monkeypatch.setattr(terminal, "SLOW_SECONDS", 0.1 if is_slow else 10)
    monkeypatch.setattr(subprocess, "run", works)
    monkeypatch.setattr(access, "run", works)
    call()
    assert said.getvalue() == (f"... {told}\n" if is_slow else "")


def test_what_is_known_to_take_long_is_told_as_it_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config: {}\n")
    about = SimpleNamespace(
        stack="prod",
        pulumi=None,
        reviewed=lambda _: nullcontext(file),
        preview=lambda *_: "",
    )
    monkeypatch.setattr(review, "target", lambda *_: about)
    monkeypatch.setattr(review.snapshots, "of_file", lambda *_: None)
    monkeypatch.setattr(review, "_start", lambda *_: (None, []))
    monkeypatch.setattr(environments, "dev_stack", lambda _: None)
    monkeypatch.setattr(environments.backend, "list_all", lambda _: [])
    begun = {words: CliRunner().invoke(cli.app, words.split()).stderr for words in LONG}
    assert {words: text.splitlines()[0] for words, text in begun.items()} == LONG
    assert "... a preview of prod\n" in begun["review"]


LONG = {
    "review": "... the settings, before and after",
    "env list": "... the environments, by their states",
}


def test_a_step_goes_on_to_its_end_if_nobody_reads_any_more(tmp_path: Path) -> None:
    """`lab down 2>&1 | true` left half of a lab."""
    done = tmp_path / "done"
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ops.terminal import step\n"
        "sys.stdin.read()\n"
        "with step('one'):\n"
        "    pass\n"
        "with step('two'):\n"
        f"    Path({str(done)!r}).touch()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as ended:
        assert ended.stdin and ended.stderr
        ended.stderr.close()
        ended.stdin.close()
        assert ended.wait(30) == 0
    assert done.exists()

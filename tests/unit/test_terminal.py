"""What is printed is shown as it is: no word of others is markup, an emoji or a colour."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from common.errors import RelayError
from lab.lab import Lab
from ops import cli, terminal
from ops.lab.target import LabTarget
from ops.target import AwsTarget, Target
from ops.verify import show
from ops.verify.result import Result

FOREIGN = "451 see [/help] [red]x[/red] :smile: [link=http://y]z[/link] 1 True"
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

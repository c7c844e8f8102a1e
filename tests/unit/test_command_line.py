"""The command line imports what a command needs when it is called, and nothing before."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ops.cli import COMMANDS, app, loaded

HEAVY = {"agent", "boto3", "botocore", "components", "lab", "pulumi", "pulumi_aws", "settings"}


@pytest.mark.parametrize("arguments", [["--help"], ["no-such-command"], []])
def test_help_and_a_wrong_command_load_no_commands(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from ops.cli import main\n"
        "try:\n    main()\n"
        "finally:\n    print('LOADED', *{name.partition('.')[0] for name in sys.modules})\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    names = result.stdout.partition("LOADED")[2].split()
    assert "typer" in names
    assert not HEAVY & set(names)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_its_own_help_says_first(name: str) -> None:
    command = loaded(name)
    first = (command.help or "").partition("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[name][1]


def test_a_command_that_is_nearly_one_is_suggested() -> None:
    result = CliRunner().invoke(app, ["verfy"])
    assert result.exit_code == 2
    assert "Did you mean 'verify'?" in result.output


def test_options_that_do_not_go_together_are_one_line() -> None:
    command = [sys.executable, "-m", "ops.cli", "queue", "hold"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: name queue ids, or give --all\n"


def test_an_option_that_typer_finds_wrong_is_shown_with_its_name() -> None:
    result = CliRunner().invoke(app, ["trace", "me@shop.example", "--limit=many"])
    assert result.exit_code == 2
    assert "--limit" in result.output

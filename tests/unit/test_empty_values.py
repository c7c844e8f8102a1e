"""An empty value, such as that of a variable of the shell that is not set, is refused as such."""

import click
import pytest
from test_command_line import LEAVES
from typer.testing import CliRunner

from ops.cli import app

# Handed over to a machine as they are.
HANDED_OVER = {("lab shell", "command"), ("shell", "command")}
TEXTS = [
    (name, param)
    for name, command in LEAVES.items()
    for param in command.params
    if isinstance(param.type, click.types.StringParamType | click.Path)
    and (name, param.name) not in HANDED_OVER
]


@pytest.mark.parametrize("text", ["", " "])
@pytest.mark.parametrize(
    ("name", "param"), TEXTS, ids=[f"{name} {param.name}" for name, param in TEXTS]
)
def test_no_argument_and_no_option_takes_an_empty_text(
    name: str, param: click.Parameter, text: str
) -> None:
    several = param.nargs == -1 or getattr(param, "multiple", False)
    with pytest.raises(click.BadParameter, match="is empty; give a value"):
        param.process_value(click.Context(LEAVES[name]), (text,) if several else text)


@pytest.mark.parametrize(
    "words",
    [
        ["trace", ""],
        ["users", "add", ""],
        ["domains", "add", ""],
        ["queue", "flush", ""],
        ["users", "list", "--lab="],  # which would be the stack on AWS
    ],
)
def test_it_is_told_with_its_name(words: list[str]) -> None:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    name = "--lab" if words[-1] else {"trace": "WHAT", "queue": "ID..."}.get(words[0], "")
    assert f"Invalid value for '{name}" in result.output
    assert "'' is empty; give a value" in result.output


def test_a_command_on_a_machine_may_have_empty_words() -> None:
    context = LEAVES["lab shell"].make_context("shell", ["gateway", "--", "grep", ""])
    assert [*context.params["command"]] == ["grep", ""]

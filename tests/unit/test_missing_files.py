"""A file that is not there: every command tells it in one wording, with the option."""

from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from editing import stack_file
from test_command_line import LEAVES
from typer.testing import CliRunner

from common.errors import RelayError
from ops import stack_yaml
from ops.cli import app
from ops.edit.stack_file import StackFile
from ops.environments import make

GONE = "/nowhere/there.x"
CALLS = {
    "lab up --file": ["lab", "up", "--file", GONE],
    "review --file": ["review", "--lab=try", "--file", GONE],
    "env up --from": ["env", "up", "try", "--from", GONE],
    "env up --acme-root": ["env", "up", "try", "--acme-root", GONE],
    "github propose FILE": ["github", "propose", "b", GONE, "--title=x", "--repo=me/mail"],
    "keys restore FILE": ["keys", "restore", GONE, "--stack=prod"],
}
MADE = {"keys export FILE", "lab demo --html", "report --html"}


def said(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, RelayError), result.output
    return str(result.exception)


@pytest.mark.parametrize("option", CALLS)
def test_a_missing_file_is_told_with_its_option(option: str) -> None:
    assert said(*CALLS[option]) == f"{option.split()[-1]} {GONE}: there is no such file"


@pytest.mark.parametrize("option", CALLS)
def test_a_folder_is_told_from_a_file(option: str, tmp_path: Path) -> None:
    words = [str(tmp_path) if word == GONE else word for word in CALLS[option]]
    assert said(*words) == f"{option.split()[-1]} {tmp_path} cannot be read: Is a directory"


def test_every_option_that_takes_a_file_is_in_the_table() -> None:
    takes = {
        f"{name} {param.opts[0] if isinstance(param, click.Option) else 'FILE'}"
        for name, command in LEAVES.items()
        for param in command.params
        if isinstance(param.type, click.Path)
    }
    assert takes == CALLS.keys() | MADE


def test_a_stack_without_its_file_is_told_in_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack_file(tmp_path, monkeypatch)
    wanted = f"{tmp_path}/Pulumi.none.yaml: there is no such file"
    next_ = (
        "there is prod; a new stack has its settings there, and begins by pulumi stack init none"
    )
    assert said("users", "list", "--stack=none") == f"--stack none: {wanted}; {next_}"
    assert "did you mean prod?" in said("users", "list", "--stack=prd")
    # with its organization, as Pulumi has it; and a link that leads nowhere is none that there is
    (tmp_path / "Pulumi.nowhere.yaml").symlink_to(tmp_path / "gone")
    assert said("users", "list", "--stack=org/none").startswith(f"--stack org/none: {wanted}; ")
    assert next_.partition(";")[0] in said("users", "list", "--stack=nowhere")
    gone = SimpleNamespace(file=tmp_path / "Pulumi.none.yaml")
    for read in (
        lambda: StackFile(gone),  # pyright: ignore[reportArgumentType]
        lambda: stack_yaml.content(gone.file),
        lambda: make._text(gone.file),
    ):
        with pytest.raises(RelayError, match=f"^{wanted}$"):
            read()


def test_a_file_that_is_not_text_is_told_by_its_first_wrong_octet(tmp_path: Path) -> None:
    file = tmp_path / "root.pem"
    file.write_bytes(b"one\ntw\xff")
    with pytest.raises(RelayError, match=f"^{file} cannot be read at line 2, column 3: it is not"):
        make._text(file)

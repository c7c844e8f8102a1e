"""The lab's commands where there is no stack (any more), or an `up` was cut off: said in words."""

from pathlib import Path
from subprocess import CompletedProcess

import pytest
from typer.testing import CliRunner
from verify_world import WANTED

from common.errors import RelayError
from lab import control
from lab import lab as lab_
from ops.cli import app
from ops.lab import command, region, stack, up

NO_STACK = "error: no stack named 'lab' found"


class Place:
    """A lab that is up; what Pulumi says in it is `said`, and whether the stack's file is there."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.said = CompletedProcess([], 0, "{}", "")
        self.file = folder / "dev" / "pulumi" / "Pulumi.lab.yaml"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(Path("Pulumi.dev.yaml").read_text())
        (folder / "dev" / "example").write_text("basics")
        patch.setattr(lab_, "HOME", folder)
        patch.setattr(control, "running", lambda lab: True)
        patch.setattr(stack, "captured", lambda *_, **__: self.said)
        patch.setattr(region, "instances", lambda lab: {})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def refused(*arguments: str) -> str:
    """What a command says that ends in one of our own errors."""
    result = CliRunner().invoke(app, ["lab", *arguments])
    assert isinstance(result.exception, RelayError), result.exception
    return str(result.exception)


@pytest.mark.parametrize("what", ["send", "demo"])
@pytest.mark.parametrize("said", ["destroyed", "cut off"])
def test_without_a_stack_there_is_nothing_to_send(place: Place, what: str, said: str) -> None:
    if said == "cut off":
        place.said = CompletedProcess([], 255, "", NO_STACK)
    assert refused(what) == "the stack lab is not up: ./relay pulumi --lab dev up --stack lab"


@pytest.mark.parametrize("what", ["send", "demo"])
def test_without_a_stacks_file_there_is_no_stack(place: Place, what: str) -> None:
    place.file.unlink()
    place.said = CompletedProcess([], 0, "[]", "")
    assert refused(what).startswith("lab: there is no such stack in the lab; there is none")


@pytest.mark.parametrize("what", ["shell", "logs"])
@pytest.mark.parametrize("is_there", [True, False])
def test_without_hosts_there_is_no_shell(place: Place, what: str, *, is_there: bool) -> None:
    if not is_there:
        place.file.unlink()
    assert refused(what, "gateway") == (
        "gateway: there is no such host; there is none: `pulumi up` has made none yet"
    )


@pytest.mark.parametrize("how", ["destroyed", "no stack", "no file"])
def test_the_status_says_that_the_stack_is_not_up(
    place: Place, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "no stack":
        place.said = CompletedProcess([], 255, "", NO_STACK)
    if how == "no file":
        place.file.unlink()
        place.said = CompletedProcess([], 1, "", "Traceback (most recent call last): ...")
    monkeypatch.setattr(command.Inbox, "messages", lambda self: [])
    monkeypatch.setattr(command, "_lacks", lambda lab, placed: {})
    result = CliRunner().invoke(app, ["lab", "status", "--json"])
    assert result.exit_code == 0
    assert '"missing": [\n    "the stack"\n  ]' in result.output


def test_an_up_that_is_interrupted_says_how_it_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(lab: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(up, "start", press)
    told: list[str] = []
    monkeypatch.setattr(command.notes, "print", lambda text, *_, **__: told.append(str(text)))
    result = CliRunner().invoke(app, ["lab", "up", "--name", "dev2"])
    assert result.exit_code == command.INTERRUPTED
    assert told[-1] == (
        "interrupted: ./relay lab up --name dev2 goes on, "
        "./relay lab down --name dev2 takes it away"
    )


@pytest.mark.parametrize(("options", "next_"), [([], "send"), (["--example=basics"], "demo")])
def test_an_up_says_what_comes_next(
    place: Place, options: list[str], next_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "start", lambda lab: None)
    monkeypatch.setattr(up, "apply", lambda *_: WANTED)
    told: list[str] = []
    monkeypatch.setattr(command.notes, "print", lambda text, *_, **__: told.append(str(text)))
    assert CliRunner().invoke(app, ["lab", "up", "--lab", "dev2", *options]).exit_code == 0
    assert told[-1].endswith(f"Next: ./relay lab {next_} --name dev2")

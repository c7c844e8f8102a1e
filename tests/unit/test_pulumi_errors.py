"""Where Pulumi's own error names no file, ours does: broken YAML, and secrets of another stack."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from editing import stack_file
from typer.testing import CliRunner

from common.errors import RelayError
from lab import control
from lab import lab as lab_
from lab.lab import Lab
from ops.cli import app
from ops.errors import StackError
from ops.lab import smarthost, stack, up
from ops.lab.target import LabTarget, running
from ops.target import AwsTarget, Target

BROKEN = "error: invalid YAML file: yaml: line 2: mapping values are not allowed in this context"
UNDECRYPTED = "error: could not decrypt configuration values: bad value"
NO_STACK = "error: no stack named 'try' found"
OTHER_SALT = "error: getting stack configuration: get stack secrets manager: incorrect passphrase"
NO_ADDRESS = (
    "error: api error AddressLimitExceeded: The maximum number of addresses has been reached"
)
NOT_THERE = (
    "error: api error InvalidChangeBatch: [Tried to delete resource record set [name='m.example', "
    "type='A', set-identifier='mail-relay/prod/mx1.a.example'] but it was not found]"
)
TEXT = "config:\n  a: b: c\n"
PLACE = "is not valid YAML at line 2, column 7"


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has every `pulumi` fail with these words."""

    def fail(words: str) -> None:
        failed = CompletedProcess([], 255, "", words)
        monkeypatch.setattr(Target, "_captured", lambda *_, **__: failed)

    return fail


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose stack file is broken, and whose `pulumi` fails."""
    monkeypatch.setattr(lab_, "HOME", tmp_path)
    monkeypatch.setattr(control, "running", lambda _: True)
    monkeypatch.setattr(stack, "pulumi", lambda *_, **__: CompletedProcess([], 255, BROKEN))
    found = Lab("dev")
    stack.work_dir(found).mkdir(parents=True)
    stack.own_file(found).write_text(TEXT)
    return found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (BROKEN, r"Pulumi\.try\.yaml is not valid YAML: yaml: line 2: "),
        (UNDECRYPTED, r"\nPulumi\.try\.yaml: a value after `secure:` was changed"),
        (NOT_THERE, r"\nIf the last `pulumi` was killed: \./relay settle --stack try"),
        ("error: validating stack config: bad value", r"\nPulumi\.try\.yaml: a value after"),
        (NO_ADDRESS, r"gives others back: \./relay doctor --stack try has the numbers"),
        (NO_STACK, r"\nPulumi\.try\.yaml is there, the stack is not: pulumi stack init try"),
        (
            OTHER_SALT,
            r"\nPulumi\.try\.yaml: its `encryptionsalt` belongs to another passphrase: give that "
            r"one \(PULUMI_CONFIG_PASSPHRASE\)",
        ),
    ],
)
def test_the_stacks_file_is_named(says: Callable[[str], None], words: str, said: str) -> None:
    says(words)
    for call in (AwsTarget("try").pulumi, AwsTarget("try").preview):
        with pytest.raises(StackError, match=said):
            call("config")


def test_a_review_names_the_line_of_its_file(
    says: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stack_file(tmp_path, monkeypatch)
    file.write_text(TEXT)
    says(BROKEN)
    result = CliRunner().invoke(app, ["review", "--stack=prod"])
    assert isinstance(result.exception, RelayError)
    assert str(result.exception).startswith(f"{file} {PLACE}")


def test_an_up_of_a_lab_names_the_line_of_its_file(lab: Lab) -> None:
    with pytest.raises(StackError, match=f"^{stack.own_file(lab)} {PLACE}"):
        up.apply(lab, None)


@pytest.mark.parametrize(("words", "named"), [([], True), (["--stack", "env-try"], False)])
def test_pulumis_own_command_in_a_lab_is_followed_by_the_line_of_its_file(
    lab: Lab, words: list[str], named: bool
) -> None:
    result = CliRunner().invoke(app, ["pulumi", "preview", *words])
    assert result.exit_code != 0
    assert (f"{stack.own_file(lab)} {PLACE}" in str(result.exception)) is named


def test_an_account_whose_password_cannot_be_decrypted_is_told_with_the_file(
    lab: Lab, says: Callable[[str], None]
) -> None:
    example = Path("examples/Pulumi.smarthost.yaml").read_text()
    stack.own_file(lab).write_text(example)
    says(UNDECRYPTED)
    with pytest.raises(StackError, match=f"{LabTarget('lab', lab).file}: a value after `secure:`"):
        smarthost.open_accounts(lab)


@pytest.mark.parametrize(
    ("name", "makes"),
    [("lab", "./relay lab up --lab dev"), ("a", "./relay pulumi --lab dev stack init a")],
)
def test_a_stack_of_a_lab_that_is_not_made_yet_is_told_with_what_makes_it(
    lab: Lab, says: Callable[[str], None], name: str, makes: str
) -> None:
    says(NO_STACK)
    with pytest.raises(StackError, match=rf"the stack is not: {makes}$"):
        LabTarget(name, lab).pulumi("stack", "export")


def test_a_misspelled_stack_of_a_lab_is_told_with_the_one_that_may_be_meant(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "stacks", lambda _: ["lab", "env-try"])
    with pytest.raises(StackError, match=r"no such stack in the lab; did you mean env-try[?]$"):
        running("env-tyr", lab.name)
    monkeypatch.setattr(stack, "stacks", lambda _: [])
    with pytest.raises(StackError, match=r"; there is none: ./relay lab up --lab dev$"):
        running("env-try", lab.name)

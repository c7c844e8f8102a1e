"""What `./relay leftovers` says of a stack that is up, and of one whose `pulumi` was cut off."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from editing import stack_file
from typer.testing import CliRunner

from ops.cli import app
from ops.leftovers import command
from ops.leftovers.left import Left
from ops.target import AwsTarget

VPC = Left("VPC", "vpc-1", "network", "nothing", "aws ec2 delete-vpc --vpc-id vpc-1")
ADDRESS = Left("address", "eip-1", "mail", "$3.65", "aws ec2 release-address")
SETTLE = "./relay settle --stack prod"


class Account:
    """What is in the account, and what was being made when the `pulumi` was cut off."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.found: list[Left] = []
        self.pending: list[str] = []
        patch.setattr(AwsTarget, "pulumi", lambda *_: self.state())
        patch.setattr(command, "_account", self.opened)
        patch.setattr(command, "find", lambda _: self.found)

    def state(self) -> str:
        held: dict[str, Any] = {"resources": [{"id": "vpc-1"}], "pending_operations": self.pending}
        return json.dumps({"deployment": held})

    @contextmanager
    def opened(self, _: object) -> Any:
        yield None


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    stack_file(tmp_path, monkeypatch)
    return Account(monkeypatch)


def said(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["leftovers", "--stack=prod", *options])
    return result.exit_code, " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("found", "end"), [([VPC], "Nothing is left."), ([VPC, ADDRESS], "1 left.")]
)
def test_of_a_stack_that_is_up_what_is_left_is_counted(
    account: Account, found: list[Left], end: str
) -> None:
    account.found = found
    code, text = said()
    assert code == len(found) - 1
    assert text.startswith("The stack prod is up: 1 resources in its state")
    assert text.endswith(end)


def test_what_was_begun_is_neither_left_nor_nothing(account: Account) -> None:
    account.found, account.pending = [VPC, ADDRESS], ["creating"]
    code, text = said()
    assert code == 1
    assert "is up" not in text
    assert "take nothing away before" in text
    assert text.endswith(f"was cut off: wait for it, or {SETTLE}")


def test_where_nothing_that_was_begun_is_found_it_may_still_be_there(account: Account) -> None:
    account.found, account.pending = [VPC], ["creating"]
    code, text = said()
    assert code == 0
    assert "Nothing is left" not in text
    assert "Nothing was found that is not in its state. A `pulumi` works on" in text
    assert json.loads(said("--json")[1])["underWay"].endswith(SETTLE)

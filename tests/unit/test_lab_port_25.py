"""Port 25 out of a lab: what blocks it, what keeps it so, and who says what opens it."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import NoReturn

import pytest
from typer.testing import CliRunner
from verify_world import FACTS, WANTED, Hosts

from lab import control
from lab import lab as lab_
from lab.control import LabError
from lab.internet import send as mail
from lab.lab import Lab
from ops import engine
from ops.cli import app
from ops.lab import command, condition, region, send, smarthost, stack, up
from ops.lab.target import LabTarget
from ops.outputs import Outputs, Smarthost
from ops.target import AwsTarget, Target
from ops.verify import hosts

BASICS, PROVIDER = (engine.PROJECT / f"examples/Pulumi.{k}.yaml" for k in ("basics", "smarthost"))
BY_SMARTHOST = WANTED.model_copy(update={"smarthost": Smarthost(host="smtp.far.example", port=587)})
OPENS = "./relay lab up --lab dev --open-port-25 opens it"
WAITS = f"Port 25 out is blocked, mail to others waits: {OPENS}."
SENDS = f"Port 25 out is blocked, the stack sends by its smarthost: {OPENS}."
AGAIN = "Port 25 out is open again."
WHY = f"port 25 out is blocked and the stack has no smarthost: {OPENS}"


class Place:
    """A lab that is up, with its block; `told` is what its user reads."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.blocked, self.told = False, list[str]()
        patch.setattr(lab_, "HOME", folder)
        self.lab = Lab("dev")
        self.lab.directory.mkdir()
        patch.setattr(control, "running", lambda _: True)
        patch.setattr(region, "port_25_is_blocked", lambda _: self.blocked)
        patch.setattr(region, "block_port_25", self.block)
        patch.setattr(stack, "pulumi", lambda *_, **__: CompletedProcess([], 0))
        patch.setattr(stack, "take_laptops_key", lambda *_: None)
        patch.setattr(smarthost, "open_accounts", self.open_accounts)
        patch.setattr(LabTarget, "operate", lambda *_, **__: None)
        patch.setattr(LabTarget, "outputs", lambda _: WANTED)
        patch.setattr(up.notes, "print", lambda text, *_, **__: self.told.append(str(text)))

    def block(self, _: Lab, blocked: bool) -> None:
        self.blocked = blocked

    def open_accounts(self, lab: Lab) -> None:
        """Passwords, which the example leaves to the provider."""
        file = stack.own_file(lab)
        text = file.read_text()
        if "password:" not in text:
            text = text.replace("      - user:", "      - password: pass-word-1\n        user:")
            file.write_text(text)

    def up(self, source: Path | None, block: bool | None = None) -> tuple[bool, str]:
        """Whether it is blocked then, and what was said of it last."""
        self.told.clear()
        up.apply(self.lab, source, block)
        said = [line for line in self.told if "ort 25" in line]
        assert said == self.told[len(self.told) - len(said) :]
        return self.blocked, " ".join(said)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


def test_a_block_stays_until_an_option_or_another_file_opens_it(place: Place) -> None:
    assert place.up(BASICS) == (False, "")
    assert place.up(None, True) == (True, WAITS)
    assert place.up(None) == (True, WAITS)
    assert place.up(None, False) == (False, AGAIN)
    assert place.up(None) == (False, "")
    assert place.up(None, True) == (True, WAITS)
    assert place.up(BASICS) == (False, AGAIN)


def test_a_stack_with_a_smarthost_is_blocked_unless_it_is_opened(place: Place) -> None:
    assert place.up(PROVIDER) == (True, SENDS)
    assert place.up(None, False) == (False, AGAIN)
    assert place.up(None) == (True, SENDS)
    assert place.up(BASICS) == (False, AGAIN)


@pytest.mark.parametrize(
    ("blocked", "outputs", "why"),
    [(True, WANTED, WHY), (True, BY_SMARTHOST, ""), (False, WANTED, "")],
)
def test_a_message_that_a_block_holds_up_is_told_before_it_and_in_the_end(
    place: Place, monkeypatch: pytest.MonkeyPatch, blocked: bool, outputs: Outputs, why: str
) -> None:
    def nothing(*_: object) -> NoReturn:
        assert [line for line in place.told if "ort 25" in line] == ([why] if why else [])
        raise TimeoutError

    stack.prepare(place.lab, BASICS)
    sent = mail.Sent("login on 587", "me@shop.example", "me@inbox.example", "a test", 0.0)
    monkeypatch.setattr(mail, "arrived", nothing)
    monkeypatch.setattr(command, "_outputs", lambda *_: outputs)
    monkeypatch.setattr(send, "check_inbox", lambda _: None)
    monkeypatch.setattr(send, "by_each_way", lambda *_: [sent])
    monkeypatch.setattr(condition, "why_not", lambda *_: "")
    place.blocked = blocked
    result = CliRunner().invoke(app, ["lab", "send"])
    assert isinstance(result.exception, LabError), result.exception
    assert f" in 300 s{f'; {why}' if why else ''}: where it waits" in str(result.exception)


@pytest.mark.parametrize(
    ("target", "remedy"),
    [
        (AwsTarget("prod"), "On a new AWS account: https://repost.aws/"),
        (
            LabTarget("lab", Lab("try")),
            "If the lab blocks it: ./relay lab up --lab try --open-port-25",
        ),
    ],
)
def test_what_opens_port_25_is_the_places_own(target: Target, remedy: str) -> None:
    told = {"egress": {"exchange": "mx.inbox.example", "problem": "timed out", "seconds": 9.0}}
    written = Hosts({"i-1": {**FACTS["i-1"], **told}})(WANTED.gateways[0])
    results = hosts.check(WANTED, WANTED.gateways[0], written, target.opens_port_25)
    (problem,) = [p for r in results if r.check == "egress" for p in r.errors]
    assert problem.instructions[0].startswith(remedy)

"""What is in the stack's file and not up yet: the commands name the `up` that brings it."""

import json
import smtplib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
import verify_world
import yaml
from typer.testing import CliRunner

from common.errors import RelayError
from lab import control
from lab import lab as lab_
from ops import arrival
from ops.cli import app
from ops.errors import AwsError
from ops.lab.target import LabTarget
from ops.outputs import read

LOGIN, NEW = "me@shop.example", "eve@new.example"
UP = "./relay pulumi --lab dev up"
DEV = Path(__file__).parents[2] / "Pulumi.dev.yaml"
ADDED = f"""
  mail-relay:mailboxes:
    - address: {NEW}
    - address: {LOGIN}
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab's stack file to which a domain with its login, its host and its mailbox was added."""
    found = tmp_path / "dev" / "pulumi" / "Pulumi.lab.yaml"
    found.parent.mkdir(parents=True)
    text = DEV.read_text()
    for here, new in (
        ("    - name: shop.example\n", "    - name: new.example\n"),
        ("    - name: app.shop.example\n", "    - name: app.new.example\n"),
        (f"    - address: {LOGIN}\n", f"    - address: {NEW}\n"),
        ("      to: [me@inbox.example", f", {LOGIN}"),
    ):
        text = text.replace(here, here + new, 1)
    found.write_text(text + ADDED)
    monkeypatch.chdir(found.parent)  # from elsewhere it has its whole path
    outputs = {**verify_world.OUTPUTS, "sendAs": {LOGIN: [LOGIN]}}
    monkeypatch.setattr(lab_, "HOME", tmp_path)
    monkeypatch.setattr(control, "running", lambda lab: True)
    monkeypatch.setattr(LabTarget, "outputs", lambda self: read(outputs))
    return found


def run(*arguments: str, text: str = "") -> Any:
    return CliRunner().invoke(app, [*arguments, "--lab", "dev"], input=text)


@pytest.mark.parametrize(
    ("arguments", "name", "others"),
    [
        (["users", "show"], NEW, "is no login of the running stack"),
        (["users", "test"], NEW, "is no login of the running stack"),
        (["test", "--login"], NEW, "is no login of the running stack"),
        (["domains", "test"], "new.example", "is no domain of the stack"),
        (["verify", "--domain"], "new.example", "is no domain of the stack"),
        (["queue", "list", "--host"], "app.new.example", "there is no such host"),
        (["queue", "list", "--summary", "--host"], "app.new.example", "there is no such host"),
    ],
)
def test_the_command_that_brings_it_is_told(arguments: list[str], name: str, others: str) -> None:
    error = run(*arguments, name).exception
    assert isinstance(error, RelayError)
    assert str(error) == f"{name} is in Pulumi.lab.yaml and not up yet: {UP}"
    # what nobody added comes by no `up`
    error = run(*arguments, name.replace("new", "far")).exception
    assert others in str(error)
    assert UP not in str(error)


def test_a_stack_without_a_login_tells_how_it_gets_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = {**verify_world.OUTPUTS, "logins": [], "passwords": {}}
    monkeypatch.setattr(LabTarget, "outputs", lambda self: read(none))
    assert str(run("test").exception) == f"the running stack has no login: {UP}"
    content = yaml.safe_load(DEV.read_text())
    del content["config"]["mail-relay:logins"]
    file.write_text(yaml.safe_dump(content))
    assert str(run("test").exception) == (
        f"the running stack has no login: ./relay users add LOGIN --lab dev, then {UP}"
    )


class Gateway:
    """A gateway that refuses everything."""

    sock = SimpleNamespace(version=lambda: "TLSv1.3")
    esmtp_features = MappingProxyType({"auth": "PLAIN"})

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def auth_plain(self) -> str:
        return ""

    auth_login = auth_plain

    def auth(self, mechanism: str, answer: object) -> None:
        raise smtplib.SMTPAuthenticationError(535, b"no")

    def mail(self, sender: str) -> None:
        pass

    def rcpt(self, address: str) -> tuple[int, bytes]:
        return (451 if address.startswith("later") else 550), b"no"


def late(hosts: list[Any]) -> Any:
    return lambda target, gateways: hosts


def unknown(*_: object) -> Any:
    raise AwsError("no")


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: AbstractContextManager[Gateway] = Gateway()
    monkeypatch.setattr(LabTarget, "connect", lambda *_: connected)
    monkeypatch.setattr(LabTarget, "account", lambda *_: nullcontext(None))
    monkeypatch.setattr(arrival, "late", late([]))


@pytest.mark.usefixtures("gateway")
def test_a_password_is_refused_of_a_login_that_is_not_up() -> None:
    rows = json.loads(
        run("users", "test", NEW, "--password-stdin", "--json", text="pass-word-1\n").stdout
    )
    why = f"{NEW} is in Pulumi.lab.yaml and not up yet: {UP}"
    assert (rows[0]["login"], rows[0]["why"]) == ("refused: 535 no", why)


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("address", "why"),
    [
        (NEW, f"; Pulumi.lab.yaml has it: {UP} puts it in force"),
        ("postmaster@new.example", f"; Pulumi.lab.yaml has it: {UP} puts it in force"),
        ("nobody@new.example", ""),
        ("later@new.example", ""),
    ],
)
def test_mail_is_refused_for_an_address_that_is_not_up(address: str, why: str) -> None:
    (row,) = json.loads(run("forwards", "test", address, "--json").stdout)
    assert row["said"].partition(" no")[2] == why


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            late([SimpleNamespace(name=verify_world.GATEWAY)]),
            f"{verify_world.GATEWAY} has not got the tables of the last `up` yet",
        ),
        (unknown, f"Pulumi.lab.yaml has it: {UP} puts it in force"),
    ],
)
def test_a_gateway_without_the_last_tables_is_the_cause(
    monkeypatch: pytest.MonkeyPatch, answer: Any, why: str
) -> None:
    monkeypatch.setattr(arrival, "late", answer)
    (row,) = json.loads(run("forwards", "test", NEW, "--json").stdout)
    assert row == {
        "gateway": verify_world.GATEWAY,
        "accepted": False,
        "said": f"550 no; {why}",
    }


def test_a_mailbox_that_is_not_up_is_told_of() -> None:
    shown = run("users", "show", LOGIN).stdout
    assert f"none: {LOGIN} is in Pulumi.lab.yaml and not up yet: {UP}" in shown


@pytest.mark.usefixtures("gateway")
def test_where_the_up_was_killed_it_is_to_be_settled_first(monkeypatch: pytest.MonkeyPatch) -> None:
    state = json.dumps({"deployment": {"pending_operations": ["x"]}})
    monkeypatch.setattr(LabTarget, "pulumi", lambda *_: state)
    said = run("users", "test", NEW, "--password-stdin", "--json", text="pass-word-1\n").stdout
    why = f"{NEW} is in Pulumi.lab.yaml and not up yet: a `pulumi` was cut off: ./relay settle"
    assert json.loads(said)[0]["why"].startswith(why)
    assert "a `pulumi` was cut off: ./relay settle" in str(run("rotate", "--all").exception)

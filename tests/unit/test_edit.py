"""What the commands that edit a stack's file say where a change is not what it seems."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from ops import target, terminal
from ops.cli import app
from settings import SettingsError

CONFIG = {
    "mail-relay:operator": "ops@inbox.example",
    "mail-relay:gateway": {"name": "mail.relay.example"},
    "mail-relay:domains": [{"name": "shop.example"}, {"name": "club.example"}],
    "mail-relay:clients": [{"name": "app.club.example"}],
    "mail-relay:logins": [{"address": "me@shop.example"}],
    "mail-relay:forwards": [{"address": "info@club.example", "to": ["me@inbox.example"]}],
    "mail-relay:mailboxes": [{"address": "me@shop.example"}],
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(target.engine, "PROJECT", tmp_path)
    made = tmp_path / "Pulumi.prod.yaml"
    made.write_text(yaml.safe_dump({"config": CONFIG}))
    return made


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(terminal.notes, "print", lambda text, **_: said.append(text))
    return said


def edit(*arguments: str) -> BaseException | None:
    return CliRunner().invoke(app, [*arguments, "--stack=prod"]).exception


def refused(file: Path, *arguments: str) -> list[str]:
    before = file.read_text()
    error = edit(*arguments)
    assert isinstance(error, SettingsError), error
    assert file.read_text() == before
    return error.lines


def test_a_value_of_nothing_is_a_value(file: Path) -> None:
    (line,) = refused(file, "domains", "change", "shop.example", "--ttl", "0")
    assert line.startswith("mail-relay:domains[0].ttl (shop.example): 0: ")


def test_spf_terms_that_leave_the_gateways_out_are_told(file: Path, told: list[str]) -> None:
    assert edit("domains", "change", "shop.example", "--spf", "include:x.example") is None
    assert edit("domains", "add", "new.example", "--spf", "include:x.example") is None
    assert [line.partition(":")[0] for line in told if "--spf gateways" in line] == [
        "The SPF of shop.example is include",
        "The SPF of new.example is include",
    ]


@pytest.mark.parametrize("terms", [("gateways", "include:x.example"), ()])
def test_spf_terms_with_the_gateways_need_no_word(
    file: Path, told: list[str], terms: tuple[str, ...]
) -> None:
    options = [part for term in terms for part in ("--spf", term)]
    assert edit("domains", "change", "shop.example", "--ttl", "600", *options) is None
    assert len(told) == 1


def test_a_domain_in_use_is_not_removed_and_what_uses_it_is_named(file: Path) -> None:
    first, *lines = refused(file, "domains", "remove", "club.example")
    assert first == "club.example is still needed; change or remove these first:"
    assert [line.partition(": ")[0] for line in lines] == [
        "mail-relay:clients[0].name",
        "mail-relay:clients[0].sendAs",
        "mail-relay:forwards[0].address",
    ]
    assert not any("add it" in line for line in lines)


def test_a_login_with_a_mailbox_is_not_removed(file: Path) -> None:
    first, line = refused(file, "users", "remove", "me@shop.example")
    assert first == "me@shop.example is still needed; change or remove these first:"
    assert line.startswith("mail-relay:mailboxes[0].address: 'me@shop.example'")
    assert "add a login" not in line


@pytest.mark.parametrize(
    ("section", "name"),
    [("forwards", "info@club.example"), ("mailboxes", "me@shop.example")],
)
def test_what_nobody_needs_is_removed(file: Path, section: str, name: str) -> None:
    assert edit(section, "remove", name) is None
    assert f"mail-relay:{section}" not in yaml.safe_load(file.read_text())["config"]


def test_a_change_is_told_to_programs(file: Path) -> None:
    words = ["forwards", "remove", "info@club.example", "--json", "--stack=prod"]
    assert json.loads(CliRunner().invoke(app, words).stdout) == {
        "did": "info@club.example is removed",
        "file": str(file),
        "next": "pulumi up --stack prod",
    }


def test_a_login_is_disabled_and_enabled_and_its_lines_are_as_before(file: Path) -> None:
    before = file.read_text()
    assert edit("users", "disable", "me@shop.example") is None
    logins = yaml.safe_load(file.read_text())["config"]["mail-relay:logins"]
    assert logins == [{"address": "me@shop.example", "enabled": False}]
    assert edit("users", "enable", "me@shop.example") is None
    assert file.read_text() == before
    assert edit("users", "enable", "me@shop.example") is None  # it is already


def domain(file: Path, name: str) -> dict[str, Any] | None:
    listed = yaml.safe_load(file.read_text())["config"]["mail-relay:domains"]
    return next((item for item in listed if item["name"] == name), None)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        (["mx.far.example"], [{"host": "mx.far.example"}]),
        (["20 mx.far.example."], [{"host": "mx.far.example", "preference": 20}]),
        (
            ["0 a.far.example", "mail.far.example"],
            [{"host": "a.far.example", "preference": 0}, {"host": "mail.far.example"}],
        ),
        (["."], [{"host": "."}]),
        (["0 ."], [{"host": "."}]),
    ],
)
def test_exchangers_are_given_as_a_zone_file_has_them(
    file: Path, given: list[str], written: list[dict[str, Any]]
) -> None:
    options = [part for text in given for part in ("--mx", text)]
    assert edit("mailboxes", "remove", "me@shop.example") is None
    assert edit("domains", "change", "shop.example", "--mx", "old.far.example") is None
    # what is given replaces what was there
    assert edit("domains", "change", "shop.example", *options) is None
    assert edit("domains", "add", "new.example", *options) is None
    assert domain(file, "shop.example") == {"name": "shop.example", "mx": written}
    assert domain(file, "new.example") == {"name": "new.example", "mx": written}


@pytest.mark.parametrize(
    "given", ["", "10", "ten mx.far.example", "10 a.example b.example", "10 ."]
)
def test_an_exchanger_that_is_none_is_refused_with_what_is_right(file: Path, given: str) -> None:
    before = file.read_text()
    error = edit("domains", "add", "new.example", "--mx", given)
    assert error is not None
    assert f"--mx {given!r}: give HOST" in str(error) or "mx[0].host (new.example): '10'" in str(
        error
    )
    assert file.read_text() == before


def test_a_domain_is_parked_and_is_as_before_again(file: Path) -> None:
    assert edit("domains", "add", "idle.example", "--reports", "dmarc@inbox.example") is None
    before = file.read_text()
    parked = {
        "mx": [{"host": "."}],
        "spf": {"mechanisms": [], "all": "-all"},
        "dmarc": {"policy": "reject", "adkim": "s", "aspf": "s"},
    }
    assert edit("domains", "park", "new.example") is None
    assert domain(file, "new.example") == {"name": "new.example", **parked}
    assert edit("domains", "park", "idle.example") is None
    reports = {"reports": ["dmarc@inbox.example"]}
    assert domain(file, "idle.example") == {
        "name": "idle.example",
        **parked,
        "dmarc": {**parked["dmarc"], **reports},  # type: ignore[dict-item]
    }
    assert edit("domains", "remove", "new.example") is None
    keys = [part for key in ("mx", "spf", "dmarc") for part in ("--reset", key)]
    again = ("--reports", "dmarc@inbox.example")
    assert edit("domains", "change", "idle.example", *keys, *again) is None
    assert yaml.safe_load(file.read_text()) == yaml.safe_load(before)


def test_a_domain_that_receives_is_not_parked(file: Path) -> None:
    (line,) = refused(file, "domains", "park", "club.example")
    assert line.startswith(
        "mail-relay:domains[1].mx: ['.']: '.' says that the domain takes no mail"
    )

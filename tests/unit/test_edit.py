"""What the commands that edit a stack's file say where a change is not what it seems."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from editing import domain, edit, refused, stack_file
from typer.testing import CliRunner

from ops import stack_yaml, terminal
from ops.cli import app
from ops.edit.encrypted import readable
from ops.edit.stack_file import StackFile
from settings import read


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stack_file(tmp_path, monkeypatch)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(terminal.notes, "print", lambda text, **_: said.append(text))
    return said


def test_a_value_of_nothing_is_a_value(file: Path) -> None:
    (line,) = refused(file, "domains", "change", "shop.example", "--ttl", "0")
    assert line.startswith("mail-relay:domains[0].ttl (shop.example): 0: ")


def test_spf_terms_that_leave_the_gateways_out_are_told(file: Path, told: list[str]) -> None:
    assert edit("domains", "change", "shop.example", "--spf", "include:x.example") is None
    assert edit("domains", "add", "new.example", "--spf", "include:x.example") is None
    said = "'include:x.example': it may not name the gateways, and ends in ~all: receivers may take"
    # what was so before is not told again
    assert [line.partition(" what they")[0] for line in told[1::2]] == [
        f"Note: mail-relay:domains[0].spf (shop.example): {said}",
        f"Note: mail-relay:domains[2].spf (new.example): {said}",
    ]
    assert len(told) == 4


@pytest.mark.parametrize(
    "terms", [("gateways", "include:x.example"), (), ("a:mail.relay.example",), ("mx",)]
)
def test_spf_terms_with_the_gateways_need_no_word(
    file: Path, told: list[str], terms: tuple[str, ...]
) -> None:
    options = [part for term in terms for part in ("--spf", term)]
    assert edit("domains", "change", "shop.example", "--ttl", "600", *options) is None
    assert len(told) == 1


def test_a_change_is_told_to_programs(file: Path) -> None:
    words = ["forwards", "remove", "info@club.example", "--json", "--stack=prod"]
    assert json.loads(CliRunner().invoke(app, words).stdout) == {
        "did": "info@club.example is removed",
        "changed": True,
        "file": str(file),
        "next": "pulumi up --stack prod",
        "advice": [
            "club.example has no forward and no mailbox, so its MX record goes too: it takes no "
            "mail any more"
        ],
    }


def test_a_domain_that_gets_or_loses_its_mx_record_is_told(file: Path, told: list[str]) -> None:
    goes = "has no forward and no mailbox, so its MX record goes too: it takes no mail any more"
    comes = "gets an MX record: from then on mail for all its addresses comes to mail.relay.example"
    rebuilt = (
        "Note: this is the {} mailbox: the `up` rebuilds mail.relay.example, which {} IMAP; "
        "./relay review --stack prod tells what is down meanwhile"
    )
    no_more = rebuilt.format("last", "takes away")
    for words, notes in (
        ("forwards add two@club.example x@far.example", []),
        ("forwards remove two@club.example", []),
        ("forwards remove info@club.example", [f"Note: club.example {goes}"]),
        ("forwards add info@club.example x@far.example", [f"Note: club.example {comes}"]),
        ("mailboxes remove me@shop.example", [f"Note: shop.example {goes}", no_more]),
        ("domains change shop.example --mx mx.far.example", []),
        ("domains change shop.example --reset mx", [f"Note: shop.example {goes}"]),
        (
            "mailboxes add me@shop.example",
            [f"Note: shop.example {comes}", rebuilt.format("first", "sets up")],
        ),
        ("mailboxes change me@shop.example --quota 2048", []),
    ):
        told.clear()
        assert edit(*words.split()) is None, words
        assert told[1:] == notes, words


def test_a_login_is_disabled_and_enabled_and_its_lines_are_as_before(file: Path) -> None:
    before = file.read_text()
    assert edit("users", "disable", "me@shop.example") is None
    logins = yaml.safe_load(file.read_text())["config"]["mail-relay:logins"]
    assert logins == [{"address": "me@shop.example", "enabled": False}]
    assert edit("users", "enable", "me@shop.example") is None
    assert file.read_text() == before
    assert edit("users", "enable", "me@shop.example") is None  # it is already


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


@pytest.mark.parametrize("given", ["10", "ten mx.far.example", "10 a.example b.example", "10 ."])
def test_an_exchanger_that_is_none_is_refused_with_what_is_right(file: Path, given: str) -> None:
    before = file.read_text()
    error = edit("domains", "add", "new.example", "--mx", given)
    assert error is not None
    assert f"--mx {given!r}: give HOST" in str(error) or "mx[0].host (new.example): '10'" in str(
        error
    )
    assert file.read_text() == before


@pytest.mark.parametrize("text", ["yes", "12:30:45", "010", "2026-01-01", "~", "=", "1_000"])
def test_a_text_that_yaml_takes_for_something_else_is_read_as_given_by_all_commands(
    file: Path, text: str
) -> None:
    assert edit("domains", "change", "shop.example", "--txt", text) is None
    assert domain(file, "shop.example") == {"name": "shop.example", "txt": [text]}
    config = stack_yaml.config(file)
    assert read(readable(config), config).domains[0].txt == (text,)


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
    assert edit("domains", "change", "idle.example", *keys) is None
    assert edit("domains", "change", "idle.example", *again) is None
    assert yaml.safe_load(file.read_text()) == yaml.safe_load(before)


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("mx", ("--mx", ".")),
        ("spf", ("--spf", "gateways")),
        ("spf", ("--spf-all", "-all")),
        ("dmarc", ("--dmarc", "reject")),
        ("dmarc", ("--reports", "d@inbox.example")),
        ("txt", ("--txt", "a=1")),
        ("ttl", ("--ttl", "600")),
    ],
)
def test_what_is_reset_is_not_set_as_well(file: Path, key: str, options: tuple[str, str]) -> None:
    before = file.read_text()
    error = edit("domains", "change", "shop.example", "--reset", key, *options)
    assert f"--reset {key} takes away what" in str(error)
    assert options[0] in str(error)
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("first", "again", "said"),
    [
        ("users disable me@shop.example", None, "me@shop.example is disabled already"),
        ("", "users enable me@shop.example", "me@shop.example is enabled already"),
        ("domains park new.example", None, "new.example is parked already"),
        ("domains change shop.example --ttl 600", None, "shop.example is so already"),
        ("", "domains change shop.example --ttl 300", "shop.example is so already"),
        ("", "domains change shop.example --reset mx", "shop.example is so already"),
        ("", "domains change relay.example --reset mx", "relay.example is so already"),
        ("domains change shop.example --dmarc reject", None, "shop.example is so already"),
        ("forwards change info@club.example a@x.example", None, "info@club.example is so already"),
        ("mailboxes change me@shop.example --quota 2048", None, "me@shop.example is so already"),
        ("", "mailboxes change me@shop.example --quota 1024", "me@shop.example is so already"),
    ],
)
def test_what_is_so_already_is_said_and_not_written(
    file: Path, told: list[str], first: str, again: str | None, said: str
) -> None:
    if first:
        assert edit(*first.split()) is None
    told.clear()
    before, written = file.read_text(), file.stat().st_mtime_ns
    words = [*(again or first).split(), "--stack=prod"]
    assert CliRunner().invoke(app, words).exit_code == 0
    (line,) = told
    assert f"{said}: nothing is changed in {file}" in line
    assert (file.read_text(), file.stat().st_mtime_ns) == (before, written)
    answer = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert (answer["changed"], answer["next"]) == (False, None)


def test_another_password_is_a_change_though_it_cannot_be_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(("v1:aaaa", "v1:bbbb"))
    monkeypatch.setattr(StackFile, "secret", lambda *_: {"secure": next(numbers)})
    assert edit("users", "change", "me@shop.example", "--new-password") is None
    before = file.read_text()
    assert edit("users", "change", "me@shop.example", "--new-password") is None
    assert file.read_text() == before.replace("v1:aaaa", "v1:bbbb") != before


@pytest.mark.parametrize(
    ("words", "right"),
    [
        ("mailboxes change me@shop.example --quota 2GB", "whole number of MiB alone, such as 2048"),
        ("mailboxes add a@shop.example --quota 512m", "whole number of MiB alone, such as 512"),
        ("mailboxes add a@shop.example --quota much", "whole number of MiB alone, such as 2048"),
        ("domains change shop.example --ttl 5m", "whole number of seconds alone, such as 300"),
        ("domains add new.example --ttl 1.5", "whole number of seconds alone, such as 300"),
    ],
)
def test_a_number_with_a_unit_is_refused_with_the_right_number(
    file: Path, words: str, right: str
) -> None:
    before = file.read_text()
    result = CliRunner().invoke(app, [*words.split(), "--stack=prod"])
    assert result.exit_code == 2
    assert right in " ".join(result.stderr.replace("│", "").split())
    assert file.read_text() == before


@pytest.mark.parametrize("given", [[], ["--send-as", "@club.example"]])
def test_a_sender_who_gets_no_bounces_is_told_of(
    file: Path, told: list[str], given: list[str]
) -> None:
    assert edit("users", "add", "new@club.example", *given) is None
    assert told[1:] == [
        "Note: mail-relay:logins[1].address: 'new@club.example': club.example is received here and "
        "has no such address: bounces and replies to it are refused; add it to "
        "mail-relay:forwards or mail-relay:mailboxes"
    ]
    assert edit("forwards", "add", "new@club.example", "me@inbox.example") is None
    assert len(told) == 3
    assert edit("users", "change", "new@club.example", "--send-as", "old@club.example") is None
    assert "'old@club.example': club.example is received here" in told[-1]


def test_a_file_is_named_so_that_it_can_be_opened_from_here(
    file: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edit("users", "add", "a@shop.example") is None
    monkeypatch.chdir(file.parent)
    assert edit("users", "add", "b@shop.example") is None
    assert told[0].startswith(f"a@shop.example is added in {file}. Next: ")
    assert "b@shop.example is added in Pulumi.prod.yaml. Next: pulumi up --stack prod" in told


def test_a_mailbox_without_a_login_is_refused_with_the_command_that_adds_one(file: Path) -> None:
    assert refused(file, "mailboxes", "add", "new@club.example") == [
        "new@club.example has no login, so nobody could read its mail; first: "
        "./relay users add new@club.example --stack prod"
    ]
    assert edit("users", "add", "new@club.example") is None
    assert edit("mailboxes", "add", "new@club.example") is None


def test_a_mailbox_in_a_domain_that_is_not_ours_is_refused_for_its_domain(file: Path) -> None:
    (domain_, *_) = refused(file, "mailboxes", "add", "new@culb.example")
    assert "did you mean new@club.example?" in domain_


def test_a_domain_with_a_clients_name_is_refused_and_both_are_named(file: Path) -> None:
    (line,) = refused(file, "domains", "add", "app.club.example")
    assert line == (
        "mail-relay:clients[0].name: 'app.club.example': it is also the domain "
        "mail-relay:domains[2]; give one of the two another name"
    )


def test_a_domain_that_is_in_no_zone_is_not_told_to_be_listed(file: Path) -> None:
    zones = "  mail-relay:zones: [relay.example, shop.example, club.example]\n"
    file.write_text(file.read_text() + zones)
    (line,) = refused(file, "domains", "add", "k4.example")
    assert line.endswith("club.example; add its zone to mail-relay:zones")

"""Addresses and domains typed with capitals: every command takes them as those of the stack."""

from pathlib import Path

import click
import pytest
from editing import edit, refused, stack_file

from ops.cli import loaded
from ops.known import lowered

COMMANDS = [
    "users add You@Shop.Example --send-as @SHOP.example --send-as Me@shop.example",
    "users change ME@shop.example --send-as ME@Shop.example --send-as @shop.example",
    "users disable ME@shop.example",
    "mailboxes change ME@SHOP.EXAMPLE --quota 2048",
    "mailboxes remove Me@shop.example",
    "forwards add Sales@Club.example Me@Inbox.example",
    "forwards change INFO@club.example You@inbox.example",
    "forwards remove INFO@club.example",
    "domains add NEW.example --reports D@Inbox.example",
    "domains change SHOP.example --reports D@inbox.example",
    "domains park NEW.example",
]


@pytest.mark.parametrize("words", COMMANDS)
def test_capitals_do_as_small_letters_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    file = stack_file(tmp_path, monkeypatch)
    before = file.read_text()
    assert edit(*words.split()) is None
    with_capitals = file.read_text()
    file.write_text(before)
    # of the options only the values have capitals
    assert edit(*words.lower().replace("quotamib", "quotaMiB").split()) is None
    assert with_capitals == file.read_text() != before


def test_a_command_that_is_advised_is_one_that_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stack_file(tmp_path, monkeypatch)
    (said,) = refused(file, "mailboxes", "add", "YOU@shop.example")
    assert said.endswith("first: ./relay users add you@shop.example --stack prod")
    assert edit("users", "add", "you@shop.example") is None
    assert edit("mailboxes", "add", "YOU@shop.example") is None


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *((f"users {verb}", "login") for verb in ("add", "change", "remove", "show", "test")),
        *((f"forwards {verb}", "address") for verb in ("add", "change", "remove", "test")),
        *((f"mailboxes {verb}", "address") for verb in ("add", "change", "remove")),
        *((f"domains {verb}", "domain") for verb in ("add", "change", "park", "remove")),
        *((verb, "domain") for verb in ("verify", "rotate")),
        *(("test", name) for name in ("login", "sender")),
    ],
)
def test_every_command_has_its_names_in_small_letters(command: str, name: str) -> None:
    first, *others = command.split()
    found = loaded(first)
    for word in others:
        assert isinstance(found, click.Group)
        found = found.commands[word]
    (parameter,) = [each for each in found.params if each.name == name]
    context = click.Context(found)
    assert parameter.callback
    assert parameter.callback(context, parameter, "Me@Shop.Example") == "me@shop.example"


def test_nothing_is_no_name() -> None:
    assert lowered(None) is None
    assert lowered([]) == []

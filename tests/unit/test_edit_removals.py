"""What is still in use is not removed or moved, and what ends each use is named."""

from pathlib import Path

import pytest
import yaml
from editing import CONFIG, domain, edit, refused, stack_file

USED = {
    "mail-relay:operator": "ops@club.example",
    "mail-relay:gateway": {"name": "mail.relay.example"},
    "mail-relay:domains": [
        {"name": "shop.example", "dmarc": {"reports": ["d@club.example"]}},
        {"name": "club.example"},
    ],
    "mail-relay:logins": [
        {"address": "me@shop.example", "sendAs": ["me@shop.example", "x@club.example"]},
        {"address": "you@club.example"},
    ],
    "mail-relay:forwards": [
        {"address": "ops@club.example", "to": ["me@inbox.example"]},
        {"address": "d@club.example", "to": ["me@inbox.example"]},
        {"address": "info@shop.example", "to": ["you@club.example", "me@inbox.example"]},
        {"address": "more@shop.example", "to": ["ops@club.example"]},
    ],
    "mail-relay:mailboxes": [{"address": "you@club.example"}],
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stack_file(tmp_path, monkeypatch)


def test_a_domain_in_use_is_not_removed_and_what_uses_it_is_named(file: Path) -> None:
    assert refused(file, "domains", "remove", "club.example") == [
        "club.example is in use; first end that:",
        "  info@club.example is forwarded: ./relay forwards remove info@club.example --stack prod",
        "  the client host app.club.example may send as @club.example: give it another sendAs, or "
        f"take it out of mail-relay:clients, in {file}",
    ]


def test_a_domain_is_not_removed_while_the_smarthost_has_an_account_for_it(file: Path) -> None:
    password = {"password": {"secure": "v1:encrypted"}}
    accounts = [{"user": "a", **password}, {"user": "b", "sender": "@shop.example", **password}]
    config = {key: CONFIG[key] for key in ("mail-relay:operator", "mail-relay:gateway")}
    more = {
        "mail-relay:domains": [{"name": "shop.example"}],
        "mail-relay:smarthost": {
            "host": "smtp.provider.example",
            "spf": "include:_spf.provider.example",
            "accounts": accounts,
        },
    }
    file.write_text(yaml.safe_dump({"config": config | more}))
    assert refused(file, "domains", "remove", "shop.example") == [
        "shop.example is in use; first end that:",
        "  the smarthost has an account for @shop.example: take it out of "
        f"mail-relay:smarthost.accounts in {file}",
    ]


def test_what_is_needed_is_not_removed_and_the_command_that_ends_each_need_is_named(
    file: Path,
) -> None:
    first = "me@shop.example is still needed; first end that:"
    assert refused(file, "users", "remove", "me@shop.example") == [
        first,
        "  me@shop.example is a mailbox, which its login reads: ./relay mailboxes remove "
        "me@shop.example --stack prod",
    ]
    more = {
        "mail-relay:operator": "me@shop.example",
        "mail-relay:domains": [
            {"name": "shop.example", "dmarc": {"reports": ["me+dmarc@shop.example"]}},
            {"name": "club.example"},
        ],
        "mail-relay:forwards": [
            {"address": "info@club.example", "to": ["me@shop.example", "x@inbox.example"]},
            {"address": "other@shop.example", "to": ["x@inbox.example"]},
        ],
    }
    file.write_text(yaml.safe_dump({"config": CONFIG | more}))
    assert refused(file, "mailboxes", "remove", "me@shop.example") == [
        first,
        "  me@shop.example is the operator: "
        "pulumi config set mail-relay:operator ADDRESS --stack prod",
        "  DMARC reports of shop.example go to me+dmarc@shop.example: "
        "./relay domains change shop.example --reports ADDRESS --stack prod",
        "  info@club.example is forwarded to me@shop.example: "
        "./relay forwards change info@club.example x@inbox.example --stack prod",
    ]
    # nothing is refused where another entry takes its mail
    catch_all = {"address": "@shop.example", "to": ["x@inbox.example"]}
    more["mail-relay:forwards"] = [*more["mail-relay:forwards"], catch_all]
    file.write_text(yaml.safe_dump({"config": CONFIG | more}))
    assert edit("mailboxes", "remove", "me@shop.example") is None


@pytest.mark.parametrize(
    ("section", "name"),
    [("forwards", "info@club.example"), ("mailboxes", "me@shop.example")],
)
def test_what_nobody_needs_is_removed(file: Path, section: str, name: str) -> None:
    assert edit(section, "remove", name) is None
    assert f"mail-relay:{section}" not in yaml.safe_load(file.read_text())["config"]


@pytest.mark.parametrize("word", ["park", "remove"])
def test_who_uses_a_domain_is_told_with_commands_that_end_it(file: Path, word: str) -> None:
    file.write_text(yaml.safe_dump({"config": USED}))
    first, *uses = refused(file, "domains", word, "club.example")
    assert first == "club.example is in use; first end that:"
    assert len(uses) == 9
    for use in uses:
        command = use.rpartition(": ")[2].replace("ADDRESS", "me@inbox.example").split()
        if command[0] == "pulumi":
            key, value = command[3:5]
            assert command == ["pulumi", "config", "set", key, value, "--stack", "prod"]
            content = yaml.safe_load(file.read_text())
            content["config"][key] = value
            file.write_text(yaml.safe_dump(content))
        else:
            assert (command[0], *command[-2:]) == ("./relay", "--stack", "prod")
            assert edit(*command[1:-2]) is None, use
    assert edit("domains", word, "club.example") is None


def test_the_ends_of_uses_work_in_the_order_in_which_they_are_told(file: Path) -> None:
    more = {
        "mail-relay:clients": [],
        "mail-relay:logins": [{"address": "box@club.example"}],
        "mail-relay:mailboxes": [{"address": "box@club.example"}],
        "mail-relay:forwards": [
            {"address": "@club.example", "to": ["box@club.example"]},
            {"address": "third@club.example", "to": ["any@club.example"]},
            {"address": "second@club.example", "to": ["box@club.example", "x@inbox.example"]},
            {"address": "first@club.example", "to": ["second+a@club.example"]},
        ],
    }
    file.write_text(yaml.safe_dump({"config": CONFIG | more}))
    _, *uses = refused(file, "domains", "remove", "club.example")
    assert len(uses) == 6
    for line in uses:
        words = line.partition("./relay ")[2].replace(" --stack prod", "").split()
        assert edit(*words) is None, line
    assert edit("domains", "remove", "club.example") is None


def test_the_gateways_own_domain_is_not_removed(file: Path) -> None:
    (unlisted,) = refused(file, "domains", "remove", "relay.example")
    words = ("--dmarc", "reject", "--spf-all", "-all")
    assert edit("domains", "change", "relay.example", *words) is None  # listed by that
    before = file.read_text()
    (line,) = refused(file, "domains", "remove", "relay.example")
    assert line == unlisted
    assert line.startswith(
        "relay.example cannot be removed: the gateway's name mail.relay.example is in it, so it "
        "would stay with the default settings. To have these: ./relay domains change relay.example"
    )
    command = line.partition("./relay ")[2].partition(";")[0].split()
    assert edit(*command[:-2]) is None
    assert domain(file, "relay.example") == {"name": "relay.example"}
    assert file.read_text() != before


def test_a_domain_whose_zone_others_are_in_is_not_removed(file: Path) -> None:
    assert edit("domains", "add", "far.example") is None
    assert edit("domains", "add", "lists.far.example") is None
    (line,) = refused(file, "domains", "remove", "far.example")
    assert line == (
        "far.example is still needed: lists.far.example has its records in the zone far.example, "
        "which is known by this domain alone; first set mail-relay:zones: [relay.example, "
        "shop.example, club.example, far.example]"
    )
    text = file.read_text() + (
        "  mail-relay:zones: [relay.example, shop.example, club.example, far.example]\n"
    )
    file.write_text(text)
    assert edit("domains", "remove", "far.example") is None


def test_a_domain_above_others_does_not_take_their_records_into_its_zone(file: Path) -> None:
    assert edit("domains", "add", "lists.far.example") is None
    (line,) = refused(file, "domains", "add", "far.example")
    assert line == (
        "far.example is above lists.far.example, whose records would move to the zone far.example: "
        "first set mail-relay:zones: [relay.example, shop.example, club.example, "
        "lists.far.example, far.example], without those that are no zone. Before that, add to the "
        "zone far.example an NS record for each of the zones below it, or nobody finds what is in "
        "them any more"
    )
    before = file.read_text()
    for own in ("lists.far.example, far.example", "far.example"):
        zones = f"  mail-relay:zones: [relay.example, shop.example, club.example, {own}]\n"
        file.write_text(before + zones)
        assert edit("domains", "add", "far.example") is None


@pytest.mark.parametrize("command", ["users", "forwards", "mailboxes"])
def test_of_an_empty_list_it_is_told_what_to_do(file: Path, command: str) -> None:
    bare = {f"mail-relay:{key}" for key in ("operator", "gateway", "domains")}
    file.write_text(yaml.safe_dump({"config": {key: CONFIG[key] for key in bare}}))
    section = "logins" if command == "users" else command
    assert refused(file, command, "remove", "me@b.example") == [
        f"mail-relay:{section}: 'me@b.example' is not listed; there is none in {file}: ./relay "
        f"{command} add adds one, and another stack is named by --stack or --lab"
    ]

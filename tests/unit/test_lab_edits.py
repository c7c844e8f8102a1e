"""A demo is an example's story: what of it the lab's stack has not got any more is told before."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner
from verify_world import WANTED

from common.errors import RelayError
from lab import control
from lab import lab as lab_
from lab.lab import Lab
from ops import stack_yaml
from ops.cli import app
from ops.lab import command, condition, edits, stack
from ops.lab.up import Progress

BEFORE: dict[str, Any] = {
    "mail-relay:dmarc": {"policy": "none"},
    "mail-relay:size": 20,
    "mail-relay:srs": True,
    "mail-relay:logins": [{"address": "jane@a.example"}, {"address": "tom@a.example"}],
    "mail-relay:smarthost": {"accounts": [{"user": "a"}]},
    "mail-relay:ssh": {"publicKey": "ssh-ed25519 yours"},
}


@pytest.mark.parametrize(
    ("changed", "other", "new"),
    [
        ({}, [], []),
        ({"mail-relay:dmarc": {"policy": "reject"}}, ["dmarc (changed)"], []),
        ({"mail-relay:dmarc": None}, ["dmarc (gone)"], []),
        ({"mail-relay:limits": {"messages": 1}}, [], ["limits"]),
        (
            {"mail-relay:logins": [{"address": "jane@a.example"}]},
            ["logins tom@a.example (gone)"],
            [],
        ),
        (
            {
                "mail-relay:logins": [
                    {"address": "jane@a.example", "enabled": False},
                    {"address": "tom@a.example"},
                    {"address": "new@a.example"},
                ]
            },
            ["logins jane@a.example (changed)"],
            ["logins new@a.example"],
        ),
        # as `pulumi` writes them
        ({"mail-relay:size": "20", "mail-relay:srs": "true"}, [], []),
        ({"mail-relay:size": "21"}, ["size (changed)"], []),
        # what the lab itself sets is no edit
        ({"mail-relay:ssh": {"publicKey": "ssh-ed25519 laptop"}}, [], []),
        (
            {"mail-relay:smarthost": {"accounts": [{"user": "a", "password": {"secure": "v1"}}]}},
            [],
            [],
        ),
    ],
)
def test_what_is_gone_changed_and_new_is_told_by_its_key(
    changed: dict[str, Any], other: list[str], new: list[str]
) -> None:
    now = {key: value for key, value in {**BEFORE, **changed}.items() if value is not None}
    assert edits.differences(BEFORE, now) == (other, new)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab that is up with the example `basics`, whose story nobody plays."""
    monkeypatch.setattr(lab_, "HOME", tmp_path)
    monkeypatch.setattr(control, "running", lambda lab: True)
    monkeypatch.setattr(stack, "captured", lambda *_, **__: CompletedProcess([], 0, "{}", ""))
    monkeypatch.setattr(command, "_outputs", lambda lab: WANTED)
    monkeypatch.setattr(condition, "why_not", lambda lab, hosts: "")
    made = Lab("dev")
    made.directory.mkdir()
    stack.prepare(made, stack.PROJECT / "examples/Pulumi.basics.yaml")

    def plays(lab: Lab) -> None:
        raise Plays

    monkeypatch.setattr(command, "stranger", plays)
    return made


class Plays(Exception):
    """The story would begin."""


def demo(*options: str) -> Exception | str:
    result = CliRunner().invoke(app, ["lab", "demo", *options])
    error = result.exception
    return str(error) if isinstance(error, RelayError) else type(error).__name__


def edit(lab: Lab, **changed: Any) -> None:
    file = stack.own_file(lab)
    content = yaml.safe_load(file.read_text())
    content["config"] |= {f"mail-relay:{key}": value for key, value in changed.items()}
    file.write_text(yaml.safe_dump(content))


def test_the_story_of_the_example_itself_is_played(lab: Lab) -> None:
    assert demo() == "Plays"


@pytest.mark.parametrize(
    "key", ["sendas", "gateway", "basics", "handson", "smarthost", "resilient"]
)
def test_no_example_differs_from_itself(lab: Lab, key: str) -> None:
    stack.prepare(lab, stack.PROJECT / f"examples/Pulumi.{key}.yaml")
    assert edits.of(lab, key) == ([], [])


def test_a_story_whose_stack_was_edited_is_refused_with_the_edit(lab: Lab) -> None:
    edit(lab, mailboxes=[])
    said = str(demo())
    assert said.startswith(
        "the story is that of the example basics; in the lab's stack differ: mailboxes "
    )
    assert "./relay lab up --lab dev --example basics takes the example again" in said
    assert demo("--anyway") == "Plays"


def test_what_is_new_spoils_no_story(lab: Lab) -> None:
    logins = stack_yaml.config(stack.own_file(lab))["mail-relay:logins"]
    edit(lab, logins=[*logins, {"address": "new@example.com"}])
    assert demo() == "Plays"
    edit(lab, mailboxes=[])
    assert "new@example.com" not in str(demo())


def test_a_story_with_a_dead_host_is_refused(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condition, "why_not", lambda lab, hosts: "x is without power: mend")
    assert demo() == "the story needs all hosts; x is without power: mend"
    assert demo("--anyway") == "Plays"


def test_a_file_that_cannot_be_read_is_an_error_in_words(lab: Lab) -> None:
    stack.own_file(lab).write_text("config: [\n")
    assert "is not valid YAML at line 2" in str(demo())


UPDATE = """\
@ updating........
 +  pulumi:index:Stash extra@example.org-password creating (0s)
 +  pulumi:index:Stash extra@example.org-password created (0.07s)
 ~  aws:s3:BucketObjectv2 tables-gateway.json updating (0s) [diff: ~content,etag]
 ~  aws:s3:BucketObjectv2 tables-gateway.json updated (0.12s) [diff: ~content,etag]
 -- aws:ec2:Instance mail.example.com deleted original (3s)
 ++ aws:ec2:Instance mail.example.com created replacement (3s)
 +- aws:ec2:Instance mail.example.com replaced (0.00s)
    pulumi:pulumi:Stack mail-relay-lab
"""


def told(update: str) -> str:
    progress = Progress()
    for line in update.splitlines():
        assert progress.shown(f"{line}\n") == ""
    return progress.summary()


def test_an_up_says_what_it_changed() -> None:
    assert told(UPDATE) == (
        "Changed: extra@example.org-password (created), tables-gateway.json (updated), "
        "mail.example.com (replaced)."
    )
    assert told("    pulumi:pulumi:Stack x\n").startswith("Nothing changed")
    many = "".join(f" +  aws:x:Y name-{n} created (0.1s)\n" for n in range(9))
    assert told(f"{many}{UPDATE}") == "Changed: 10 created, 1 updated, 1 replaced."


def test_an_up_shows_the_progress_of_hosts() -> None:
    line = " ~  pulumi:index:Stash x creating (12s) mail.example.com: packages\n"
    assert Progress().shown(line) == "       mail.example.com: packages\n"

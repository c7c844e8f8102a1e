"""The walk down a first `up` (docs/aws.md) names commands that there are."""

import re
import shlex
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer.main
from botocore import xform_name
from doctor_account import found
from doctor_broken import BROKEN as ACCOUNTS
from doctor_broken_names import BROKEN as NAMES

from ops import outputs
from ops.cli import app

PAGES = [Path("docs/aws.md"), Path("docs/doctor.md")]
# Those that AWS's tool has beside the API's operations.
CUSTOM = {("s3", "ls"), ("s3", "cp"), ("ec2-instance-connect", "ssh")}
SERVICES = {"s3api": "s3"}
OPTIONS = {"query", "output", "region", "max-items", "include-deprecated", "dry-run", "no-dry-run"}


def commands(page: str) -> list[list[str]]:
    """The words of each command of AWS's tool in the page's blocks, in $(...) too."""
    text = re.sub(r"\$\((?=aws )", "; ", page.replace("\\\n", " "))
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    found = []
    for line in (line for block in blocks for line in block.splitlines() if "aws " in line):
        lexer = shlex.shlex(line.partition("   #")[0], posix=True, punctuation_chars=";|")
        lexer.whitespace_split, lexer.commenters = True, ""
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) & {";", "|"} and set(word) <= {";", "|"}:
                if words and words[0] == "aws":
                    found.append(words)
                words = []
            else:
                words.append(word)
    return found


FOUND = [words for page in PAGES for words in commands(page.read_text())]


@pytest.mark.parametrize("words", FOUND, ids=lambda words: " ".join(words[1:3]))
def test_a_command_of_the_walk_is_one_of_awss_with_its_options(words: list[str]) -> None:
    check(words)


def check(words: list[str]) -> None:
    """Against botocore's models, from which AWS's tool makes its commands."""
    _, service, operation, *rest = words
    if (service, operation) in CUSTOM:
        return
    client = boto3.client(  # type: ignore[call-overload]
        SERVICES.get(service, service),
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    model = client.meta.service_model
    (name,) = [n for n in model.operation_names if xform_name(n, "-") == operation]
    members = model.operation_model(name).input_shape.members
    known = {xform_name(member, "-") for member in members} | OPTIONS
    assert {word[2:] for word in rest if word.startswith("--")} <= known


def test_the_walk_has_commands_of_every_stage() -> None:
    assert len(FOUND) > 30
    text = PAGES[0].read_text()
    claims = re.findall(r"^\*\*([A-G])(\d+)\. ", text, re.MULTILINE)
    for stage in "ABCDEFG":
        numbers = [int(number) for letter, number in claims if letter == stage]
        assert numbers == list(range(1, len(numbers) + 1)), stage
    told = text.split("\n**")[1:]
    assert len(told) == len(claims) > 50
    for claim in told:
        assert re.search(r"\n```\n.+\n```\n\nExpected: ", claim, re.DOTALL), claim.splitlines()[0]


def test_the_commands_that_doctor_tells_are_awss_too() -> None:
    told = {
        " ".join(match[0].rstrip("`,)").split())
        for broken in [*ACCOUNTS, *NAMES]
        for result in found(broken.answers, **broken.changes)
        for text in result.instructions
        for match in re.finditer(r"\baws [a-z0-9]+[a-z0-9-]* [a-z-]+.*?(?=   |[;,]|`|: |$)", text)
    }
    commands = [line.split() for line in sorted(told) if line.split()[1] != "sso"]
    assert len({tuple(words[1:3]) for words in commands}) > 7
    for words in commands:
        check(words)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_our_own_commands_are_there(page: Path) -> None:
    groups: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    named = re.findall(r"\./relay ([a-z]+)(?: ([a-z]+))?", page.read_text())
    for command, part in named:
        if command != "settle":
            assert command in groups
            assert part in getattr(groups[command], "commands", {part})
    assert named


def test_the_outputs_that_pages_ask_for_are_those_of_a_stack() -> None:
    """`pulumi stack output NAME`, and `out NAME` of the walk."""
    known = {field.alias for field in outputs.Outputs.model_fields.values()}
    asked = re.compile(r"\bstack\s+output\s+([a-z]\w+)|(?<![./\w-])out\s+([a-z]\w+)\s*\|")
    found = {
        f"{page.name}: {first or second}"
        for page in [Path("README.md"), *Path("docs").rglob("*.md")]
        for first, second in asked.findall(page.read_text())
    }
    assert len(found) > 5
    assert {name for name in found if name.partition(": ")[2] not in known} == set()

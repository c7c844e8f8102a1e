"""The workflows call commands that there are, and give forks nothing."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from ops.cli import app

FILES = sorted(Path(".github/workflows").glob("*.yml"))
OURS = "github.event.pull_request.head.repo.full_name == github.repository"


def workflow(file: Path) -> dict[Any, Any]:
    return yaml.safe_load(file.read_text())


def triggers(file: Path) -> dict[str, Any]:
    return workflow(file)[True]  # YAML 1.1 reads the key `on` so


def commands(file: Path) -> list[list[str]]:
    """The arguments of each `./relay` in the steps."""
    jobs = workflow(file)["jobs"].values()
    lines = [
        line for job in jobs for step in job["steps"] for line in step.get("run", "").split("\n")
    ]
    found = [words for line in lines for words in re.findall(r"\./relay ([^<>)]*)", line)]
    return [shlex.split(words.replace("$STACK", "dev")) for words in found]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_command_and_option_that_a_workflow_uses_exists(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/mail")  # as GitHub sets it
    for arguments in commands(file):
        command, rest = typer.main.get_command(app), arguments
        while isinstance(command, click.Group):
            context = click.Context(command)
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None, name
            command = found
        command.make_context(str(command.name), list(rest), resilient_parsing=False)


def test_the_commands_are_those_of_the_project() -> None:
    used = {
        tuple(a for a in args[:2] if not a.startswith("-")) for f in FILES for args in commands(f)
    }
    assert used == {
        ("review",),
        ("env", "up"),
        ("env", "down"),
        ("env", "reap"),
        ("verify",),
        ("rotate",),
        ("update",),
        ("github", "plan"),
        ("github", "plan-name"),
        ("github", "propose"),
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_job_of_a_forks_pull_request_has_more_than_a_token_that_reads(file: Path) -> None:
    assert "pull_request_target" not in triggers(file)
    top = workflow(file)["permissions"]
    assert top in ({}, {"contents": "read"})
    for name, job in workflow(file)["jobs"].items():
        rights = job.get("permissions", top)
        if "pull_request" in triggers(file) and rights != {"contents": "read"}:
            condition = " ".join(job["if"].split())
            assert condition.startswith(OURS), name
            assert re.match(r"$| &&", condition.removeprefix(OURS)), name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_job_keeps_a_key(file: Path) -> None:
    assert "secrets." not in file.read_text()


def test_actions_are_pinned_by_commit() -> None:
    files = [*FILES, *Path(".github/actions").rglob("action.yml")]
    used = [line for f in files for line in re.findall(r"uses: (.*)", f.read_text())]
    others = [use for use in used if not use.startswith("./")]
    assert len(others) > 5
    for use in others:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+.*", use), use

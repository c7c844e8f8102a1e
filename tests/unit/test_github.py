"""`relay github`: with real repositories, and a `gh` that answers as GitHub's API does."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

RELAY = Path("relay").resolve()
# says what it was asked, and answers what `answers.json` has for the first words of it
GH = f"""#!{sys.executable}
import json, pathlib, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
text = sys.stdin.read() if "-" in words else ""
with (here / "asked").open("a") as asked:
    asked.write(json.dumps([*words, text]) + "\\n")
answers = json.loads((here / "answers.json").read_text())
print(answers.get(" ".join(words[:2]), ""))
"""


@dataclass(frozen=True)
class Clone:
    """A clone with a stack file, and its remote."""

    directory: Path
    tools: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", self.directory, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def answer(self, command: str, answer: Any) -> None:
        """What `gh` says to a command of two words; to others, nothing."""
        (self.tools / "answers.json").write_text(json.dumps({command: json.dumps(answer)}))

    def artifacts(self, *runs: tuple[int, bool, bool]) -> None:
        """Plans that GitHub keeps: their runs, whether one is expired, whether of a fork."""
        held = [
            {
                "expired": expired,
                "workflow_run": {
                    "id": run,
                    "repository_id": 1,
                    "head_repository_id": 2 if fork else 1,
                },
            }
            for run, expired, fork in runs
        ]
        name = f"plan-{self.git('rev-parse', 'HEAD^{tree}')}"
        where = f"repos/me/mail/actions/artifacts?name={name}&per_page=100"
        self.answer(f"api {where}", {"artifacts": held})

    def github(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """`./relay github ARGUMENTS` in the clone."""
        environment = {**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}"}
        environment["GITHUB_REPOSITORY"] = "me/mail"
        return subprocess.run(
            [RELAY, "github", *arguments],
            cwd=self.directory,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )

    def asked(self) -> list[list[str]]:
        """The command lines that `gh` got, each with its standard input as the last word."""
        file = self.tools / "asked"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path / "clone", tmp_path / "tools")
    made.tools.mkdir()
    gh = made.tools / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "remote"], check=True)
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", made.directory], check=True)
    made.git("config", "user.name", "a")
    made.git("config", "user.email", "a@example.com")
    made.git("remote", "add", "origin", str(tmp_path / "remote"))
    (made.directory / "Pulumi.prod.yaml").write_text("selectors: [s1]\n")
    made.git("add", ".")
    made.git("commit", "--quiet", "--message=x")
    return made


def test_the_newest_plan_of_these_files_is_fetched_and_no_forks(clone: Clone) -> None:
    clone.artifacts((9, False, True), (8, True, False), (7, False, False), (6, False, False))
    result = clone.github("plan", "--json")
    assert result.returncode == 0, result.stderr
    name = clone.github("plan-name").stdout.strip()
    assert json.loads(clone.github("plan-name", "--json").stdout) == {"name": name}
    assert json.loads(result.stdout) == {"name": name, "run": 7, "file": "plan.json"}
    assert clone.asked()[-1][:-1] == [
        *("run", "download", "7"),
        *("--repo", "me/mail"),
        *("--name", name),
    ]


@pytest.mark.parametrize("held", [[], [(9, False, True)], [(8, True, False)]])
def test_files_that_nobody_reviewed_have_no_plan(
    clone: Clone, held: list[tuple[int, bool, bool]]
) -> None:
    clone.artifacts(*held)
    result = clone.github("plan")
    assert result.returncode == 1
    assert "nobody reviewed exactly these files" in " ".join(result.stderr.split())
    assert [words[0] for words in clone.asked()] == ["api"]


def test_a_merge_has_the_plan_of_the_merge_that_was_reviewed(clone: Clone) -> None:
    before = clone.github("plan-name").stdout
    clone.git("switch", "--quiet", "--create", "change")
    (clone.directory / "Pulumi.prod.yaml").write_text("selectors: [s2]\n")
    clone.git("commit", "--quiet", "--all", "--message=y")
    reviewed = clone.github("plan-name").stdout
    clone.git("switch", "--quiet", "main")
    clone.git("merge", "--quiet", "--no-ff", "--message=z", "change")
    assert clone.github("plan-name").stdout == reviewed != before


def propose(clone: Clone) -> subprocess.CompletedProcess[str]:
    options = ("--title=Keys", "--json")
    return clone.github("propose", "rotate-keys", "Pulumi.prod.yaml", *options, text="s2 is next\n")


def test_a_change_becomes_a_pull_request_and_then_brings_it_up_to_date(clone: Clone) -> None:
    clone.answer("pr list", [])
    (clone.directory / "Pulumi.prod.yaml").write_text("selectors: [s1, s2]\n")
    (clone.directory / "rotation.txt").write_text("not to be committed\n")
    result = propose(clone)
    assert result.returncode == 0, result.stderr
    assert clone.git("show", "origin/rotate-keys:Pulumi.prod.yaml") == "selectors: [s1, s2]"
    assert clone.git("diff", "--name-only", "main", "origin/rotate-keys") == "Pulumi.prod.yaml"
    assert json.loads(result.stdout) == {"did": "created", "branch": "rotate-keys"}
    created = clone.asked()[-1]
    assert created[:2] == ["pr", "create"]
    assert created[-1] == "s2 is next\n"

    clone.git("switch", "--quiet", "main")
    clone.answer("pr list", [{"number": 5}])
    (clone.directory / "Pulumi.prod.yaml").write_text("selectors: [s2]\n")
    result = propose(clone)
    assert result.returncode == 0, result.stderr
    assert clone.git("show", "origin/rotate-keys:Pulumi.prod.yaml") == "selectors: [s2]"
    assert clone.asked()[-1][:3] == ["pr", "edit", "5"]
    assert json.loads(result.stdout)["did"] == "updated"


def test_without_a_change_nothing_is_proposed(clone: Clone) -> None:
    result = propose(clone)
    assert (result.returncode, clone.asked()) == (0, [])
    assert "nothing to propose" in result.stderr
    assert json.loads(result.stdout)["did"] == "nothing"
    assert clone.git("branch", "--list", "rotate-keys") == ""

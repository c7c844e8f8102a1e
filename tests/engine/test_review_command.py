"""`./relay review` as its users meet it: a checkout in git, its stack, its exit codes."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from stacks import PROJECT, Region, Stack, credentials

FILE = "Pulumi.test.yaml"
LOGIN = "me@shop.example"
# of another passphrase
OTHER_SALT = "v1:aJkwc6C7tHY=:v1:ile0tSTxA94Hf0EY:tvKamQ9jmvWcLe2yMnOdOZC93NjFQA=="


@dataclass(frozen=True)
class Checkout:
    """A copy of the project with a stack that is up, committed to git."""

    stack: Stack

    @property
    def file(self) -> Path:
        return self.stack.directory / FILE

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        home = self.stack.directory / "home"
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PULUMI_")},
            "PULUMI_HOME": str(home),
            "PULUMI_BACKEND_URL": f"file://{home}/state",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DEBUG_PROVIDERS": self.stack.region.plugins,
            **credentials(self.stack.region.url),
            **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "a"),
            **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "a@example.com"),
        }
        directory = self.stack.directory
        return subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, check=False
        )

    def review(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("./relay", "review", "--stack=test", *arguments)

    def commit(self, text: str | None) -> None:
        """Another state of the stack file, as the newest commit; the file stays as it is."""
        kept = self.file.read_text()
        if text is None:
            self.file.unlink()
        else:
            self.file.write_text(text)
        for command in (("add", "--all", FILE), ("commit", "--quiet", "--message=x")):
            result = self.run("git", *command)
            assert result.returncode == 0, result.stderr
        self.file.write_text(kept)


@pytest.fixture(scope="module")
def checkout(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    directory = tmp_path_factory.mktemp("checkout") / "project"
    ignored = shutil.ignore_patterns(".git", ".venv", "tests", "*.yaml")
    shutil.copytree(PROJECT, directory, ignore=ignored)
    shutil.copy(PROJECT / "policy" / "PulumiPolicy.yaml", directory / "policy")
    (directory / ".venv").symlink_to(PROJECT / ".venv")
    made = Checkout(Stack(region, directory, directory))
    for zone in ("relay.example", "shop.example"):
        region.client("route53").create_hosted_zone(Name=zone, CallerReference=zone)
    made.stack.write(yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text())["config"])
    assert made.stack.pulumi("stack", "init", "test")[0] == 0
    path = "mail-relay:logins[0].password"
    arguments = ("--secret", "--path", path, "--stack=test", "hunter2-1")
    assert made.stack.pulumi("config", "set", *arguments)[0] == 0
    made.stack.up()
    for command in (("init", "--quiet"), ("add", "--all", "."), ("commit", "--quiet", "-m", "x")):
        result = made.run("git", *command)
        assert result.returncode == 0, result.stderr
    return made


def changed(file: Path, **config: Any) -> str:
    """A stack file's text with other settings."""
    content = yaml.safe_load(file.read_text())
    content["config"] |= {f"mail-relay:{key}": value for key, value in config.items()}
    return yaml.safe_dump(content)


@pytest.fixture
def restored(checkout: Checkout) -> Any:
    """The stack file as it was, whatever the test does to it."""
    kept = checkout.file.read_text()
    yield
    checkout.file.write_text(kept)


@pytest.mark.usefixtures("restored")
def test_a_change_is_reviewed_against_a_commit(checkout: Checkout) -> None:
    checkout.file.write_text(changed(checkout.file, logins=[]))
    result = checkout.review("--base=HEAD", "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    said = f"The login {LOGIN} is removed: it cannot log in any more."
    assert said in found["sentences"]
    assert found["notes"] == found["policy"] == found["errors"] == []
    assert set(found["operations"][0]) == {"operation", "kind", "name", "change"}
    assert "hunter2" not in result.stdout + result.stderr


@pytest.mark.usefixtures("restored")
def test_what_is_merged_and_not_applied_yet_is_said(checkout: Checkout) -> None:
    checkout.commit(changed(checkout.file, operator="merged@inbox.example"))
    checkout.file.write_text(changed(checkout.file, operator="merged@inbox.example"))
    result = checkout.review("--base=HEAD")
    assert result.returncode == 0, result.stderr
    assert "*What is up was made with other settings than those of the base" in result.stdout
    assert "What the hosts report goes to" not in result.stdout
    assert "The gateway mail.relay.example is rebuilt" in result.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda text: re.sub("encryptionsalt: .*", f"encryptionsalt: {OTHER_SALT}", text),
            "whether they change is not known",
        ),
        (
            lambda text: text.replace("mail-relay:domains", "mail-relay:names"),
            "are none that this program reads (mail-relay:domains: missing",
        ),
        (None, "There is no Pulumi.test.yaml at HEAD"),
    ],
)
@pytest.mark.usefixtures("restored")
def test_a_base_that_cannot_be_read_whole_is_said(
    checkout: Checkout, change: Callable[[str], str] | None, said: str
) -> None:
    checkout.commit(change(checkout.file.read_text()) if change else None)
    result = checkout.review("--base=HEAD")
    assert result.returncode == 0, result.stderr
    assert said in result.stdout
    assert "Nothing changes for mail." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--base=nowhere",), "nowhere^{commit}"),
        (("--stack=other",), "--stack other: Pulumi.other.yaml: there is no such file"),
        ((f"--file={FILE}",), "--file is for --lab"),
        (("--file=x",), "--file x: there is no such file"),
        (("--lab=rev",), "the lab rev is not up"),
    ],
)
def test_a_wrong_option_is_one_line(
    checkout: Checkout, arguments: tuple[str, ...], said: str
) -> None:
    result = checkout.review(*arguments)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("restored")
def test_wrong_settings_are_told_as_the_program_tells_them(checkout: Checkout) -> None:
    checkout.file.write_text(changed(checkout.file, operator="nobody"))
    result = checkout.review()
    assert result.returncode == 1
    assert "mail-relay:operator: 'nobody': give a whole address" in result.stderr


@pytest.mark.usefixtures("restored")
def test_what_the_program_warns_of_is_told_once(checkout: Checkout) -> None:
    login = {"address": LOGIN, "password": "in-clear-1"}
    checkout.file.write_text(changed(checkout.file, logins=[login]))
    result = checkout.review("--json")
    (advice,) = json.loads(result.stdout)["advice"]
    assert advice.startswith("mail-relay:logins[0].password")
    assert "in-clear-1" not in result.stdout


def test_a_program_that_breaks_a_mandatory_rule_fails_the_review(checkout: Checkout) -> None:
    host = checkout.stack.directory / "components" / "host.py"
    kept = host.read_text()
    host.write_text(kept.replace('"http_tokens": "required"', '"http_tokens": "optional"'))
    result = checkout.review()
    host.write_text(kept)
    assert result.returncode == 1, result.stderr
    assert "- Policy, mandatory: `imdsv2` of mail.relay.example." in result.stdout


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_a_policy_pack_that_does_not_start_fails_the_review(
    checkout: Checkout, arguments: tuple[str, ...]
) -> None:
    """Its rules did not run, and the engine's events do not tell."""
    pack = checkout.stack.directory / "policy" / "__main__.py"
    kept = pack.read_text()
    pack.write_text(f"import nosuchmodule\n{kept}")
    result = checkout.review(*arguments)
    pack.write_text(kept)
    assert result.returncode == 1, result.stderr
    assert "Nothing needs a person" not in result.stdout
    assert "failed to start" in result.stdout

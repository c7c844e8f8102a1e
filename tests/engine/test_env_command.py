"""`./relay env` with the real engine: up, list, down, reap, from checkouts that know nothing."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from stacks import PRIVATE_KEY, PROJECT, Region, credentials

from lab.internet.authority import Authority
from lab.wait import until
from ops import engine
from ops.lab import plugins

PAST = "2026-01-01T00:00:00Z"
STACK = "pulumi:pulumi:Stack"
# With the interpreter and the libraries, all that a fresh clone has; compiled, to save time.
IGNORED = shutil.ignore_patterns(".*", "tests", "Pulumi.env-*", "docs")


@dataclass(frozen=True)
class Checkout:
    """A clone of the project, and the backend and account that all clones share."""

    region: Region
    home: Path
    directory: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "AWS_"))},
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": f"file://{self.home}/state?metadata=skip",  # see ops/engine
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "XDG_STATE_HOME": str(self.home / "kept"),
            **credentials(self.region.url),
        }

    def start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=self.directory, env=self.environment, text=True, **options
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        pipe = subprocess.PIPE
        with self.start(*command, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL) as process:
            out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def env(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("./relay", "env", *arguments)

    def pulumi(self, *arguments: str) -> str:
        result = self.run(str(engine.engine()), *arguments)
        assert result.returncode == 0, result.stderr + result.stdout
        return result.stdout

    def up(self, name: str) -> tuple[str, ...]:
        """The command line that makes an environment here, where there are no machines."""
        return (
            "./relay",
            "env",
            "up",
            name,
            "--no-wait",
            "--acme-root",
            str(self.home / "root.pem"),
        )

    def listed(self) -> dict[str, dict[str, Any]]:
        result = self.env("list", "--json")
        assert result.returncode == 0, result.stderr
        return {row["name"]: row for row in json.loads(result.stdout)}

    def clone(self, name: str) -> "Checkout":
        """Another clone."""
        directory = self.home.parent / name
        shutil.copytree(PROJECT, directory, ignore=IGNORED)
        (directory / ".venv").symlink_to(PROJECT / ".venv")
        install_language_host(self.home, directory)
        return Checkout(self.region, self.home, directory)


def install_language_host(home: Path, directory: Path) -> None:
    """Where the engine is no full CLI, it runs the program of this folder."""
    folder = home / "plugins" / f"language-python-v{engine.VERSION}"
    engine.install(folder / "pulumi-language-python", "ops.language_host", str(directory))


@pytest.fixture(scope="module")
def checkout(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    home = tmp_path_factory.mktemp("backend") / "home"
    (home / "state").mkdir(parents=True)
    plugins.install(home)
    root = Authority(home / "authority").certificate
    root.rename(home / "root.pem")
    route53 = region.client("route53")
    for zone in ("relay.example", "shop.example"):
        route53.create_hosted_zone(Name=zone, CallerReference=zone)
    return Checkout(region, home, home).clone("first")


@pytest.fixture
def elsewhere(checkout: Checkout, request: pytest.FixtureRequest) -> Iterator[Checkout]:
    """A fresh clone: no file of any environment's."""
    made = checkout.clone(f"clone-{request.node.name.replace(' ', '-')}")
    assert not list(made.directory.glob("Pulumi.env-*"))
    yield made
    install_language_host(checkout.home, checkout.directory)


def left(region: Region) -> list[str]:
    return region.control.get("leftovers")


def test_01_an_environment_is_made_beside_the_dev_stacks_zones(checkout: Checkout) -> None:
    result = checkout.run(*checkout.up("one"), "--ttl=2h", "--json")
    assert result.returncode == 0, result.stderr
    made = json.loads(result.stdout)
    assert (made["zone"], made["stack"], made["pastDue"]) == ("one.relay.example", "env-one", False)
    assert [row["name"] for row in made["hosts"]] == [
        "mail.one.relay.example",
        "app.shop.example.one.relay.example",
    ]
    assert checkout.listed()["one"]["expires"] == made["expires"]
    ec2 = checkout.region.client("ec2")
    (vpc,) = [v for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]]
    tags = {tag["Key"]: tag["Value"] for tag in vpc["Tags"]}
    assert (tags["Stack"], tags["Expires"]) == ("env-one", made["expires"])


def test_02_what_is_not_past_due_stays(checkout: Checkout) -> None:
    result = checkout.env("reap", "--json")
    assert (result.returncode, json.loads(result.stdout)) == (0, []), result.stderr
    assert list(checkout.listed()) == ["one"]


def test_03_what_is_protected_is_named_with_the_way_out(elsewhere: Checkout) -> None:
    export = json.loads(elsewhere.pulumi("stack", "export", "--stack=env-one"))
    resources = export["deployment"]["resources"]
    (urn,) = [r["urn"] for r in resources if r["type"] == "aws:ebs/volume:Volume"]
    elsewhere.pulumi("state", "protect", "--yes", "--stack=env-one", urn)
    before = len(left(elsewhere.region))
    result = elsewhere.env("down", "one", "--yes")
    assert result.returncode == 1
    assert f"pulumi state unprotect --yes --stack env-one '{urn}'" in result.stderr
    assert "Traceback" not in result.stderr
    assert len(left(elsewhere.region)) == before
    elsewhere.pulumi("state", "unprotect", "--yes", "--stack=env-one", urn)


def test_04_down_asks_first(checkout: Checkout) -> None:
    result = checkout.env("down", "one")  # nobody answers
    assert result.returncode == 1
    assert "Destroy one?" in result.stderr
    assert "one" in checkout.listed()


def test_05_down_from_a_fresh_clone_leaves_nothing_but_the_export(elsewhere: Checkout) -> None:
    result = elsewhere.env("down", "one", "--yes", "--json")
    assert result.returncode == 0, result.stderr
    assert left(elsewhere.region) == []
    assert elsewhere.listed() == {}
    kept = Path(json.loads(result.stdout)["export"])
    assert kept.stat().st_mode & 0o777 == 0o600
    text = kept.read_text()
    assert "mail.one.relay.example" in text
    assert not PRIVATE_KEY.search(text)
    assert not list(elsewhere.directory.glob("Pulumi.env-*"))


def killed(checkout: Checkout, made: str) -> None:
    """`env up two`, killed with all its processes as soon as there is such a thing."""
    null = subprocess.DEVNULL
    process = checkout.start(*checkout.up("two"), stdout=null, stderr=null, start_new_session=True)

    def begun() -> bool:
        assert process.poll() is None
        return any(thing.startswith(made) for thing in left(checkout.region))

    until("something is made", begun, 120, every=0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert left(checkout.region)


def test_06_an_up_that_was_killed_goes_on(checkout: Checkout) -> None:
    killed(checkout, "subnet")
    result = checkout.run(*checkout.up("two"))
    assert result.returncode == 0, result.stderr
    result = checkout.env("down", "two", "--yes")
    assert result.returncode == 0, result.stderr
    assert left(checkout.region) == []


def test_07_reap_destroys_what_an_up_that_was_killed_has_made(
    checkout: Checkout, elsewhere: Checkout
) -> None:
    killed(checkout, "instance")
    elsewhere.pulumi("stack", "tag", "set", "mail-relay:expires", PAST, "--stack=env-two")
    assert elsewhere.listed()["two"]["pastDue"] is True

    result = elsewhere.env("reap", "--json")
    assert result.returncode == 0, (left(elsewhere.region), result.stderr)
    (row,) = json.loads(result.stdout)
    assert (row["name"], row["result"]) == ("two", "destroyed")
    assert left(elsewhere.region) == []
    assert elsewhere.listed() == {}


def test_08_a_stack_that_never_had_a_resource_is_removed(elsewhere: Checkout) -> None:
    elsewhere.pulumi("stack", "init", "--no-select", "env-empty")
    elsewhere.pulumi("stack", "tag", "set", "mail-relay:expires", PAST, "--stack=env-empty")
    result = elsewhere.env("reap", "--json")
    assert result.returncode == 0, (left(elsewhere.region), result.stderr)
    assert elsewhere.listed() == {}


def test_09_an_up_that_was_killed_before_it_had_a_provider_is_removed(elsewhere: Checkout) -> None:
    elsewhere.pulumi("stack", "init", "--no-select", "env-early")
    elsewhere.pulumi("stack", "tag", "set", "mail-relay:expires", PAST, "--stack=env-early")
    urn, stack, kind = "urn:pulumi:env-early::mail-relay", STACK, "pulumi:providers:aws"
    # an export cannot hold what is pending, so this is how the backend keeps it
    file = elsewhere.home / "state/.pulumi/stacks/mail-relay/env-early.json"
    kept = json.loads(file.read_text())
    kept["checkpoint"]["latest"]["resources"] = [
        {"urn": f"{urn}::{stack}::mail-relay-env-early", "type": stack, "custom": False}
    ]
    provider = {"urn": f"{urn}::{kind}::default", "type": kind, "custom": True, "inputs": {}}
    kept["checkpoint"]["latest"]["pending_operations"] = [
        {"type": "creating", "resource": provider}
    ]
    file.write_text(json.dumps(kept))
    result = elsewhere.env("reap", "--json")
    assert result.returncode == 0, result.stderr
    assert elsewhere.listed() == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("up", "No_Name"), "'No_Name' is no name of an environment: give 1 to 20 of a-z"),
        (
            ("up", "x", "--ttl=soon"),
            "'soon': give a number with its unit, such as 90s, 30m, 4h or 7d",
        ),
        (("up", "x", "--from=/nowhere.yaml"), "--from /nowhere.yaml: there is no such file"),
        (
            ("up", "x", "--acme-root=/nowhere.pem"),
            "--acme-root /nowhere.pem: there is no such file",
        ),
        (("up", "x", "--acme-root=Makefile"), "mail-relay:acme.root"),
        (
            ("down", "x", "--yes"),
            "x: there is no such environment; there is none: ./relay env up x makes one",
        ),
        (("list", "--lab=nobody"), "the lab nobody is not up"),
    ],
)
def test_10_a_mistake_is_told_and_makes_nothing(
    checkout: Checkout, arguments: tuple[str, ...], said: str
) -> None:
    result = checkout.env(*arguments)
    assert result.returncode != 0
    assert said in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr
    assert checkout.listed() == {}

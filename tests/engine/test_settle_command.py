"""`./relay settle` with the real engine, as a user runs it after a kill."""

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_env_command import Checkout, checkout, left

from lab.wait import until
from ops import engine
from ops.errors import StackError
from ops.settle import plugins
from ops.target import AwsTarget

__all__ = ["checkout"]

STACK = "--stack=try"


@pytest.fixture(scope="module")
def user(checkout: Checkout) -> Checkout:
    """Somebody with a stack of their own."""
    directory = checkout.directory
    text = (directory / "Pulumi.dev.yaml").read_text()
    # no machine is behind the instances of a region alone
    (directory / "Pulumi.try.yaml").write_text(f"{text}  mail-relay:wait: {{minutes: 0}}\n")
    checkout.pulumi("stack", "init", "--no-select", "try")
    return checkout


def test_01_there_is_nothing_to_settle(user: Checkout) -> None:
    result = user.run("./relay", "settle", STACK)
    assert (result.returncode, result.stdout) == (0, "There is nothing to settle.\n")
    assert not list((user.home / "kept").rglob("*.json"))


def test_02_a_pulumi_that_works_is_not_disturbed(user: Checkout) -> None:
    locks = user.home / "state/.pulumi/locks/organization/mail-relay/try"
    locks.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(["pulumi", "60"], executable="/bin/sleep") as working:
        held = {
            "pid": working.pid,
            "username": "ann",
            "hostname": socket.gethostname(),
            "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        }
        (locks / "one.json").write_text(json.dumps(held))
        result = user.run("./relay", "settle", STACK)
        working.kill()
    assert result.returncode == 1
    assert f"by pid {working.pid} of {socket.gethostname()}" in result.stderr
    assert "Traceback" not in result.stderr
    assert (locks / "one.json").exists()
    result = user.run("./relay", "settle", STACK)  # and now it is dead
    assert result.returncode == 0
    assert "The lock of a `pulumi` that was killed is taken away." in result.stdout
    assert "currently locked" not in result.stderr  # Pulumi's error, which is none any more


def test_03_after_a_kill_one_command_is_enough(user: Checkout) -> None:
    pulumi = str(engine.engine())
    up = (pulumi, "up", "--yes", "--skip-preview", STACK)
    null = subprocess.DEVNULL
    process = user.start(*up, stdout=null, stderr=null, start_new_session=True)

    def begun() -> bool:
        assert process.poll() is None
        return any(thing.startswith("elastic") for thing in left(user.region))

    until("something is made", begun, 120, every=0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    result = user.run("./relay", "settle", STACK, "--json")
    assert result.returncode == 0, result.stderr
    said = json.loads(result.stdout)
    assert (said["stack"], said["settled"], said["unlocked"]) == ("try", True, True)
    kept = Path(said["export"])
    assert kept.stat().st_mode & 0o777 == 0o600
    pending = json.loads(kept.read_text())["deployment"]["pending_operations"]
    assert {o["resource"]["urn"] for o in pending} == {f["urn"] for f in said["findings"]}

    result = user.run("./relay", "settle", STACK, "--json")
    assert (result.returncode, json.loads(result.stdout)["settled"]) == (0, False)
    user.pulumi(*up[1:])
    user.pulumi("destroy", "--yes", "--skip-preview", STACK)
    assert left(user.region) == []


def test_04_a_plug_in_that_outlives_its_pulumi_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "WAIT_SECONDS", 1.0)
    text = "import subprocess as s; print(s.Popen(['pulumi-resource-aws', '60'], "
    text += "executable='/bin/sleep', stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"
    made = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    command = Path("/proc", made.stdout.strip(), "cmdline")  # empty, once it has ended
    assert command.read_bytes()
    plugins.end_orphans(tmp_path / "another")
    assert command.read_bytes()
    plugins.end_orphans(tmp_path)
    assert not command.exists() or not command.read_bytes()


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (
            "error: the stack is currently locked by 1 lock(s). Either wait for the other",
            r"was killed: \./relay settle --stack try$",
        ),
        (
            "warning: Attempting to deploy or update resources\n"
            "with 3 pending operations from previous deployment.\nerror: update failed",
            r"was killed: \./relay settle --stack try$",
        ),
        (
            "error: validating stack config: bad value: nonce size is incorrect",
            r"Pulumi\.try\.yaml: a value after .* pulumi config set --secret KEY --stack try$",
        ),
        (
            "error: could not decrypt configuration values: cipher: message authentication failed",
            r"Pulumi\.try\.yaml: a value after .* pulumi config set --secret KEY --stack try$",
        ),
    ],
)
def test_05_what_stands_in_the_way_is_told_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, remedy: str
) -> None:
    fake = tmp_path / "pulumi"
    fake.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 255\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    target = AwsTarget("try")
    for call in (target.operate, target.pulumi, target.preview):
        with pytest.raises(StackError, match=remedy):
            call("up")

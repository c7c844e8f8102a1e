"""The stack in a lab: its settings, Pulumi's commands, its outputs, its zones.

`python -m ops.lab.stack NAME ARGS...`, inside the lab's namespace, is `pulumi ARGS` there.
"""

import contextlib
import fcntl
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lab.internet import laptop
from lab.lab import Lab
from ops import engine
from ops.errors import StackError
from ops.lab import plugins
from ops.outputs import Outputs, read

PROJECT = engine.PROJECT
STACK = "lab"
PASSPHRASE_BYTES = 24
# What Pulumi writes into a stack file with the first secret.
_ZONES = "mail-relay:zones"
_ENCRYPTED = {"encryptionsalt", "encryptedkey", "secretsprovider"}


def work_dir(lab: Lab) -> Path:
    """Where the copies of the stack's files are."""
    return lab.directory / "pulumi"


def make_place(lab: Lab) -> Path:
    """The folder of the stacks' files, with the project's own, and the passphrase for secrets."""
    folder = work_dir(lab)
    folder.mkdir(exist_ok=True)
    (folder / "Pulumi.yaml").write_text((PROJECT / "Pulumi.yaml").read_text())
    pack = folder / "policy"  # for `--policy-pack policy`
    pack.unlink(missing_ok=True)
    pack.symlink_to(PROJECT / "policy")
    passphrase = lab.directory / "passphrase"
    if not passphrase.exists():
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_urlsafe(PASSPHRASE_BYTES))
    return folder


@contextlib.contextmanager
def alone(lab: Lab) -> Iterator[None]:
    """One command at a time: two would each make the passphrase, or a zone of the same name."""
    with (lab.directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(lab: Lab, source: Path) -> None:
    """Copy the project's and the stack's files; the user's own are never touched."""
    file = make_place(lab) / f"Pulumi.{STACK}.yaml"
    file.write_text(adapted(lab, source))
    example = source.name.split(".")[1] if source.parent == PROJECT / "examples" else ""
    (lab.directory / "example").write_text(example)


def adapted(lab: Lab, source: Path) -> str:
    """A stack file as the lab's stack has it; StackError if the lab could not read it."""
    target = work_dir(lab) / f"Pulumi.{STACK}.yaml"
    try:
        text = source.read_text()
        content = yaml.safe_load(text) or {}
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise StackError(f"{source} cannot be read: {error}") from None
    kept = yaml.safe_load(target.read_text()) or {} if target.exists() else {}
    salt = kept.get("encryptionsalt")
    # a copy of the lab's own file is read with the lab's own passphrase
    own = salt is not None and content.get("encryptionsalt") == salt
    if _ENCRYPTED & set(content) and not own:
        raise StackError(
            f"{source}: it holds values that are encrypted for its own stack, which the lab cannot "
            "read; give the lab a copy without them"
        )
    if by_id := [z for z in (content.get("config") or {}).get(_ZONES) or [] if isinstance(z, dict)]:
        # the lab makes its own, one of each name
        for zone in by_id:
            zone.pop("id", None)
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    if salt and not own:  # the copy's own salt goes with the state
        text = f"encryptionsalt: {salt}\n{text}"
    return text


def example_of(lab: Lab) -> str:
    """The key of the example that the stack was made from, or ""."""
    file = lab.directory / "example"
    return file.read_text() if file.exists() else ""


def raw_settings(lab: Lab) -> dict[str, Any]:
    """The stack's settings as its file has them, unchecked."""
    content = yaml.safe_load((work_dir(lab) / f"Pulumi.{STACK}.yaml").read_text()) or {}
    prefix, config = "mail-relay:", content.get("config") or {}
    return {k.removeprefix(prefix): v for k, v in config.items() if k.startswith(prefix)}


def take_laptops_key(lab: Lab, *options: str) -> None:
    """Let the lab's laptop in by SSH: nothing here has the private half of the user's own key."""
    arguments = ("config", "set", "--stack", STACK, "--path", "mail-relay:ssh.publicKey")
    result = captured(lab, *arguments, *options, "--", laptop.public_key(lab))
    if result.returncode != 0:
        raise StackError((result.stderr or result.stdout).strip())


def pulumi(lab: Lab, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Pulumi in the lab; what it shows goes to the terminal unless captured."""
    return subprocess.run(
        command(lab, *arguments),
        cwd=PROJECT,
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
        stdin=subprocess.DEVNULL if capture else None,
        text=True,
        check=False,
    )


def captured(lab: Lab, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run Pulumi in the lab with `text` as its standard input, its two outputs kept apart."""
    return subprocess.run(
        command(lab, *arguments),
        cwd=PROJECT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def command(lab: Lab, *arguments: str) -> list[str]:
    """The command line of `pulumi ARGUMENTS` in the lab."""
    return lab.inside(sys.executable, "-m", "ops.lab.stack", lab.name, *arguments)


def stacks(lab: Lab) -> list[str]:
    """The stacks that there are in the lab."""
    if not (work_dir(lab) / "Pulumi.yaml").exists():
        return []
    result = captured(lab, "stack", "ls", "--json")
    if result.returncode != 0:
        raise StackError((result.stderr or result.stdout).strip())
    return [stack["name"] for stack in json.loads(result.stdout)]


def settle(lab: Lab) -> bool:
    """Wait for a Pulumi that still works in the lab, and unlock stacks after one that was killed.

    False if one was cut off while it made things of the lab's own stack: then nobody knows what
    there is.
    """
    locks = lab.directory / "pulumi-home" / "state" / ".pulumi" / "locks"
    for lock in locks.rglob("*.json"):
        with contextlib.suppress(FileNotFoundError):
            pid = json.loads(lock.read_text())["pid"]
            while lock.exists() and _is_pulumi(pid):
                time.sleep(0.2)
            lock.unlink()
    result = captured(lab, "stack", "export", "--stack", STACK)
    if result.returncode != 0:  # no stack yet
        return True
    return not json.loads(result.stdout)["deployment"].get("pending_operations")


def _is_pulumi(pid: int) -> bool:
    try:
        return b"pulumi" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def outputs(lab: Lab, stack: str = STACK) -> Outputs | None:
    """The outputs of a stack in the lab, secret ones too; None while it is not up."""
    if not (work_dir(lab) / f"Pulumi.{stack}.yaml").exists():
        return None
    arguments = ("stack", "output", "--json", "--show-secrets", "--stack", stack)
    result = captured(lab, *arguments)
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip()
        if "no stack named" in said:  # an `up` was cut off before it began
            return None
        raise StackError(said)
    found = json.loads(result.stdout)
    return read(found) if found else None


def main() -> int:
    """Inside the lab's namespace: `pulumi ARGS`."""
    lab = Lab(sys.argv[1])
    home = lab.directory / "pulumi-home"
    plugins.install(home)
    return engine.run(
        sys.argv[2:],
        work_dir=work_dir(lab),
        home=home,
        env={
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(lab.directory / "passphrase"),
            "AWS_ENDPOINT_URL": lab.api_url,
            "AWS_ACCESS_KEY_ID": "lab",
            "AWS_SECRET_ACCESS_KEY": "lab",
            "AWS_CA_BUNDLE": os.environ.get("AWS_CA_BUNDLE", ""),
        },
    )


if __name__ == "__main__":
    sys.exit(main())

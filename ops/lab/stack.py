"""The stack in a lab: its settings, Pulumi's commands, its outputs, its zones."""

import contextlib
import fcntl
import json
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import yaml

from common.errors import RelayError
from lab import control
from lab.internet import laptop
from lab.lab import Lab
from ops import engine, stack_yaml
from ops.edit.encrypted import readable
from ops.errors import StackError
from ops.lab import region
from ops.lab.place import STACK, command, work_dir
from ops.outputs import Outputs, read
from ops.terminal import notes, slow
from settings import read as read_settings

PROJECT = engine.PROJECT
PASSPHRASE_BYTES = 24
DEV = PROJECT / "Pulumi.dev.yaml"
_ZONES = "mail-relay:zones"
# The keys that Pulumi adds to a stack file with the first secret.
_ENCRYPTED = {"encryptionsalt", "encryptedkey", "secretsprovider"}


def own_file(lab: Lab) -> Path:
    """The file of the lab's own stack."""
    return work_dir(lab) / f"Pulumi.{STACK}.yaml"


def _before(lab: Lab) -> Path:
    """The edited file that the last `--file` or `--example` has replaced."""
    return own_file(lab).with_name(f"{own_file(lab).name}.before")


@contextlib.contextmanager
def put_back_if_refused(lab: Lab, source: Path | None) -> Iterator[None]:
    """Put the lab's own file back, if `source` has taken its place and cannot be used."""
    kept = _kept(lab)
    try:
        yield
    except RelayError as error:
        if source is None or own_file(lab) not in kept:
            raise
        for path in _files(lab):
            if path in kept:
                path.write_bytes(kept[path])
            else:
                path.unlink(missing_ok=True)
        said = str(error).replace(str(own_file(lab)), _shown(source))
        raise StackError(
            f"{said}\n{_shown(source)} cannot be used: the lab's stack file is as it was before"
        ) from None


def start(lab: Lab) -> None:
    """Start the lab; its own stack's file survives the clean-up after an interrupted run."""
    kept = _kept(lab)
    try:
        control.start(lab, notes.print)
    finally:
        for path, content in kept.items():
            if not path.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600)
                path.write_bytes(content)


def _files(lab: Lab) -> tuple[Path, ...]:
    """The files of the lab's own stack, which need not be there."""
    passphrase = lab.directory / "passphrase"
    return own_file(lab), _before(lab), passphrase, _example(lab), _taken(lab)


def _kept(lab: Lab) -> dict[Path, bytes]:
    """The files of the lab's own stack, by their paths, as they are now."""
    return {path: path.read_bytes() for path in _files(lab) if path.exists()}


def make_place(lab: Lab) -> Path:
    """Make the folder of the stacks' files, with the project's, and the passphrase for secrets."""
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
    """Hold the lab's lock: two commands would each make a passphrase, or a zone of one name."""
    with (lab.directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            notes.print(f"another command works on the lab {lab.name}: this one waits for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(lab: Lab, source: Path | None) -> bool:
    """Copy the project's and the stack's files; the user's own are never touched.

    Without a source the lab keeps the stack's file that it has, and False is returned; StackError
    if that file is gone.
    """
    make_place(lab)
    file = own_file(lab)
    if source is None and file.exists():
        origin = f", from the example {key}" if (key := example_of(lab)) else ""
        changed = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        edited = f", edited, of {changed:%Y-%m-%d %H:%M} UTC" if _edited(lab) else ""
        notes.print(
            f"the stack file is the lab's own, {file}{origin}{edited}: --file or --example takes "
            f"another, and ./relay lab down --lab {lab.name} takes this away with its lab",
            soft_wrap=True,
        )
        return False
    if source is None and _taken(lab).exists():
        raise StackError(
            f"{file} is gone, which has the settings of the lab's stack: put it back, or have "
            "another with --file or --example"
        )
    source = source or DEV
    text = adapted(lab, source)
    if _edited(lab):
        before = file.replace(_before(lab))
        notes.print(
            f"{_shown(source)} replaces the lab's own stack file, which was edited: that is now "
            f"{before}",
            soft_wrap=True,
        )
    file.write_text(text)
    notes.print(f"the stack file is {file}, a copy of {_shown(source)}", soft_wrap=True)
    example = source.name.split(".")[1] if source.parent == PROJECT / "examples" else ""
    _example(lab).write_text(example)
    remember(lab)
    return True


def _shown(file: Path) -> str:
    """The path of a file, relative to the project's folder if it is in it."""
    return str(file.relative_to(PROJECT) if file.is_relative_to(PROJECT) else file)


def remember(lab: Lab) -> None:
    """Save the settings of the lab's own stack as the lab made them, to detect edits later."""
    _taken(lab).write_text(_settings(own_file(lab)))


def _edited(lab: Lab) -> bool:
    if not own_file(lab).exists() or not _taken(lab).exists():
        return False
    try:
        return _settings(own_file(lab)) != _taken(lab).read_text()
    except StackError:
        return True


def _settings(file: Path) -> str:
    return json.dumps(stack_yaml.config(file), default=str)


def _example(lab: Lab) -> Path:
    return lab.directory / "example"


def _taken(lab: Lab) -> Path:
    return lab.directory / "taken.json"


def adapted(lab: Lab, source: Path) -> str:
    """The text of a stack file adapted to the lab's stack; StackError if the lab cannot read it."""
    target = own_file(lab)
    given = stack_yaml.content(source)
    text = source.read_text() if given else ""
    # after an edit, the lab's own file may be neither YAML nor UTF-8
    before = target.read_text(errors="replace") if target.exists() else ""
    kept = re.search(r"^encryptionsalt: (\S+)", before, re.M)
    salt = kept[1] if kept else None
    # a copy of the lab's own file can be decrypted with the lab's passphrase
    own = salt is not None and given.get("encryptionsalt") == salt
    if _ENCRYPTED & set(given) and not own:
        raise StackError(
            f"{source}: it holds values that are encrypted for its own stack, which the lab cannot "
            "read; give the lab a copy without them"
        )
    zones = (given.get("config") or {}).get(_ZONES)
    if by_id := [z for z in zones if isinstance(z, dict)] if isinstance(zones, list) else []:
        # the lab makes its own zones, one of each name
        for zone in by_id:
            zone.pop("id", None)
        text = yaml.safe_dump(given, sort_keys=False, allow_unicode=True)
    node = yaml.compose(text)
    if node is not None and node.flow_style:  # {...}, before which there can be no other line
        text = yaml.safe_dump(given, sort_keys=False, allow_unicode=True)
    if salt and not own:  # keep the lab's salt, which the state needs
        text = f"encryptionsalt: {salt}\n{text}"
    return text


def example_of(lab: Lab) -> str:
    """The key of the example that the stack was made from, or ""."""
    file = _example(lab)
    return file.read_text() if file.exists() else ""


def make_zones(lab: Lab) -> None:
    """Make the zones that users of the lab's stacks would have on AWS already.

    An invalid file is skipped: the program reports its errors.
    """
    wanted: dict[str, None] = {}
    for file in work_dir(lab).glob("Pulumi.*.yaml"):
        with contextlib.suppress(RelayError):
            settings = read_settings(readable(stack_yaml.config(file)))
            wanted |= dict.fromkeys(zone.name for zone in settings.existing_zones)
    with alone(lab):
        region.make_zones(lab, list(wanted))


def take_laptops_key(lab: Lab, *options: str) -> None:
    """Set the SSH key to the laptop's: the lab does not have the user's private key."""
    arguments = ("config", "set", "--stack", STACK, "--path", "mail-relay:ssh.publicKey")
    result = captured(lab, *arguments, *options, "--", laptop.public_key(lab))
    if result.returncode != 0:
        raise StackError((result.stderr or result.stdout).strip())


def pulumi(lab: Lab, *arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Pulumi in the lab; its output goes to the terminal unless captured."""
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
    """Run Pulumi in the lab with `text` as standard input; stdout and stderr are separate."""
    with slow(f"pulumi {' '.join(arguments[:2])}"):
        return subprocess.run(
            command(lab, *arguments),
            cwd=PROJECT,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )


def stacks(lab: Lab) -> list[str]:
    """The names of the lab's stacks."""
    if not (work_dir(lab) / "Pulumi.yaml").exists():
        return []
    result = captured(lab, "stack", "ls", "--json")
    if result.returncode != 0:
        raise StackError((result.stderr or result.stdout).strip())
    return [stack["name"] for stack in json.loads(result.stdout)]


def settle(lab: Lab) -> bool:
    """Wait for a Pulumi that still runs in the lab, and remove the locks of killed ones.

    False if the state of the lab's own stack has pending operations: a Pulumi was killed, and
    resources may be missing from the state.
    """
    for lock in _locks(lab):
        if _held(lock):
            pid = json.loads(lock.read_text())["pid"]
            notes.print(
                f"a `pulumi` (pid {pid}) works on {lock.parent.name} in the lab {lab.name}: this "
                "command waits for its end"
            )
        while _held(lock):
            time.sleep(0.2)
        lock.unlink(missing_ok=True)
    result = captured(lab, "stack", "export", "--stack", STACK)
    if result.returncode != 0:  # no stack yet
        return True
    return not json.loads(result.stdout)["deployment"].get("pending_operations")


def at_work(lab: Lab, stack: str = STACK) -> bool:
    """Whether a Pulumi is running on a stack of the lab."""
    return any(lock.parent.name == stack and _held(lock) for lock in _locks(lab))


def cut_off(lab: Lab, stack: str = STACK) -> bool:
    """Whether a stack of the lab has the lock of a Pulumi that was killed."""
    locks = [lock for lock in _locks(lab) if lock.parent.name == stack]
    return any(not _held(lock) and lock.exists() for lock in locks)


def _locks(lab: Lab) -> list[Path]:
    """The lock files of Pulumi, each in a folder of its stack's name."""
    return [*(lab.directory / "pulumi-home" / "state" / ".pulumi" / "locks").rglob("*.json")]


def _held(lock: Path) -> bool:
    """Whether the lock exists and its Pulumi is running."""
    try:
        pid = json.loads(lock.read_text())["pid"]
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
        if "no stack named" in said:  # an `up` was killed before it made the stack
            return None
        raise StackError(said)
    found = json.loads(result.stdout)
    return read(found) if found else None

"""Pulumi's engine: the one on PATH, or one built from its published Go module.

Pulumi's language host for Python is not published as a module, so the engine runs ours
(language_host.py), which is the SDK's own server. Display, flags and exit codes are the CLI's own.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.errors import RelayError

VERSION = "3.259.0"
# With the value "true", `preview --json` writes the engine's events, one a line.
EVENTS = "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"
PROJECT = Path(__file__).resolve().parents[2]
MODULE = Path(__file__).parent
CACHE = Path(os.environ.get("MAIL_RELAY_CACHE", Path.home() / ".cache" / "mail-relay"))


class EngineMissing(RelayError):
    """No engine is installed or can be built; the message names the official ways to install it."""


def engine() -> Path:
    """The path of `pulumi`. If it must be built, that takes about three minutes on two cores."""
    if found := shutil.which("pulumi"):
        return Path(found)
    binary = CACHE / f"engine-{VERSION}" / "pulumi"
    if binary.exists():
        return binary
    if shutil.which("go") is None:
        raise EngineMissing(
            "pulumi is not on PATH, and without Go it cannot be built here. Install it as Pulumi's "
            "documentation says (its install script, Homebrew `brew install pulumi/tap/pulumi`, "
            "or winget, Chocolatey), or install Go"
        )
    print("building Pulumi's engine from its Go module (3 minutes, once)", file=sys.stderr)
    binary.parent.mkdir(parents=True, exist_ok=True)
    partial = binary.with_name(f"pulumi.{os.getpid()}")
    package = "github.com/pulumi/pulumi"
    flags = f"-s -w -X {package}/sdk/v3/go/common/version.Version=v{VERSION}"
    command = ["go", "build", "-mod=readonly", "-ldflags", flags, "-o", str(partial)]
    command += [f"{package}/pkg/v3/cmd/pulumi"]
    # standard output is for the result of our own command
    result = subprocess.run(command, cwd=MODULE, stdout=sys.stderr, check=False)
    if result.returncode != 0:
        raise EngineMissing(f"the engine did not build: `go build` ended with {result.returncode}")
    partial.rename(binary)
    return binary


def install(file: Path, module: str, argument: str) -> None:
    """Write the file that the engine runs as a plug-in: a script that runs a module of ours."""
    file.parent.mkdir(parents=True, exist_ok=True)
    python, project = shlex.quote(sys.executable), shlex.quote(str(PROJECT))
    command = f'exec {python} -m {module} {shlex.quote(argument)} "$@"'
    file.write_text(f"#!/bin/sh\ncd {project}\n{command}\n")
    file.chmod(0o755)


def environment(home: Path, env: Mapping[str, str], program_dir: Path = PROJECT) -> dict[str, str]:
    """The environment of `pulumi`, apart from the user's own configuration and state; see `run`."""
    state = home / "state"
    state.mkdir(parents=True, exist_ok=True)
    folder = home / "plugins" / f"language-python-v{VERSION}"
    install(folder / "pulumi-language-python", "ops.language_host", str(program_dir))
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("PULUMI_") or k == EVENTS},
        "PULUMI_HOME": str(home),
        # metadata=skip: no .attrs files beside the state's. A kill can truncate one, and then the
        # stack is unreadable; the state itself is written to a temporary file and renamed
        "PULUMI_BACKEND_URL": f"file://{state}?metadata=skip",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DIY_BACKEND_GZIP": "true",
        **env,
    }


def run(
    arguments: Sequence[str],
    *,
    work_dir: Path,
    home: Path,
    env: Mapping[str, str],
    program_dir: Path = PROJECT,
    output: int | None = None,
) -> int:
    """Run `pulumi ARGUMENTS` and give its exit code.

    `work_dir` holds Pulumi.yaml and the stack file, `home` is PULUMI_HOME, and the state is kept
    in `home/state`: nothing of the user's own Pulumi is read or written.
    """
    with interrupts_for_the_engine():
        process = subprocess.Popen(
            [str(engine()), *arguments],
            cwd=work_dir,
            env=environment(home, env, program_dir),
            stdout=output,
            stderr=output,
        )
        return process.wait()


@contextmanager
def interrupts_for_the_engine() -> Iterator[Callable[[], bool]]:
    """Leave Ctrl-C to the engine, which gets it from the terminal too; whether there was one.

    The first one has it finish what it is doing, the second one ends it.
    """
    noted = list[int]()
    if threading.current_thread() is not threading.main_thread():  # Python signals no other
        yield lambda: False
        return
    # a handler of ours, not SIG_IGN: that would be inherited
    before = signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)


def follow(command: Sequence[str], show: Callable[[str], None]) -> tuple[int, str]:
    """Run a command, show each line of what it prints, and return its exit status with all of it.

    KeyboardInterrupt if it failed after a Ctrl-C.
    """
    said = list[str]()
    with (
        interrupts_for_the_engine() as interrupted,
        subprocess.Popen(
            command,
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        for line in process.stdout or ():
            show(line)
            said.append(line)
    if process.returncode != 0 and interrupted():
        raise KeyboardInterrupt
    return process.returncode, "".join(said)

"""Pulumi's engine: the one on PATH, or one built from its published Go module.

Pulumi's language host for Python is no module that can be had, so the engine is given ours
(language_host.py), which is the SDK's own server. Display, flags and exit codes are the CLI's own.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.errors import RelayError

VERSION = "3.259.0"
# Set to "true", it makes `preview --json` write the engine's events, one a line.
EVENTS = "PULUMI_ENABLE_STREAMING_JSON_PREVIEW"
PROJECT = Path(__file__).resolve().parents[2]
MODULE = Path(__file__).parent
CACHE = Path(os.environ.get("MAIL_RELAY_CACHE", Path.home() / ".cache" / "mail-relay"))


class EngineMissing(RelayError):
    """There is no engine and none can be built here; names the official ways to install it."""


def engine() -> Path:
    """The `pulumi` to use. Building it takes about three minutes on two cores, once."""
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
    result = subprocess.run([*command, f"{package}/pkg/v3/cmd/pulumi"], cwd=MODULE, check=False)
    if result.returncode != 0:
        raise EngineMissing(f"the engine did not build: `go build` ended with {result.returncode}")
    partial.rename(binary)
    return binary


def install(file: Path, module: str, argument: str) -> None:
    """Make a module of the project a plug-in of the engine's, as the file that the engine runs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    python, project = shlex.quote(sys.executable), shlex.quote(str(PROJECT))
    command = f'exec {python} -m {module} {shlex.quote(argument)} "$@"'
    file.write_text(f"#!/bin/sh\ncd {project}\n{command}\n")
    file.chmod(0o755)


def environment(home: Path, env: Mapping[str, str], program_dir: Path = PROJECT) -> dict[str, str]:
    """What `pulumi` is run in so that nothing of the user's own is read or written; see `run`."""
    state = home / "state"
    state.mkdir(parents=True, exist_ok=True)
    folder = home / "plugins" / f"language-python-v{VERSION}"
    install(folder / "pulumi-language-python", "ops.language_host", str(program_dir))
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("PULUMI_") or k == EVENTS},
        "PULUMI_HOME": str(home),
        # without the files of attributes beside the state's: one that a kill cuts off makes the
        # stack unreadable, while the state itself is written beside its place and moved there
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
    # The engine shares our terminal: Ctrl-C reaches it directly, and we wait for its end.
    before = signal.signal(signal.SIGINT, lambda *_: None)  # a handler, so the child has none
    try:
        process = subprocess.Popen(
            [str(engine()), *arguments],
            cwd=work_dir,
            env=environment(home, env, program_dir),
            stdout=output,
            stderr=output,
        )
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)

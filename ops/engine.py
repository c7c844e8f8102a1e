"""Pulumi's engine: the one on PATH, or one built from its published Go module.

The Python language host is no module that can be had, so the program runs in the SDK's own
language server (language_host.py) and the engine is told its address: `--client` and `--exec-kind
auto.inline`, as Pulumi's Automation API does it. Display, flags and exit codes are the CLI's own.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

VERSION = "3.259.0"
PROJECT = Path(__file__).resolve().parent.parent
MODULE = PROJECT / "ops" / "engine"
CACHE = Path(os.environ.get("MAIL_RELAY_CACHE", Path.home() / ".cache" / "mail-relay"))
# The commands that run the program.
RUNS_THE_PROGRAM = ("preview", "up", "update", "refresh", "destroy", "watch")


class EngineMissing(Exception):
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


def install_plugins(home: Path) -> None:
    """Make the lab's plug-ins be those that the engine finds in PULUMI_HOME."""
    for kind, package in (("aws", "pulumi_aws"), ("cloudinit", "pulumi_cloudinit")):
        folder = home / "plugins" / f"resource-{kind}-v{version(package)}"
        folder.mkdir(parents=True, exist_ok=True)
        program = folder / f"pulumi-resource-{kind}"
        program.write_text(
            f"#!/bin/sh\ncd '{PROJECT}'\nexec '{sys.executable}' -m lab.provider {kind}\n"
        )
        program.chmod(0o755)


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
    state = home / "state"
    state.mkdir(parents=True, exist_ok=True)
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("PULUMI_")},
        "PULUMI_HOME": str(home),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DIY_BACKEND_GZIP": "true",
        **env,
    }
    command = [str(engine()), *arguments]
    runs = next((a for a in arguments if not a.startswith("-")), "") in RUNS_THE_PROGRAM
    if not runs:
        return _call(command, work_dir, environment, output)
    with subprocess.Popen(
        [sys.executable, "-m", "ops.language_host", str(program_dir)],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as host:
        assert host.stdin and host.stdout
        port = int(host.stdout.readline())
        try:
            command += [f"--client=127.0.0.1:{port}", "--exec-kind=auto.inline"]
            return _call(command, work_dir, environment, output)
        finally:
            host.stdin.close()


def _call(command: list[str], work_dir: Path, env: Mapping[str, str], output: int | None) -> int:
    """The engine shares our terminal: Ctrl-C reaches it directly, and we wait for its end."""
    before = signal.signal(signal.SIGINT, lambda *_: None)  # a handler, so the child has none
    try:
        process = subprocess.Popen(
            command,
            cwd=work_dir,
            env=env,
            stdin=None if sys.stdin.isatty() else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)

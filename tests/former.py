"""The release before this one: its program, from this repository's history."""

import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
RELEASE, COMMIT = "0.1.0", "4ce60e818553800ca39fc3e1ddb6a82b80eb3626"


def unpacked(folder: Path) -> Path:
    """Its tree in this folder."""
    packed = subprocess.run(
        ["git", "archive", COMMIT], cwd=PROJECT, capture_output=True, check=False
    )
    assert packed.returncode == 0, (
        f"release {RELEASE} is not in this clone's history, which has to be whole (git fetch "
        f"--unshallow): {packed.stderr.decode()}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    return folder

"""Run the system's own tools; the error of one that fails has its whole output."""

import subprocess

from common.errors import RelayError


class ToolError(RelayError):
    """A command of the system failed; the text has the command and its output."""


def run(*command: str, stdin: str | None = None) -> str:
    """Standard output of a command that must succeed."""
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip()
        raise ToolError(f"`{' '.join(command)}` failed with {result.returncode}: {said}")
    return result.stdout


def attempt(*command: str) -> bool:
    """Whether the command succeeded; for removing something that may be gone already."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0

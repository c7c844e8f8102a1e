"""Where a lab has its stacks, and how Pulumi is called there."""

import sys
from pathlib import Path

from lab.lab import Lab

STACK = "lab"


def work_dir(lab: Lab) -> Path:
    """The folder of the lab's copies of stack files."""
    return lab.directory / "pulumi"


def command(lab: Lab, *arguments: str) -> list[str]:
    """The command line of `pulumi ARGUMENTS` in the lab."""
    return lab.inside(sys.executable, "-m", "ops.lab.inside", lab.name, *arguments)

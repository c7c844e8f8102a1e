"""What a command on a host gave, whatever way led to it."""

import subprocess
from collections.abc import Sequence

from ops.errors import StackError
from ops.outputs import Host


def ended(
    host: Host, argv: Sequence[str], text: str, seconds: float | None
) -> subprocess.CompletedProcess[str]:
    """Run the command line that leads to a command on a host; StackError if it takes longer."""
    try:
        return subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"{host.name}: no answer after {seconds:.0f} s") from None


def output(host: Host, result: subprocess.CompletedProcess[str], fine: tuple[int, ...]) -> str:
    """What it wrote; StackError unless it ended as is fine."""
    if result.returncode not in fine:
        raise StackError(f"{host.name}: {(result.stderr or result.stdout).strip()}")
    return result.stdout

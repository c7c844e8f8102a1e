"""What the last look for tables found, for status.py; a boot forgets it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.install import write

FILE = Path("/run/mail-relay/tables.json")
CLOCK_OFF = 60.0  # seconds that are worth a word


@dataclass(frozen=True)
class Report:
    """How a look ended.

    `problem` is what is wrong, "" where nothing is. `unanswered_since` is when the bucket began to
    give no answer (time.monotonic()), None while it gives one. `clock_off` is by how many seconds
    the host's clock and the bucket's differ, None where that is not known.
    """

    problem: str = ""
    unanswered_since: float | None = None
    clock_off: float | None = None


def read() -> Report:
    """The last look's; an empty one, if there is none to read."""
    try:
        found = json.loads(FILE.read_text())
        times = (found[name] for name in ("unanswered_since", "clock_off"))
        return Report(str(found["problem"]), *(None if t is None else float(t) for t in times))
    except (OSError, ValueError, TypeError, KeyError):
        return Report()


def leave(report: Report) -> None:
    """Leave it for others to read."""
    FILE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write(FILE, json.dumps(asdict(report)))

"""The result of the last look for tables, for status.py; a reboot deletes it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent import state_file
from agent.install import write

FILE = Path("/run/mail-relay/tables.json")


@dataclass(frozen=True)
class Report:
    """The result of a look for new tables.

    `problem` is the error, or "". `unanswered_since` is the time from which on the bucket has given
    no answer (time.monotonic()), None while it gives one. `clock_off` is the seconds by which the
    host's clock and the bucket's differ, None if unknown.
    """

    problem: str = ""
    unanswered_since: float | None = None
    clock_off: float | None = None


def read() -> Report:
    """The report on the last look; an empty one if it cannot be read."""

    def form(found: Any) -> Report:
        times = (found[name] for name in ("unanswered_since", "clock_off"))
        return Report(
            str(found["problem"]), *(None if t is None else state_file.amount(t) for t in times)
        )

    return state_file.read(FILE, form, Report())


def leave(report: Report) -> None:
    """Write a report for others to read."""
    FILE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write(FILE, json.dumps(asdict(report)))

"""`make load`: a steady load on three gateways while one of several things happens to them."""

import argparse
import dataclasses
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import RelayError
from lab import control
from lab.lab import Lab
from load import place, trials
from load.count import Count, count
from load.far import far_side
from load.place import Place
from load.senders import Load
from load.watch import Watch
from ops.terminal import notes, print_table

DRAIN_SECONDS = 1800.0  # a host puts off for ten minutes at most, and tries all again meanwhile


def main() -> int:
    """Exit code 1 unless everything holds."""
    options = _options()
    rows: list[dict[str, Any]] = []
    with _running(options.lab, options.as_it_is) as here:
        for name in options.trials or [*trials.TRIALS]:
            rows.append(_tried(here, name, options))
            if options.json:
                Path(options.json).write_text(json.dumps(rows, indent=1))
    print_table("under load", [_shown(row) for row in rows])
    for row in rows:
        for line in (*row["seen"], *(f"WRONG: {text}" for text in row["wrong"])):
            notes.print(f"{row['trial']}: {line}", soft_wrap=True)
    return 1 if any(row["wrong"] for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("trials", nargs="*", help=f"of {', '.join(trials.TRIALS)}; all of them")
    parser.add_argument("--lab", help="a lab that runs already, which gets the trials' stack")
    parser.add_argument("--as-it-is", action="store_true", help="its own stack instead")
    parser.add_argument("--rate", type=float, default=20.0, help="messages a second")
    parser.add_argument("--minutes", type=float, default=10.0, help="of load, for each trial")
    parser.add_argument("--json", metavar="FILE", help="all that was counted")
    options = parser.parse_args()
    if options.as_it_is and not options.lab:
        parser.error("--as-it-is: give the lab with --lab")
    if unknown := set(options.trials) - set(trials.TRIALS):
        parser.error(f"{', '.join(unknown)}: there is {', '.join(trials.TRIALS)}")
    return options


@contextmanager
def _running(running: str | None, as_it_is: bool) -> Iterator[Place]:
    """A lab with the stack, which goes with all that it has, unless it was there before."""
    lab = Lab(running or "load")
    if not running:
        control.remove(lab)
    try:
        if not control.running(lab):
            control.start(lab, notes.print)
        here = Place(lab)
        here.apply(here.config() if as_it_is else place.settings())
        yield here
    finally:
        if not running:
            control.remove(lab)


def _tried(here: Place, name: str, options: argparse.Namespace) -> dict[str, Any]:
    """One trial, from the first message until no host has one any more."""
    notes.print(
        f"{name}: {options.rate:g} messages a second for {options.minutes:g} minutes or more"
    )
    if prepare := trials.PREPARED.get(name):
        prepare(here)
    watch, began = Watch(here.lab, here.outputs), time.time()
    with far_side(here.lab) as far:
        load = Load(here.lab, here.outputs, far.domain, options.rate)
        scene = trials.Scene(here, watch, load, far, options.minutes * 60)
        with watch.running():
            with load.running():
                try:
                    trials.TRIALS[name](scene)
                except (RelayError, TimeoutError) as error:  # what was sent is counted all the same
                    scene.wrong.append(f"it ended early: {error}")
                seconds = time.time() - began
            emptied = place.timed(lambda: here.empty(DRAIN_SECONDS))
    scene.say(f"no host had mail any more {emptied:.0f} s after the last was handed in")
    found = count(load.sent, far, watch, scene.cuts, _unsure(here, far.domain))
    scene.need(found.good, "mail was lost, refused, unsigned, or came twice")
    return {
        "trial": name,
        "seconds": round(seconds),
        "rate": round(found.sent / seconds, 1),
        "least": watch.least,
        "silent": [f"{gap.what}: {gap.seconds:.0f} s" for gap in watch.silent],
        "absent": [f"{gap.what}: {gap.seconds:.0f} s" for gap in watch.absent],
        "seen": scene.seen,
        "wrong": scene.wrong,
        "count": dataclasses.asdict(found),
    }


def _unsure(here: Place, domain: str) -> set[str]:
    """The messages of which a host's log says that they may be sent more than once."""
    found = set[str]()
    for host in here.outputs.hosts:
        log = here.run(host, "sh", "-c", "grep -h 'more than once' /var/log/mail.log || true")
        found |= set(re.findall(rf"to=<(\w+)@{re.escape(domain)}>", log))
    return found


def _shown(row: dict[str, Any]) -> dict[str, str]:
    found = Count(**row["count"])
    return {
        "trial": row["trial"],
        "messages": f"{found.sent} ({row['rate']}/s)",
        "lost": str(len(found.lost)),
        "refused": str(len(found.refused)),
        "unsigned": str(len(found.failing)),
        "twice (as SMTP has it)": f"{len(found.twice)} ({len(found.own)})",
        "later attempt": str(len(found.retried)),
        "longest attempt, wait, way": f"{found.longest_attempt:.0f} {found.longest_wait:.0f} "
        f"{found.longest_way:.0f} s",
        "serving, at least": str(row["least"]),
    }


if __name__ == "__main__":
    sys.exit(main())

"""`make battery`: the whole table against reference set-ups, one after another."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from abuse.battery import Caught, Found, Tried, applying, by_mutant, catch, survey
from abuse.place import place
from abuse.rows import ROWS
from lab import control
from lab.lab import Lab
from ops import engine
from ops.lab import up
from ops.terminal import notes, print_table

SET_UPS = ("basics", "gateway", "handson", "sendas", "smarthost")


def main() -> int:
    """Exit code 1 unless every row is right and every mutant is killed."""
    options = _options()
    found, killed = [], set[str]()
    for set_up in options.set_ups or SET_UPS:
        with _running(set_up, options.lab) as lab:
            one = _tried(lab, set_up, options, killed)
        found.append(one)
        killed |= {caught.mutant.name for caught in one.caught if caught.killed}
    for one in found:
        print_table(f"{one.set_up}: {len(one.tried)} rows", one.table())
    wrong = sum(len(one.wrong) for one in found)
    living = [caught for one in found for caught in one.living]
    for one in found:
        for tried in one.wrong:
            _say(f"wrong at {one.set_up}: {_line(tried)}")
    for caught in living:
        _say(f"living: {_why(caught)}")
    rows = len({tried.row.name for one in found for tried in one.tried})
    _say(f"{rows} rows, {wrong} wrong; {len(killed)} mutants killed, {len(living)} living")
    return 1 if wrong or living else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make battery", description=__doc__)
    parser.add_argument("set_ups", nargs="*", help=f"of {', '.join(SET_UPS)}; all of them")
    parser.add_argument("--lab", help="a lab that runs already, instead of the set-ups' own")
    parser.add_argument("--only", default="", help="rows or mutants with this in their name")
    parser.add_argument("--rows", action="store_true", help="no mutants")
    parser.add_argument("--quick", action="store_true", help="no slow rows")
    parser.add_argument("--every-mutant", action="store_true", help="at each set-up anew")
    return parser.parse_args()


@contextmanager
def _running(set_up: str, running: str | None) -> Iterator[Lab]:
    """A lab with the set-up, which goes with all that it has, unless it was there before."""
    if running:
        yield Lab(running)
        return
    lab = Lab(f"ab{set_up}"[:10])
    if control.running(lab):
        sys.exit(f"the lab {lab.name} is up, maybe another battery's: --lab {lab.name} takes it")
    control.remove(lab)
    try:
        control.start(lab, notes.print)
        up.apply(lab, engine.PROJECT / "examples" / f"Pulumi.{set_up}.yaml")
        yield lab
    finally:
        control.remove(lab)


def _tried(lab: Lab, set_up: str, options: argparse.Namespace, killed: set[str]) -> Found:
    found = Found(set_up)
    with place(lab) as here:
        rows = [
            row
            for row in applying(ROWS, here)
            if (options.only in row.name or options.only in row.catches.name)
            and not (options.quick and row.slow)
        ]
        found.tried = survey(rows, here, _tell)
        if options.rows:
            return found
        sure = [tried.row for tried in found.tried if tried.right]
        for mutant, its in by_mutant(sure):
            if mutant.name not in killed or options.every_mutant:
                found.caught.append(catch(mutant, its, here))
                _say(_why(found.caught[-1]))
    return found


def _tell(tried: Tried) -> None:
    _say(f"{'ok   ' if tried.right else 'WRONG'} {_line(tried)}")


def _line(tried: Tried) -> str:
    must = tried.row.must
    wanted = "" if tried.right else f" (must be {must.kind}: {must.pattern})"
    seen = " ".join(tried.seen.split())[:300]
    return f"{tried.row.name} -> {seen}{wanted} ({tried.seconds:.1f} s)"


def _why(caught: Caught) -> str:
    name = caught.mutant.name
    if caught.error:
        return f"mutant {name}: not put in force: {caught.error}"
    if caught.missed:
        seen = "; ".join(f"{tried.row.name} -> {tried.seen[:120]}" for tried in caught.missed)
        return f"mutant {name}: LIVES, {len(caught.missed)} of {caught.tried} rows miss it: {seen}"
    return f"mutant {name}: killed by {caught.tried} rows"


def _say(text: str) -> None:
    notes.print(text, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())

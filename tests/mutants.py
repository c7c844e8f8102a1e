"""Faults of the program, and the test that must find each: run them all, and print what lives.

Each row of the tables (`faults/`) changes one text in a copy of the tree and runs the test that is
named there. A fault that its test does not see "lives": the test is worth nothing for it. Faults of
a running host's configuration are the battery's (`tests/abuse`).

A row has its name and, behind ": ", a file or a folder that has the text once in all its files; the
text behind "- ", what is there instead behind "+ ". The test stands above its rows, behind "> ".
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

PROJECT = Path(__file__).resolve().parent.parent
FAULTS = PROJECT / "tests" / "faults"
SECONDS = 600.0  # for one test
FAILED = 1  # pytest's exit code where tests ran and one failed


@dataclass(frozen=True)
class Mutant:
    """In the one file of `where` that has it, `text` is replaced; then `test` must fail."""

    name: str
    where: str
    text: str
    replacement: str
    test: str


class Stale(Exception):
    """A row that fits the program no more; the text says how."""


@dataclass(frozen=True)
class Ended:
    """What became of a mutant; `said` is pytest's last line, or why it could not be tried."""

    mutant: Mutant
    verdict: str
    said: str
    seconds: float


def rows() -> Iterator[Mutant]:
    """All of the tables."""
    for file in sorted(FAULTS.glob("*.txt")):
        test = ""
        for block in file.read_text().strip().split("\n\n"):
            lines = [line for line in block.split("\n") if not line.startswith("#")]
            if lines and lines[0].startswith("> "):
                test = f"tests/unit/{lines.pop(0)[2:]}"
            if lines:
                name, _, where = lines[0].rpartition(": ")
                text, new = ("\n".join(x[2:] for x in lines[1:] if x[0] == sign) for sign in "-+")
                yield Mutant(name, where, text, new, test)


ROWS = list(rows())


def place(mutant: Mutant, tree: Path = PROJECT) -> Path:
    """The file that has the row's text, once in all; Stale otherwise."""
    where = tree / mutant.where
    files = sorted(p for p in where.rglob("*") if p.is_file()) if where.is_dir() else [where]
    texts = {p: p.read_text() for p in files if p.suffix in (".py", ".j2") and p.is_file()}
    found = [path for path, text in texts.items() for _ in range(text.count(mutant.text))]
    if len(found) != 1:
        raise Stale(f"{mutant.name}: {mutant.where} has {mutant.text!r} {len(found)} times, not 1")
    return found[0]


@contextmanager
def copies(number: int) -> Iterator[list[Path]]:
    """Copies of the tree as it is, with what git does not know yet and without what it ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split("\0") if name and (PROJECT / name).is_file()]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trees = [Path(folder) / str(n) for n in range(number)]
        for tree in trees:
            for name in names:
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, tree / name)
        yield trees


def run(tree: Path, *tests: str) -> tuple[int, str]:
    """pytest's exit code and its last line."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--numprocesses=0", *tests]
    # a fault of the same size and second as what was compiled before would not be read
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*command, "-p", "no:cacheprovider"],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"no end after {SECONDS:.0f} s"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode, lines[-1] if lines else ""


def tried(mutant: Mutant, trees: "SimpleQueue[Path]") -> Ended:
    """Put the fault into a copy, run its test, and take the fault back."""
    tree, begin = trees.get(), time.monotonic()
    try:
        path = place(mutant, tree)
        before = path.read_text()
        path.write_text(before.replace(mutant.text, mutant.replacement))
        try:
            code, said = run(tree, mutant.test)
        finally:
            path.write_text(before)
        # what breaks the tests themselves (exit codes 2 to 5) is no fault that a test has found
        verdict = {0: "LIVES", FAILED: "killed"}.get(code, "ERROR")
    except Stale as error:
        verdict, said = "ERROR", str(error)
    finally:
        trees.put(tree)
    return Ended(mutant, verdict, said, time.monotonic() - begin)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Exit code 1: a mutant lives, or a row is stale.",
    )
    parser.add_argument("words", nargs="*", help="only rows with one of these in name or place")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="side by side")
    parser.add_argument("--list", action="store_true", help="print the rows, run nothing")
    return parser.parse_args()


def _all(chosen: list[Mutant], trees: list[Path]) -> Iterator[Ended]:
    """Each is told of as it ends."""
    free: SimpleQueue[Path] = SimpleQueue()
    for tree in trees:
        free.put(tree)
    with ThreadPoolExecutor(len(trees)) as pool:
        trials = [pool.submit(tried, row, free) for row in chosen]
        for count, done in enumerate(as_completed(trials), 1):
            one = done.result()
            print(
                f"[{count}/{len(chosen)}] {one.verdict} {one.mutant.name} ({one.seconds:.0f} s)",
                flush=True,
            )
            yield one


def main() -> int:
    """Exit code 0 if every mutant was killed."""
    options = _options()
    chosen = [
        row
        for row in ROWS
        if not options.words or any(word in f"{row.name} {row.where}" for word in options.words)
    ]
    if options.list:
        print("\n".join(f"{row.where}: {row.name}  [{row.test}]" for row in chosen))
        return 0
    if not chosen:
        print("no row has such a word in its name or place")
        return 1
    with copies(max(1, min(options.jobs, len(chosen)))) as trees:
        print(f"{len(chosen)} mutants; first their tests without any fault", flush=True)
        code, said = run(trees[0], *dict.fromkeys(row.test for row in chosen))
        if code != 0:
            print(f"the tests fail without any fault: {said}")
            return 1
        ended = list(_all(chosen, trees))
    wrong = [one for one in ended if one.verdict != "killed"]
    for one in wrong:
        print(f"{one.verdict}: {one.mutant.name} ({one.mutant.where}): {one.said}")
        print(f"  must fail: {one.mutant.test}")
    living = sum(one.verdict == "LIVES" for one in wrong)
    print(f"{len(ended)} mutants, {living} living, {len(wrong) - living} errors")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Ctrl-C, which a terminal sends to the engine too."""

import os
import signal
import sys
from subprocess import PIPE, Popen

ENGINE = """
import signal, sys, time
count = []
signal.signal(signal.SIGINT, lambda *_: count.append(1))
print("works", flush=True)
while not count:
    time.sleep(0.01)
print("ended in order", flush=True)
sys.exit(3)
"""
PROGRAM = f"""
import sys
from ops import engine
try:
    engine.follow(
        [sys.executable, "-c", {ENGINE!r}], lambda line: print(line, end="", flush=True)
    )
except KeyboardInterrupt:
    print("interrupted")
"""


def test_the_engines_end_is_waited_for() -> None:
    """Who ended at once would take its output away, and it would be cut off at its next line."""
    with Popen(
        [sys.executable, "-c", PROGRAM], stdout=PIPE, text=True, start_new_session=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "works\n"
        os.killpg(run.pid, signal.SIGINT)
        assert run.stdout.read() == "ended in order\ninterrupted\n"
    assert run.returncode == 0

"""What has no time limit of its own ends all the same, as a look-up while the resolver is dead."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from agent import bucket, egress, source
from agent.bounded import within

# A look that waited for it would end long after the tests' bound.
LONG = 20.0


@pytest.fixture
def hangs() -> Any:
    """A call that does not come back before the test is over."""
    over = Event()
    yield lambda *_, **__: over.wait(LONG)
    over.set()


def test_what_takes_too_long_is_left_behind(hangs: Callable[[], bool]) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="no answer in 0 s"):
        within(0.1, hangs)
    assert time.monotonic() - began < LONG / 2


def test_results_and_errors_are_the_calls_own() -> None:
    def fails() -> None:
        raise TimeoutError("its own")

    assert within(LONG, lambda: 5) == 5
    with pytest.raises(TimeoutError, match="its own"):
        within(LONG, fails)
    with pytest.raises(ZeroDivisionError):
        within(LONG, lambda: 1 / 0)


def test_a_program_ends_without_what_was_left_behind() -> None:
    code = (
        "import time; from agent.bounded import within\n"
        "try: within(0.1, lambda: time.sleep(60))\n"
        "except TimeoutError: print('left')\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LONG
    )
    assert (said.stdout, said.stderr) == ("left\n", "")


def test_a_bucket_that_cannot_be_looked_up_keeps_no_look(
    monkeypatch: pytest.MonkeyPatch, hangs: Any
) -> None:
    """What is kept is then restored all the same."""
    monkeypatch.setattr(source, "FETCH_SECONDS", 0.1)
    monkeypatch.setattr(bucket, "get", hangs)
    found = source.fetch("s3://bucket/gateway.json", None)
    assert found.problem == "s3://bucket/gateway.json is not to be had (no answer in 0 s)"


def test_a_way_out_that_cannot_be_looked_up_keeps_no_status(
    monkeypatch: pytest.MonkeyPatch, hangs: Any
) -> None:
    monkeypatch.setattr(egress, "SECONDS", 0.1)
    monkeypatch.setattr(egress.socket, "getaddrinfo", hangs)
    way, problem = egress._try(["smtp.far.example:587"])  # pyright: ignore[reportPrivateUsage]
    assert (way, problem) == ("smtp.far.example:587", "TimeoutError: no answer in 0 s")


@pytest.mark.parametrize("said", [b"2", b"220-wait\r\n"])
def test_a_way_out_that_greets_for_ever_keeps_no_status(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """A tarpit: smtplib's own time limit begins anew with each octet."""
    monkeypatch.setattr(egress, "SECONDS", 0.5)
    over = Event()

    def greet(listening: socket.socket) -> None:
        with listening.accept()[0] as session, contextlib.suppress(OSError):
            ends = time.monotonic() + LONG
            while not over.wait(0.05) and time.monotonic() < ends:
                session.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Thread(target=greet, args=[listening])
        server.start()
        way = f"127.0.0.1:{listening.getsockname()[1]}"
        began = time.monotonic()
        found = egress._try([way])  # pyright: ignore[reportPrivateUsage]
        seconds = time.monotonic() - began
        over.set()
        server.join()
    assert found == (way, "TimeoutError: timed out")
    assert seconds < LONG / 2

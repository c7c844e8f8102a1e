"""Daemons are asked what they are there for, at real sockets; who hangs is found."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent import answers
from agent.answers import ASKED, Question

POLICY = ASKED["mail-relay-limit@messages.service"]
REVERSE = ASKED["postsrsd.service"]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SECONDS", 1.0)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(str(tmp_path / "socket"))
        found.listen()
        yield found


def serve(listener: socket.socket, reply: bytes, asked: list[bytes]) -> None:
    """Answer the first connection, once it has said something."""

    def once() -> None:
        connection, _ = listener.accept()
        with connection:
            asked.append(connection.recv(4096))
            connection.sendall(reply)

    threading.Thread(target=once, daemon=True).start()


@pytest.mark.parametrize(
    ("reply", "well"),
    [
        (b"action=dunno\n\n", True),
        (b"action=451 4.3.0 the login's limit cannot be read now\n\n", False),
        (b"", False),
    ],
)
def test_a_daemon_answers_or_does_not(listener: socket.socket, reply: bytes, well: bool) -> None:
    asked: list[bytes] = []
    serve(listener, reply, asked)
    question = Question(listener.getsockname(), POLICY.says, POLICY.answer)
    assert answers.answers(question) is well
    assert asked == [POLICY.says]


def test_who_takes_connections_and_hangs_does_not_answer(listener: socket.socket) -> None:
    """The kernel takes connections for a process that does nothing."""
    begun = time.monotonic()
    assert not answers.answers(Question(listener.getsockname(), POLICY.says, POLICY.answer))
    assert time.monotonic() - begun < 3


def test_a_port_of_this_host_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as port:
        serve(port, b"500 Not an SRS address.\n", [])
        assert answers.answers(Question(port.getsockname(), REVERSE.says, REVERSE.answer))


def test_who_starts_at_this_moment_is_asked_again(tmp_path: Path) -> None:
    where = str(tmp_path / "late")

    def start() -> None:
        late = socket.socket(socket.AF_UNIX)
        late.bind(where)
        late.listen()
        serve(late, POLICY.answer, [])

    answers.SECONDS = 5.0  # the fixture puts it back
    threading.Timer(0.3, start).start()
    assert answers.answers(Question(where, POLICY.says, POLICY.answer))


# What libmilter 8.18 answers to an MTA of its own version: 13 octets, its version first.
MILTER = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
while True:
    connection, _ = listener.accept()
    if connection.recv(17).startswith(bytes([0, 0, 0, 13]) + b"O" + bytes([0, 0, 0, 6])):
        connection.sendall(bytes([0, 0, 0, 13]) + b"O" + bytes([0, 0, 0, 6] + [0] * 8))
    connection.close()
"""


@pytest.fixture
def milter(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A process that answers as the four milters do."""
    where = str(tmp_path / "milter")
    with subprocess.Popen([sys.executable, "-c", MILTER, where]) as process:
        yield where, process
        process.kill()


def test_a_milter_answers_until_it_is_stopped(
    milter: tuple[str, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    where, process = milter
    asked = ASKED["opendkim.service"]
    monkeypatch.setitem(ASKED, "opendkim.service", Question(where, asked.says, asked.answer))
    monkeypatch.setattr(answers, "SECONDS", 10.0)
    assert answers.silent(["opendkim.service", "certbot.timer"]) == set()
    monkeypatch.setattr(answers, "SECONDS", 1.0)
    process.send_signal(signal.SIGSTOP)
    assert answers.silent(["opendkim.service", "certbot.timer"]) == {"opendkim.service"}


def test_a_unit_with_a_stopped_process_is_halted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stopped process is looked up in its control group; here with names of our own."""
    group = "0::/system.slice/system-x.slice/mail-relay-limit@messages.service\n"
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            (tmp_path / "17").mkdir()
            (tmp_path / "17" / "stat").symlink_to(f"/proc/{process.pid}/stat")
            (tmp_path / "17" / "cgroup").write_text(group)
            (tmp_path / "18").mkdir()  # it has ended
            monkeypatch.setattr(answers, "PROC", tmp_path)
            assert answers.halted() == set()
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            assert answers.halted() == {"mail-relay-limit@messages.service"}
            assert answers.silent(["mail-relay-limit@messages.service"]) != set()
        finally:
            process.kill()


def test_every_daemon_that_is_asked_is_one_that_mail_needs(units: Callable[[], set[str]]) -> None:
    assert set(ASKED) <= units()


@pytest.fixture
def units() -> Callable[[], set[str]]:
    from test_user_data import KEEPS_MAIL

    from cloudinit import files

    texts = [t for path, t in files(KEEPS_MAIL).items() if "/status.d/" in path]
    return lambda: {word for text in texts for word in text.split('"') if "." in word}

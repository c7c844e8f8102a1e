"""Whoever behaves is served, whatever others do at the same time; our own hosts are never slowed."""

import contextlib
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elsewhere import addresses, login, session
from test_17_floods import GUESSED, forgive
from world import CLIENT, GATEWAY, LOGIN, World, wait_until

from lab import send
from lab.access import entered

ATTACKERS = 10
SECONDS = 30  # a person does not wait longer for a mail program
BURST = 2000


def opened(world: World, source: str, port: int) -> socket.socket:
    with entered(f"{world.lab.namespace}-probe"):
        gateway = world.outputs["gateway"]["address"]
        return socket.create_connection((gateway, port), timeout=20, source_address=(source, 0))


def idle(world: World, source: str, over: threading.Event) -> None:
    """As many connections as there are to be had, and not a word on any."""
    held = []
    while not over.wait(0.05):
        for port in (25, 587, 465):
            with contextlib.suppress(OSError):
                held.append(opened(world, source, port))
        for old in held[:-150]:
            old.close()
        held = held[-150:]
    for one in held:
        one.close()


def slow(world: World, source: str, over: threading.Event) -> None:
    """An octet every few seconds, on many connections."""
    held: list[socket.socket] = []
    while not over.wait(3):
        with contextlib.suppress(OSError):
            held += [opened(world, source, port) for port in (25, 587) for _ in range(15)]
        for one in held:
            with contextlib.suppress(OSError):
                one.send(b"E")
        held = held[-90:]
    for one in held:
        one.close()


def guesses(world: World, source: str, over: threading.Event) -> None:
    """Wrong passwords, as fast as they are answered."""
    number = 0
    while not over.is_set():
        login(world, source, 587, GUESSED[number % len(GUESSED)], f"password-{number}")
        number += 1


def unknown_recipients(world: World, source: str, over: threading.Event) -> None:
    """Addresses that are not there, as fast as they are answered."""
    while not over.is_set():
        with contextlib.suppress(OSError, smtplib.SMTPException):
            with session(world, source, 25, 10) as made:
                made.mail("someone@inbox.example")
                for number in range(100):
                    made.rcpt(f"nobody-{number}@shop.example")


def messages(world: World, source: str, over: threading.Event) -> None:
    """Mail for an address of ours, as fast as it is taken."""
    text = "From: someone@inbox.example\r\nSubject: flood\r\n\r\n" + 100 * "spam\r\n"
    while not over.is_set():
        with contextlib.suppress(OSError, smtplib.SMTPException):
            with session(world, source, 25, 10) as made:
                while not over.is_set():
                    made.sendmail("someone@inbox.example", ["info@shop.example"], text)


FLOODS: list[Callable[..., None]] = [idle, slow, guesses, unknown_recipients, messages]


@pytest.mark.parametrize("flood", FLOODS)
def test_a_good_sender_is_served_beside_a_flood(world: World, flood: Callable[..., None]) -> None:
    over = threading.Event()
    subjects, took = [], []
    with addresses(world, ATTACKERS) as sources:
        threads = [threading.Thread(target=flood, args=(world, s, over)) for s in sources]
        for thread in threads:
            thread.start()
        try:
            time.sleep(8)  # until it is at its height
            for _ in range(4):
                subjects.append(send.unique(f"beside {flood.__name__}"))
                begun = time.monotonic()
                world.submit(send.compose(LOGIN, send.RECIPIENT, subjects[-1]))
                took.append(time.monotonic() - begun)
                begun = time.monotonic()
                with world.session(25, tls=False) as made:
                    made.mail("someone@inbox.example")
                    assert made.rcpt("info@shop.example")[0] == 250
                took.append(time.monotonic() - begun)
                time.sleep(2)
        finally:
            over.set()
            for thread in threads:
                thread.join()
            forgive(world)
    assert max(took) < SECONDS, took
    for subject in subjects:
        assert world.arrived(subject).verdict.passes()

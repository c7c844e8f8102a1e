"""Whoever behaves is served, whatever others do; our own hosts are never slowed down."""

import contextlib
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from elsewhere import addresses, login, session
from test_17_floods import GUESSED, forgive
from world import CLIENT, GATEWAY, LOGIN, World

from lab.access import entered
from lab.internet import send
from lab.wait import until

ATTACKERS = 10
SECONDS = 30  # a person does not wait longer for a mail program
BURST = 2000
LOST = (OSError, smtplib.SMTPException)


def opened(world: World, source: str, port: int) -> socket.socket:
    with entered(f"{world.lab.namespace}-probe"):
        gateway = world.gateway.address
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
        with contextlib.suppress(*LOST), session(world, source, 25, 10) as made:
            made.mail("someone@inbox.example")
            for number in range(100):
                made.rcpt(f"nobody-{number}@shop.example")


def messages(world: World, source: str, over: threading.Event) -> None:
    """Mail for an address of ours, as fast as it is taken."""
    text = "From: someone@inbox.example\r\nSubject: flood\r\n\r\n" + 100 * "spam\r\n"
    while not over.is_set():
        with contextlib.suppress(*LOST), session(world, source, 25, 10) as made:
            while not over.is_set():
                made.sendmail("someone@inbox.example", ["info@shop.example"], text)


@pytest.fixture
def drained(world: World) -> Iterator[str]:
    """What is for send.RECIPIENT goes nowhere, or the inbox's judge had hours to do; another's."""
    away = f"inline:{{ {{ {send.RECIPIENT} = discard: }} }}"
    before = world.run(GATEWAY, "postconf", "-h", "transport_maps").strip()
    world.run(GATEWAY, "postconf", "-e", f"transport_maps = {away}, {before}")
    world.run(GATEWAY, "postfix", "reload")
    yield "you@inbox.example"
    world.run(GATEWAY, "postconf", "-e", f"transport_maps = {before}")
    world.run(GATEWAY, "postfix", "reload")


FLOODS: list[Callable[..., None]] = [idle, slow, guesses, unknown_recipients, messages]


@pytest.mark.parametrize("flood", FLOODS)
def test_a_good_sender_is_served_beside_a_flood(
    world: World, flood: Callable[..., None], drained: str
) -> None:
    over = threading.Event()
    subjects, took = [], []
    with addresses(world.lab, ATTACKERS) as sources:
        threads = [threading.Thread(target=flood, args=(world, s, over)) for s in sources]
        for thread in threads:
            thread.start()
        try:
            time.sleep(8)  # until it is at its height
            for _ in range(4):
                subjects.append(send.unique(f"beside {flood.__name__}"))
                begun = time.monotonic()
                world.submit(send.compose(LOGIN, drained, subjects[-1]))
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


@pytest.mark.usefixtures("drained")
def test_a_clients_burst_goes_at_no_less_than_half_the_gateways_own_pace(world: World) -> None:
    """A newsletter of a client host's programs: few connections, kept, and no limit in the way."""
    before = len(world.log(CLIENT))
    world.run(CLIENT, "postconf", "-e", "defer_transports=smtp")
    world.run(CLIENT, "postfix", "reload")
    sender = ("-f", "app@shop.example", "-t", send.RECIPIENT)
    world.run(CLIENT, "smtp-source", "-s", "10", "-m", str(BURST), *sender, "127.0.0.1:25")
    world.run(CLIENT, "postconf", "-X", "defer_transports")
    begun = time.monotonic()
    world.run(CLIENT, "postfix", "reload")
    world.run(CLIENT, "postqueue", "-f")
    until("all is handed over", lambda: not world.queue(CLIENT), 600, 0.5)
    by_client = BURST / (time.monotonic() - begun)
    said = world.log(CLIENT)[before:]
    assert "rate limit" not in said
    assert "status=deferred (host" not in said
    assert said.count("TLS connection established") < BURST / 20
    assert by_client > pace(world) / 2


def pace(world: World) -> float:
    """Messages a second that the gateway takes and signs from ten sessions with a login."""
    sessions, each = 10, 40

    def hand_in() -> None:
        with world.session(587, login=LOGIN) as made:
            for _ in range(each):
                made.send_message(send.compose(LOGIN, send.RECIPIENT, "pace"))

    threads = [threading.Thread(target=hand_in) for _ in range(sessions)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sessions * each / (time.monotonic() - begun)

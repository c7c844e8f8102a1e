"""Floods and slow clients, and a good sender who is served meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from abuse.place import Place, token
from abuse.probes import content, hand_over
from abuse.row import Mutant, Probe, rows, served
from abuse.talk import CLOSED, Talk

GOOD_SECONDS = 20.0
PATIENT = Mutant(
    "whoever is connected may stay, however many come",
    main={
        "smtpd_client_connection_count_limit": "0",
        "smtpd_client_connection_rate_limit": "0",
        "smtpd_timeout": "300s",
        "smtpd_per_request_deadline": "no",
        "smtpd_starttls_timeout": "300s",
        "default_process_limit": "20",
    },
    master={
        f"{service}/{parameter}": value
        for service in ("smtp/inet", "submission/inet")
        for parameter, value in (
            ("smtpd_client_connection_count_limit", "0"),
            ("smtpd_client_connection_rate_limit", "0"),
            ("smtpd_timeout", "300s"),
        )
    },
    edits={
        "/etc/postfix/master.cf": (
            r"^((?:smtp|submission) +inet +\S+ +\S+ +\S+ +\S+ +)\S+( +smtpd)$",
            r"\g<1>20\g<2>",
        )
    },
)

Attack = Callable[[Place, Talk, threading.Event], None]


def idle(_: Place, talk: Talk, end: threading.Event) -> None:
    """Connected, and silent."""
    talk.reply()
    end.wait(60)


def drip(_: Place, talk: Talk, end: threading.Event) -> None:
    """An octet every second."""
    talk.reply()
    while not end.wait(1) and not talk.closed:
        talk.send(b"E")


def drip_data(place: Place, talk: Talk, end: threading.Event) -> None:
    """A message that never ends, an octet every second."""
    talk.reply()
    talk.say("EHLO x.example")
    talk.say(f"MAIL FROM:<{place.names['friend']}>")
    talk.say(f"RCPT TO:<{place.names['taken']}>")
    talk.say("DATA")
    while not end.wait(1):
        talk.send(b"x")


def chatter(_: Place, talk: Talk, end: threading.Event) -> None:
    """Commands that do nothing, as fast as they are answered."""
    talk.reply()
    while not end.is_set() and talk.say("NOOP") != CLOSED:
        end.wait(0.05)


def guesses(place: Place, talk: Talk, end: threading.Event) -> None:
    """Recipients, one after another."""
    talk.reply()
    talk.say("EHLO x.example")
    talk.say(f"MAIL FROM:<{place.names['friend']}>")
    number = 0
    while (
        not end.is_set() and talk.say(f"RCPT TO:<u{number}@{place.names['receiving']}>") != CLOSED
    ):
        number += 1
        end.wait(0.05)


@contextmanager
def flood(place: Place, port: int, attack: Attack, sources: int, each: int) -> Iterator[None]:
    """So many connections from so many addresses, each with its attack, until the end."""
    end = threading.Event()

    def one(source: str) -> None:
        try:
            with place.talk(port, source) as talk:
                attack(place, talk, end)
        except OSError:
            end.wait(1)

    addresses = [place.attacker() for _ in range(sources)]
    threads = [
        threading.Thread(target=one, args=(address,), daemon=True)
        for address in addresses
        for _ in range(each)
    ]
    for thread in threads:
        thread.start()
    time.sleep(3)
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join(5)
        time.sleep(1)


def beside(port: int, attack: Attack, sources: int = 4, each: int = 40) -> Probe:
    """A good sender hands a message over beside a flood; how long that takes."""

    def probe(place: Place) -> str:
        with flood(place, port, attack, sources, each):
            started = time.monotonic()
            said = _good(place, port)
            took = time.monotonic() - started
        return said if took < GOOD_SECONDS else f"after {took:.0f} s {said}"

    return probe


def _good(place: Place, port: int) -> str:
    word = token()
    try:
        if port == 25:
            message = place.signed(content(place, "From: {friend}", "x\r\n", word, "x@x.example"))
            with place.greeted(25) as talk:
                return hand_over(talk, place.names["friend"], place.names["taken"], message)
        place.hang_up()
        message = content(place, "From: {login}", "x\r\n", word, place.names["inbox"])
        login, reader = place.names["login"], place.names["inbox"]
        return hand_over(place.session(port), login, reader, message)
    except OSError as error:
        return f"not served: {error!r}"


ROWS = rows(
    "floods",
    PATIENT,
    served("250 "),
    {
        "silent connections on 25": beside(25, idle),
        "silent connections on 587": beside(587, idle),
        "an octet a second on 25": beside(25, drip),
        "an octet a second on 587": beside(587, drip),
        "messages that never end": beside(25, drip_data),
        "commands that do nothing": beside(25, chatter),
        "guessed recipients": beside(25, guesses),
    },
    slow=True,
)

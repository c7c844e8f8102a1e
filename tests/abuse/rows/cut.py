"""Sessions that a TCP reset ends in the midst: nothing of them is left, and who comes is served."""

import base64
import contextlib
from collections.abc import Callable

from abuse.mutants import port_25, submission
from abuse.place import Place, token
from abuse.probes import content, hand_over
from abuse.row import Mutant, Probe, rows, served
from abuse.talk import Talk

TIMES = 30
# as a phone that drives through tunnels, or a server behind a bad line
COUNTED = Mutant(
    "cut sessions count against their address",
    master={
        **port_25(smtpd_client_connection_rate_limit="5"),
        **submission(
            smtpd_client_connection_rate_limit="5", smtpd_client_event_limit_exceptions=""
        ),
    },
)

Way = Callable[[Place, Talk, str], None]


def in_data(place: Place, talk: Talk, word: str) -> None:
    """The header, and half of a line."""
    inbound = not talk.tls
    sender, to = ("friend", "taken") if inbound else ("login", "inbox")
    if not inbound:
        talk.authenticate(place.names["login"], place.password())
    talk.say(f"MAIL FROM:<{place.names[sender]}>")
    talk.say(f"RCPT TO:<{place.names[to]}>")
    talk.say("DATA")
    talk.send(content(place, f"From: {{{sender}}}", "half of a li", word, place.names[to]))


def in_auth(place: Place, talk: Talk, word: str) -> None:
    """The name, before the password."""
    del word
    talk.say("AUTH LOGIN")
    talk.say(base64.b64encode(place.names["login"].encode()))


def in_starttls(place: Place, talk: Talk, word: str) -> None:
    """The first octets of a handshake."""
    del place, word
    talk.say("STARTTLS")
    talk.send(b"\x16\x03\x01\x02\x00\x01")


def cut(port: int, way: Way, *, tls: bool) -> Probe:
    """The same address is cut off again and again; what it is told when it comes to its end."""

    def probe(place: Place) -> str:
        place.forget()
        source, word = place.attacker(), token()
        for _ in range(TIMES):
            with (
                contextlib.suppress(ConnectionError, TimeoutError),
                place.greeted(port, tls=tls, source=source) as talk,
            ):
                way(place, talk, word)
                talk.reset()
        try:
            said = _whole(place, port, source)
        except OSError as error:
            return str(error)
        return "half a message arrived" if place.arrived(word, 3) else said

    return probe


def _whole(place: Place, port: int, source: str) -> str:
    if port == 25:
        friend, to = place.names["friend"], place.names["taken"]
        message = place.signed(content(place, "From: {friend}", "x\r\n", token(), to))
        with place.greeted(25, source=source) as talk:
            return hand_over(talk, friend, to, message)
    login, to = place.names["login"], place.names["inbox"]
    with place.greeted(port, tls=True, source=source) as talk:
        said = talk.authenticate(login, place.password())
        message = content(place, "From: {login}", "x\r\n", token(), to)
        return hand_over(talk, login, to, message) if said.startswith("235") else said


ROWS = rows(
    "cut",
    COUNTED,
    served("250 "),
    {
        "in a message on 25": cut(25, in_data, tls=False),
        "in a message on 587": cut(587, in_data, tls=True),
        "in a message on 465": cut(465, in_data, tls=True),
        "in a login on 587": cut(587, in_auth, tls=True),
        "in a login on 465": cut(465, in_auth, tls=True),
        "in STARTTLS on 25": cut(25, in_starttls, tls=False),
        "in STARTTLS on 587": cut(587, in_starttls, tls=False),
    },
    slow=True,
)

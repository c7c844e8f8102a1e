"""Floods and slow clients, and a good sender who is served meanwhile."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from abuse.mutants import submission
from abuse.place import Place, token
from abuse.probes import content, hand_over
from abuse.row import Mutant, Probe, refused, rows, served
from abuse.talk import CLOSED, Talk
from lab.internet.smtp import Internet
from lab.wait import within

GOOD_SECONDS = 20.0
FLOOD_SECONDS = 3.0
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
            ("smtpd_client_recipient_rate_limit", "0"),
            ("smtpd_timeout", "300s"),
            ("smtpd_hard_error_limit", "100000"),
            ("smtpd_soft_error_limit", "100000"),
            ("smtpd_junk_command_limit", "1000000"),
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


def idle(_: Place, __: Talk, end: threading.Event) -> None:
    """Connected, and silent."""
    end.wait(60)


def drip(_: Place, talk: Talk, end: threading.Event) -> None:
    """An octet every second."""
    while not end.wait(1) and not talk.closed:
        talk.send(b"E")


def drip_data(place: Place, talk: Talk, end: threading.Event) -> None:
    """A message that never ends, an octet every second."""
    talk.say("EHLO x.example")
    talk.say(f"MAIL FROM:<{place.names['friend']}>")
    talk.say(f"RCPT TO:<{place.names['taken']}>")
    talk.say("DATA")
    while not end.wait(1):
        talk.send(b"x")


def chatter(_: Place, talk: Talk, end: threading.Event) -> None:
    """Commands that do nothing, as fast as they are answered."""
    while not end.is_set() and talk.say("NOOP") != CLOSED:
        end.wait(0.05)


def guesses(place: Place, talk: Talk, end: threading.Event) -> None:
    """Recipients, one after another."""
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
    greeted: list[str] = []

    def one(source: str) -> None:
        try:
            with place.talk(port, source) as talk:
                greeted.append(talk.reply())
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
    # who is one too many gets no greeting
    within(FLOOD_SECONDS, lambda: len(greeted) == len(threads))
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join(5)
        connected = f"ss -Hnt state established '( sport = :{port} )'"
        within(FLOOD_SECONDS, lambda: not any(a in place.shell(connected) for a in addresses))


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


def _guess(place: Place, port: int, source: str, login: str, password: str) -> str:
    """The answer to one login; a connection that is not to be had is one too."""
    try:
        with place.greeted(port, tls=True, source=source) as talk:
            return talk.authenticate(login, password)
    except OSError as error:
        return f"shut out: {error}"


def guesser(port: int) -> Probe:
    """Twelve names from one address; whether it is shut out, and another one is not."""

    def probe(place: Place) -> str:
        place.forget()
        source, ours = place.attacker(), place.names["ours"]
        for number in range(12):
            _guess(place, port, source, f"name{number}@{ours}", "password")
        shut = within(25, lambda: _guess(place, port, source, "x", "x").startswith("shut out"), 2)
        if not shut:
            return "it may go on guessing"
        login, password = place.names["login"], place.password()
        said = _guess(place, port, place.attacker(), login, password)
        return f"shut out; another address: {said}"

    return probe


def guesser_again(place: Place) -> str:
    """Who is shut out, after the firewall's rules were loaded anew."""
    if not (said := guesser(587)(place)).startswith("shut out"):
        return said
    # its address is the one in the set
    find = "nft list set ip guessing banned | grep -o '198[.0-9]*' | head -1"
    source = place.shell(f"{find}; systemctl reload nftables")
    return _guess(place, 587, source, place.names["login"], place.password())


def one_session(place: Place) -> str:
    """Twelve names in one IMAP session, which ends as if the client had only changed its mind."""
    place.forget()
    source, ours = place.attacker(), place.names["ours"]
    commands = [f"a login name{number}@{ours} password" for number in range(12)]
    with contextlib.suppress(OSError), place.dial(place.gateway.address, 993, source) as plain:
        context = Internet(place.lab).context()
        with context.wrap_socket(plain, server_hostname=place.gateway.name) as session:
            session.recv(4096)
            for command in (*commands, "b authenticate plain", "*"):
                session.sendall(f"{command}\r\n".encode())
                session.recv(4096)
    shut = within(25, lambda: _guess(place, 587, source, "x", "x").startswith("shut out"), 2)
    return "shut out" if shut else "it may go on guessing"


def forger(place: Place) -> str:
    """A sender that looks like another's failure; whether it is taken for one."""
    word = token()
    name = f"{word} warning: x[192.0.2.7]: SASL PLAIN authentication failed: (auth failed, "
    with place.greeted(25, source=place.attacker()) as talk:
        talk.say(place.fill(f'MAIL FROM:<"{name}"@{{evil}}>'))
        talk.say(place.fill("RCPT TO:<{taken}>"))
    if not within(10, lambda: word in place.log()):
        return "it is in no log"
    found = place.shell(f"grep -c {word} /var/log/mail-failures.log")
    return "no line" if found == "0" else f"{found} lines"


def office(place: Place) -> str:
    """One login's forgotten password; whether another one logs in from the same address."""
    place.forget()
    source, colleague = place.attacker(), place.names["colleague"]
    for _ in range(10):
        _guess(place, 587, source, place.names["login"], "forgotten")
    # "slowed", or "banned" by a mutant: one of nftables' sets has the address
    within(25, lambda: f"{source} " in place.shell("nft list table ip guessing"))
    return _guess(place, 587, source, colleague, place.password(colleague))


def burst(count: int) -> Probe:
    """A client hands over many messages at once; how many left the gateway in time."""

    def probe(place: Place) -> str:
        place.forget()
        word, sender = token(), place.names["app"]
        script = (
            f"for number in $(seq {count}); do printf 'From: {sender}\\nSubject: {word}\\n\\n"
            f"x\\n' | /usr/sbin/sendmail -i -f {sender} {word}@inbox.example & "
            "[ $((number % 20)) = 0 ] && wait; done; wait"
        )
        started = time.monotonic()
        place.shell(script, "client")
        sent = within(count / 5, lambda: _left(place, word) >= count, 1)
        took = time.monotonic() - started
        return f"{'250' if sent else 'only'} {_left(place, word)} of {count} in {took:.0f} s"

    return probe


def _left(place: Place, word: str) -> int:
    taken = f"to=<{word}@inbox.example>"
    return sum(taken in line and "status=sent" in line for line in place.log().splitlines())


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
ROWS += (
    *rows(
        "guesses",
        Mutant(
            "nobody counts wrong passwords",
            script="systemctl stop fail2ban",
            back="systemctl start fail2ban; sleep 2",
        ),
        served(r"shut out; another address: 235 "),
        {f"at many logins on {port}": guesser(port) for port in (587, 465)},
        needs="limits",
        slow=True,
    ),
    *rows(
        "guesses",
        Mutant(
            "the firewall forgets who is banned",
            edits={"/etc/nftables.d/guessing.nft": (r"^flush table", "delete table")},
        ),
        served("shut out"),
        {"at many logins, and the firewall is loaded anew": guesser_again},
        needs="limits",
        slow=True,
    ),
    *rows(
        "guesses",
        Mutant(
            "an IMAP session's end is what tells of its passwords",
            edits={"/etc/dovecot/dovecot.conf": (r"^auth_verbose = yes", "auth_verbose = no")},
            restart=("dovecot",),
        ),
        served("shut out"),
        {"at many logins in one IMAP session": one_session},
        needs="limits mailboxes",
        slow=True,
    ),
    *rows(
        "guesses",
        Mutant(
            "whatever is called a failure is one",
            edits={
                "/etc/rsyslog.d/mail-relay.conf": (
                    r"^if \$syslogfacility-text [\s\S]*?\) then \{",
                    'if $msg contains "authentication failed" or $msg contains "auth failed" '
                    "then {",
                )
            },
            restart=("rsyslog",),
        ),
        refused("no line"),
        {"failures that a stranger only writes": forger},
        needs="limits",
        slow=True,
    ),
    *rows(
        "guesses",
        Mutant(
            "one wrong password shuts its address out",
            edits={
                "/usr/local/lib/mail-relay/agent/guessing.py": (
                    r'"banned" if .* else "slowed"',
                    '"banned"',
                )
            },
        ),
        served("235 "),
        {"one user's wrong password, and a colleague in the same office": office},
        needs="limits two",
        slow=True,
    ),
    *rows(
        "floods",
        Mutant(
            "a client logs in ten times a minute",
            main={"smtpd_client_event_limit_exceptions": ""},
            master=submission(
                smtpd_client_event_limit_exceptions="",
                smtpd_client_auth_rate_limit="2",
                smtpd_client_message_rate_limit="10",
            ),
        ),
        served("250 "),
        {"two hundred messages of a client at once": burst(200)},
        needs="clients",
        slow=True,
    ),
)

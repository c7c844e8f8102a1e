"""Sizes and counts: what is too much is refused at once, and for good."""

from abuse.mutants import SHUT, submission
from abuse.place import Place, token
from abuse.probes import content, deliver, hand_over, sent, submit
from abuse.row import Mutant, Probe, refused, rows, served
from abuse.talk import CLOSED, is_refusal

MIB = 1024 * 1024
NO_SIZE = Mutant("no limit of size", main={"message_size_limit": "0", "mailbox_size_limit": "0"})
NO_HOPS = Mutant("mail may go round for ever", main={"hopcount_limit": "1000"})
NO_ERRORS = Mutant(
    "errors are not counted", main={"smtpd_hard_error_limit": "1000", "smtpd_error_sleep_time": "0"}
)
NO_COUNTS = Mutant(
    "connections are not counted",
    main={"smtpd_client_connection_count_limit": "0"},
    master={
        f"{service}/smtpd_client_connection_count_limit": "0"
        for service in ("smtp/inet", "submission/inet", "submissions/inet")
    },
)
# of each count, and so of the last hour's
EARLIER = """
import glob, sqlite3
for file in glob.glob("/run/mail-relay-limits/*/counts.sqlite3"):
    with sqlite3.connect(file) as database:
        database.execute("UPDATE mail_count SET date = date - 3601")
"""
COUNTER = "mail-relay-limit@messages.service"
LONG_HOUR = Mutant(
    "an hour has a day",
    # the agent would mend the file
    script="systemctl stop mail-relay-tables.timer\n"
    "sed -i 's/^\\( *\\)3600$/\\186400/' /srv/mail/tables/current/limits/messages.yaml\n"
    f"systemctl restart {COUNTER}",
    back="systemctl start mail-relay-tables.timer mail-relay-tables.service\n"
    f"systemctl restart {COUNTER}",
)
HEADERS = "".join(f"X-Pad-{number}: {'x' * 900}\r\n" for number in range(80))


def too_large(port: int, told: bool) -> Probe:
    """One octet over the limit, told by SIZE or only sent."""

    def probe(place: Place) -> str:
        limit = place.settings.message_size_limit_mib * MIB
        who = place.names["friend"], place.names["taken"]
        if port != 25:
            who = place.names["login"], place.names["inbox"]
        talk = place.greeted(25) if port == 25 else place.session(port)
        said = talk.say(f"MAIL FROM:<{who[0]}>" + (f" SIZE={limit + 1}" if told else ""))
        if told:
            return said
        talk.say(f"RCPT TO:<{who[1]}>")
        talk.say("DATA")
        line = b"x" * 998 + b"\r\n"
        for _ in range(limit // len(line) + 2):
            talk.send(line)
        said = talk.say(".")
        talk.close()
        return said

    return probe


def errors(port: int) -> Probe:
    """Thirty wrong commands; when the session ends."""

    def probe(place: Place) -> str:
        with place.greeted(port, source=place.attacker()) as talk:
            said = ""
            for number in range(30):
                said = talk.say("RCPT TO:<nobody>")
                if said.startswith("421") or said == CLOSED:
                    return f"421 after {number}"
        return f"still open: {said}"

    return probe


def spam_run(place: Place) -> str:
    """A login with ever more recipients, none of whom gets anything; when it is stopped."""
    place.forget()
    limit = getattr(place.settings, "limits").login.recipients_per_hour  # noqa: B009
    count = 0
    try:
        while count < 3 * limit:
            place.hang_up()
            talk = place.session()
            talk.say(f"MAIL FROM:<{place.names['login']}>")
            for _ in range(900):
                talk.send(b"RCPT TO:<%d@inbox.example>\r\n" % count)
                count += 1
            for _ in range(900):
                talk.reply()
            if is_refusal(said := talk.say("DATA")):
                return said
            talk.close()
        return f"{count} recipients are taken"
    finally:
        place.forget()


def messages_run(place: Place) -> str:
    """A login with ever more messages (each is refused, and counts); when it is stopped."""
    place.forget()
    limit = getattr(place.settings, "limits").login.messages_per_hour  # noqa: B009
    login, to = place.names["login"], place.names["inbox"]
    for _ in range(limit + 1):
        said = hand_over(place.session(), login, to, b"From: a b\r\n\r\nx\r\n")
        if said.startswith("4"):
            return said
    return f"{limit + 1} messages are counted"


def an_hour_later(place: Place) -> str:
    """What a login that was stopped is told when its messages are an hour old."""
    try:
        if not (said := messages_run(place)).startswith("450 "):
            return said
        place.run("python3", "-c", EARLIER)
        message = content(place, "From: {login}", "x\r\n", token(), place.names["inbox"])
        login, to = place.names["login"], place.names["inbox"]
        return hand_over(place.session(), login, to, message)
    finally:
        place.forget()


def stopped(place: Place) -> str:
    """What a login is told at one message more than it may send in an hour."""
    try:
        return messages_run(place)
    finally:
        place.forget()


def connections(port: int, count: int = 80) -> Probe:
    """So many connections from one address; what the last one is told."""

    def probe(place: Place) -> str:
        source, held = place.attacker(), []
        try:
            for _ in range(count):
                talk = place.talk(port, source)
                held.append(talk)
                said = talk.reply(10)
                if not said.startswith("220"):
                    return f"{said} after {len(held)}"
            return f"all {count} are greeted"
        except OSError as error:
            return f"421 {error} after {len(held)}"
        finally:
            for talk in held:
                talk.close()

    return probe


ROWS = (
    *rows(
        "limits",
        NO_SIZE,
        refused(r"552 "),
        {
            "a size over the limit on 25": too_large(25, True),
            "a size over the limit on 587": too_large(587, True),
            "an octet over the limit on 25": too_large(25, False),
        },
    ),
    *rows(
        "limits",
        NO_HOPS,
        refused(r"5\d\d "),
        {
            "forty hops": deliver(
                "Received: from a by b; Tue, 24 Nov 2026 00:00:00 +0000\r\n" * 40
                + "From: {friend}",
                sender="{friend}",
                signed=True,
            ),
            "forty hops by a login": submit(
                "Received: from a by b; Tue, 24 Nov 2026 00:00:00 +0000\r\n" * 40 + "From: {login}",
            ),
        },
    ),
    *rows(
        "limits",
        NO_ERRORS,
        refused("421 "),
        {f"thirty errors on {port}": errors(port) for port in (25, 587)},
    ),
    *rows(
        "limits",
        NO_COUNTS,
        refused(r"4\d\d "),
        {f"eighty connections of one address on {port}": connections(port) for port in (25, 587)},
    ),
    *rows(
        "limits",
        SHUT,
        served(r"250 |552 "),
        {
            "seventy thousand octets of headers from a friend": deliver(
                HEADERS + "From: {friend}", sender="{friend}", signed=True
            )
        },
    ),
    *rows(
        "limits",
        Mutant(
            "a login's mail is not taken",
            main={"soft_bounce": "no"},
            master={
                "submission/inet/smtpd_recipient_restrictions": "reject",
            },
        ),
        served(r"250 |552 |arrived spf=pass dkim=pass dmarc=pass"),
        {
            "seventy thousand octets of headers": submit(HEADERS + "From: {login}"),
            "a mebibyte": sent(body=("x" * 70 + "\r\n") * 15_000),
        },
    ),
    *rows(
        "limits",
        Mutant("nobody counts what a login sends", master=submission(smtpd_data_restrictions="")),
        refused(r"4\d\d "),
        {
            "a stolen password's spam run": spam_run,
            "a stolen password's message too many": stopped,
        },
        needs="limits",
        slow=True,
    ),
    *rows(
        "limits",
        LONG_HOUR,
        served("250 "),
        {"a login that was stopped, an hour later": an_hour_later},
        needs="limits",
        slow=True,
    ),
)

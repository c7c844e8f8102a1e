"""Envelope senders of forwarded mail (SRS): nobody guesses one, and they take bounces alone."""

import re

from abuse.mutants import EVERYBODY, OPEN, SHUT, port_25
from abuse.place import Place, token
from abuse.probes import content, hand_over, is_refusal, rcpt, say
from abuse.row import Mutant, Probe, refused, rows, served

FOR_ALL = Mutant(
    "addresses of SRS take mail from everybody, in every spelling",
    master=port_25(
        **EVERYBODY,
        smtpd_sender_restrictions="",
        smtpd_recipient_restrictions=OPEN,
        smtpd_relay_restrictions=OPEN,
        smtpd_reject_unlisted_recipient="no",
    ),
)


def forwarded(place: Place) -> str:
    """The envelope sender that a friend's mail is forwarded with."""
    if (known := place.names.get("srs")) is None:
        word = token()
        message = place.signed(content(place, "From: {friend}", "x\r\n", word, "x@x.example"))
        with place.greeted(25) as talk:
            said = hand_over(talk, place.names["friend"], place.names["forward"], message)
        found = None if is_refusal(said) else place.arrived(word)
        if found is None or isinstance(found, str):
            raise LookupError(f"nothing was forwarded: {said}")
        known = place.names["srs"] = found.sender
    return known


def back(sender: str, change: str = "") -> Probe:
    """A recipient of SRS from a sender, changed in one way; the reply to RCPT."""

    def probe(place: Place) -> str:
        address = forwarded(place)
        head, _, rest = address.partition("=")
        mark, _, end = rest.partition("=")
        if change == "short":
            mark = mark[:4]
        elif change == "empty":
            mark = ""
        elif change == "letter":
            # postsrsd looks at no case, which local parts may lose on their way
            mark = ("B" if mark[0] not in "bB" else "C") + mark[1:]
        elif change == "target":
            end = re.sub(r"=[^=]+=[^@=]+@", "=inbox.example=you@", end)
        elif change == "day":
            end = "AA" + end[2:]
        with place.greeted(25) as talk:
            if is_refusal(said := talk.say(f"MAIL FROM:<{place.fill(sender)}>")):
                return said
            return talk.say(f"RCPT TO:<{head}={mark}={end}>")

    return probe


ROWS = (
    *rows(
        "SRS",
        FOR_ALL,
        refused(r"5\d\d "),
        {
            "a valid one from a stranger": back("{friend}"),
            "a valid one from a domain without records": back("x@{quiet}"),
            "with a part of its hash": back("", "short"),
            "without a hash": back("", "empty"),
            "with another letter in its hash": back("", "letter"),
            "with another target": back("", "target"),
            "with another day": back("", "day"),
        },
        needs="forwards",
    ),
    *rows(
        "SRS",
        FOR_ALL,
        refused(r"5\d\d "),
        {
            "a guess": rcpt("SRS0=AAAA=AA=inbox.example=you@{host}", ""),
            "a guess in small letters": rcpt("srs0=aaaa=aa=inbox.example=you@{host}", ""),
            "a guess with a plus": rcpt("SRS0+AAAA=AA=inbox.example=you@{host}", ""),
            "a guess of the second kind": rcpt("SRS1=AAAA=x.example==BB=AA=y.example=z@{host}", ""),
            "a guess at our domain": rcpt("SRS0=AAAA=AA=inbox.example=you@{closed}", ""),
            "a guess after EHLO as us": say(
                "MAIL FROM:<>",
                "RCPT TO:<SRS0=AAAA=AA=inbox.example=you@{host}>",
                helo="EHLO {host}",
            ),
        },
        needs="closed",
    ),
    *rows(
        "SRS",
        SHUT,
        served("250 "),
        {"a bounce": back("")},
        needs="forwards",
    ),
)

"""Notices that a forged sender would get: none leaves (RFC 5321, 6.1; RFC 3834, 2)."""

import re

from abuse.mutants import port_25
from abuse.place import Place, token
from abuse.probes import content, hand_over, is_refusal
from abuse.row import Mutant, Probe, refused, rows
from lab.wait import within

SPOKEN = Mutant(
    "forwarded mail that is refused comes back to whoever it names",
    master=port_25(smtpd_milters="", smtpd_sender_restrictions="", smtpd_discard_ehlo_keywords=""),
)


def returned(
    sender: str,
    subject: str = "please refuse this",
    head: str = "From: x@{evil}",
    rcpt: str = "",
    to: str = "{forward}",
) -> Probe:
    """Mail for a forward whose target refuses it; whether its sender gets a notice of ours."""

    def probe(place: Place) -> str:
        word, reader = token(), place.fill(to)
        message = content(place, f"{head}\r\nSubject: {subject} {word}", "x\r\n", word, reader)
        with place.greeted(25) as talk:
            said = hand_over(talk, place.fill(sender), reader, message, rcpt=rcpt)
        if is_refusal(said):
            return said
        found = re.search(r"queued as (\w+)", said)
        number = found[1] if found else "none"
        if not within(30, lambda: f"{number}: removed" in place.log()):
            return f"{said}; it still waits"
        own = [line for line in place.log().splitlines() if f" {number}: " in line]
        notices = [line.rpartition(": ")[2] for line in own if "notification: " in line]
        return _where(place, notices[0]) if notices else "250 no notice"

    return probe


def _where(place: Place, notice: str) -> str:
    """What became of a notice: who is to have it, or that it ended here."""

    def tried() -> list[str]:
        lines = place.log().splitlines()
        return [line for line in lines if f" {notice}: to=<" in line]

    if not within(20, tried):
        return f"a notice is on its way: {notice}"
    ended = all("relay=none" in line and "status=sent" in line for line in tried())
    return "250 no notice" if ended else f"a notice left: {tried()[0]}"


ROWS = (
    *rows(
        "backscatter",
        SPOKEN,
        refused(r"5\d\d |250 no notice"),
        {
            "a victim whose SPF does not know the sender": returned("victim@inbox.example"),
            "a victim without SPF": returned("victim@{quiet}"),
            "a victim in the author's name": returned(
                "victim@inbox.example", head="From: victim@inbox.example"
            ),
            "a victim with a notice wanted": returned(
                "victim@{quiet}", rcpt=" NOTIFY=SUCCESS,FAILURE"
            ),
            "a victim behind an extension": returned("victim+x@inbox.example", to="{forward}"),
        },
        needs="forwards direct",
    ),
    *rows(
        "backscatter",
        Mutant(
            "success notices for strangers",
            master=port_25(smtpd_discard_ehlo_keywords="", smtpd_milters=""),
        ),
        refused(r"5\d\d |250 no notice"),
        {
            "a success notice for a forward": returned(
                "{friend}", "hello", "From: {friend}", " NOTIFY=SUCCESS", "{taken}"
            ),
            "a success notice to a victim": returned(
                "victim@{quiet}", "hello", "From: x@{evil}", " NOTIFY=SUCCESS", "{taken}"
            ),
        },
    ),
)

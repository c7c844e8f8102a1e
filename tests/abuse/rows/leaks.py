"""What a stranger learns: no versions, no addresses of ours, no names of who is here."""

from abuse.mutants import submission
from abuse.place import Place, token
from abuse.probes import arrival, content, sent
from abuse.row import Mutant, Probe, refused, rows
from abuse.rows.auth import ANY_PASSWORD
from lab.internet.inbox.message import Message

SHOWN = Mutant(
    "the hop of a login is written down", master=submission(smtpd_hide_client_session="no")
)
TOLD = Mutant(
    "the greeting tells the version",
    main={"smtpd_banner": "$myhostname ESMTP $mail_name ($mail_version)"},
)


def _hop(place: Place, message: Message) -> str:
    """Whether what left tells where its author was, or by which login it came."""
    head = message.raw.replace("\r\n", "\n").partition("\n\n")[0]
    hops = [line for line in head.replace("\n\t", " ").splitlines() if line[:9] == "Received:"]
    ours = [hop for hop in hops if f"by {place.names['host']}" in hop]
    told = [hop for hop in ours if "198.51.100." in hop or "ESMTPSA" in hop or "laptop" in hop]
    return f"told: {told[0]}" if told else "nothing told"


def greeting(port: int) -> Probe:
    """The first line that the gateway says."""

    def probe(place: Place) -> str:
        with place.talk(port) as talk:
            return talk.reply()

    return probe


def of_client(look: str) -> Probe:
    """Mail of a client's program; whether it tells the client's address inside."""

    def probe(place: Place) -> str:
        word = token()
        message = content(place, "From: {app}", "Hello.\n", word, place.names["inbox"])
        text = message.decode().replace("\r\n", "\n")
        command = place.fill("/usr/sbin/sendmail -i -f {app} {inbox}")
        place.run("sh", "-c", command, host="client", text=text)
        return arrival(
            place, word, lambda _, m: "told" if look in m.raw else "nothing told"
        ).partition("; ")[2]

    return probe


def same_answer(port: int) -> Probe:
    """A wrong password of a login that there is, and of one that there is not."""

    def probe(place: Place) -> str:
        said: list[str] = []
        for name in (place.names["login"], "nobody-here@" + place.names["ours"]):
            with place.greeted(port, tls=True, source=place.attacker()) as talk:
                said.append(talk.authenticate(name, "wrong-password"))
        return f"the same: {said[0]}" if said[0] == said[1] else " | ".join(said)

    return probe


ROWS = (
    *rows(
        "leaks",
        TOLD,
        refused(r"220 [a-z0-9.-]+ ESMTP( Postfix)?$"),
        {f"the greeting on {port}": greeting(port) for port in (25, 587, 465)},
    ),
    *rows(
        "leaks",
        SHOWN,
        refused("arrived .*; nothing told"),
        {
            "where a login's author is": sent(look=_hop),
            "where a login's author is, by 465": sent(port=465, look=_hop),
        },
    ),
    *rows(
        "leaks",
        SHOWN,
        refused("nothing told"),
        {"where a client is inside": of_client("[10.20.")},
        needs="private",
    ),
    *rows(
        "leaks",
        ANY_PASSWORD,
        refused("the same: 535 "),
        {f"which logins there are, on {port}": same_answer(port) for port in (587, 465)},
    ),
)

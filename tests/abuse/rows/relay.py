"""Relay in every spelling (RFC 5321, 3.6 and its history), unknown users, system users."""

from abuse.mutants import LOCAL, NO_LOGIN, OPEN_RELAY, SHUT
from abuse.probes import deliver, logged_in, rcpt, say
from abuse.row import Mutant, refused, rows, served

FROM_FRIEND = "MAIL FROM:<{friend}>"
ELSEWHERE = "RCPT TO:<you@inbox.example>"
NO = refused(r"5\d\d ")

BEYOND_ASCII = Mutant(
    "recipients are of any characters",
    edits={"/etc/postfix/inbound_recipients": (r"^/\[\^ -~\]/ .*", "")},
    restart=("postfix",),
)

ROWS = (
    *rows(
        "relay",
        BEYOND_ASCII,
        refused(r"553 5\.6\.7"),
        {
            "a recipient beyond ASCII": rcpt("j\u00fcrgen@{receiving}"),
            "a recipient beyond ASCII, by a login": logged_in(
                "MAIL FROM:<{login}>", "RCPT TO:<j\u00fcrgen@inbox.example>"
            ),
        },
    ),
    *rows(
        "relay",
        OPEN_RELAY,
        NO,
        {
            "an address elsewhere": rcpt("you@inbox.example"),
            "in capitals": rcpt("YOU@INBOX.EXAMPLE"),
            "with a final dot": rcpt("you@inbox.example."),
            "at the receiving server": rcpt("you@mx.inbox.example"),
            "at an address literal": rcpt("you@[198.51.100.10]"),
            "at another loopback's literal": rcpt("daemon@[127.0.0.2]"),
            "at an IPv6 literal": rcpt("you@[IPv6:::ffff:198.51.100.10]"),
            "percent at our domain": rcpt("you%inbox.example@{closed}"),
            "percent at the host": rcpt("you%inbox.example@{host}"),
            "percent at the host's address": rcpt("you%inbox.example@[{address}]"),
            "percent twice": rcpt("you%inbox.example%{closed}@{host}"),
            "percent without a domain": rcpt("you%inbox.example"),
            "bang at our domain": rcpt("inbox.example!you@{closed}"),
            "bang without a domain": rcpt("inbox.example!you"),
            "bang and percent": rcpt("inbox.example!you%{closed}@{host}"),
            "a source route": rcpt("@{closed}:you@inbox.example"),
            "a source route of two": rcpt("@{closed},@{host}:you@inbox.example"),
            "an address in quotes at our domain": rcpt('"you@inbox.example"@{closed}'),
            "an address in quotes at the host": rcpt('"you@inbox.example"@{host}'),
            "an address in quotes alone": rcpt('"you@inbox.example"'),
            "an address in quotes at the host's address": rcpt('"you@inbox.example"@[{address}]'),
            "percent in quotes alone": rcpt('"you%inbox.example"'),
            "percent in quotes": rcpt('"you%inbox.example"@{host}'),
            "two at signs": rcpt("you@inbox.example@{closed}"),
            "an at sign escaped": rcpt("you\\@inbox.example@{closed}"),
            "a name below our domain": rcpt("{user}@sub.{ours}"),
            "from nobody": rcpt("you@inbox.example", ""),
            "from one of ours": rcpt("you@inbox.example", "{login}"),
            "from the host's postmaster": rcpt("you@inbox.example", "postmaster@{host}"),
            "from the host's address": rcpt("you@inbox.example", "x@[{address}]"),
            "from root at localhost": rcpt("you@inbox.example", "root@localhost"),
            "with our name in EHLO": say(FROM_FRIEND, ELSEWHERE, helo="EHLO {host}"),
            "with localhost in HELO": say(FROM_FRIEND, ELSEWHERE, helo="HELO localhost"),
            "with a loopback literal in EHLO": say(FROM_FRIEND, ELSEWHERE, helo="EHLO [127.0.0.1]"),
            "inside TLS": say(FROM_FRIEND, ELSEWHERE, tls=True),
            "behind a good recipient": say(FROM_FRIEND, "RCPT TO:<{taken}>", ELSEWHERE),
            "for which a success notice is wanted": say(
                FROM_FRIEND, "RCPT TO:<you@inbox.example> NOTIFY=SUCCESS"
            ),
        },
        needs="closed",
    ),
    *rows(
        "relay",
        NO_LOGIN,
        NO,
        {
            f"{words} on {port} without a login": say(
                f"MAIL FROM:<{sender}>", ELSEWHERE, port=port, tls=port == 587
            )
            for port in (587, 465)
            for words, sender in (("as a user", "{login}"), ("as nobody", ""))
        },
    ),
    *rows(
        "unknown users",
        OPEN_RELAY,
        NO,
        {
            "a name that nobody has": rcpt("nobody-here@{closed}"),
            "with an extension": rcpt("nobody-here+x@{closed}"),
            "an address with a letter more": rcpt("x{taken}x"),
            "at the host's own name": rcpt("nobody-here@{host}"),
            "a system user at the host": rcpt("opendkim@{host}"),
            "a system user at our domain": rcpt("daemon@{closed}"),
            "a catch-all's own spelling": rcpt("@{closed}"),
        },
        needs="closed",
    ),
    *rows(
        "system users",
        LOCAL,
        NO,
        {
            "daemon at localhost": rcpt("daemon@localhost"),
            "in capitals": rcpt("daemon@LOCALHOST"),
            "with a final dot": rcpt("daemon@localhost."),
            "in quotes": rcpt('"daemon"@localhost'),
            "with an extension": rcpt("daemon+x@localhost"),
            "from nobody": rcpt("daemon@localhost", ""),
            "at the loopback's literal": rcpt("daemon@[127.0.0.1]"),
            "at the host's private address": rcpt("daemon@[{private}]"),
        },
    ),
    *rows(
        "known users",
        SHUT,
        served("arrived"),
        {
            "a friend's signed mail": deliver(
                "From: {friend}", sender="{friend}", signed=True, arrives=True
            ),
            "a recipient with an extension": deliver(
                "From: {friend}", sender="{friend}", signed=True, to="{extended}", arrives=True
            ),
            "a recipient in capitals": deliver(
                "From: {friend}", sender="{friend}", signed=True, to="{shouted}", arrives=True
            ),
        },
    ),
    *rows(
        "known users",
        SHUT,
        served(r"250 "),
        {
            "postmaster": rcpt("postmaster@{receiving}"),
            "abuse": rcpt("abuse@{receiving}"),
            "the host's postmaster": rcpt("postmaster@{host}"),
            "the host's abuse": rcpt("abuse@{host}"),
            "a bounce": rcpt("{taken}", ""),
        },
    ),
)

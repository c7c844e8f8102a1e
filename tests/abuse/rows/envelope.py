"""The envelope sender of a login, and of strangers who would be one of us."""

from abuse.mutants import port_25, submission
from abuse.probes import logged_in, rcpt, submit
from abuse.row import Mutant, Probe, refused, rows, served

UNHELD_ENVELOPE = Mutant(
    "a login sends as it likes", master=submission(smtpd_sender_restrictions="")
)
OURS_BY_25 = Mutant("strangers send as us", master=port_25(smtpd_sender_restrictions=""))


def envelope(sender: str, port: int = 587) -> Probe:
    """A login's envelope, up to the recipient."""
    return logged_in(f"MAIL FROM:<{sender}>", "RCPT TO:<{inbox}>", port=port)


ROWS = (
    *rows(
        "envelope",
        UNHELD_ENVELOPE,
        refused(r"5\d\d "),
        {
            "another of our domain": envelope("{boss}"),
            "another of our domain on 465": envelope("{boss}", 465),
            "with an extension": envelope("boss+x@{ours}"),
            "in capitals": envelope("BOSS@{ours}"),
            "by a source route": envelope("@x.example:{boss}"),
            "in quotes": envelope('"boss"@{ours}'),
            "somebody elsewhere": envelope("ceo@{bank}"),
            "below our domain": envelope("{user}@sub.{ours}"),
            "root of the host": envelope("root@{host}"),
            "the host's MAILER-DAEMON": envelope("MAILER-DAEMON@{host}"),
            "an address of SRS": envelope("SRS0=AAAA=AA=x.example=x@{host}"),
            "two at signs": envelope("{boss}@inbox.example"),
        },
    ),
    *rows(
        "envelope",
        UNHELD_ENVELOPE,
        refused(r"5\d\d "),
        {"the colleague with a login": envelope("{colleague}")},
        needs="two",
    ),
    *rows(
        "envelope",
        Mutant("no extension is known", main={"recipient_delimiter": ""}),
        served("250 "),
        {
            "the login with an extension": submit(
                "From: {user}+shop@{ours}", sender="{user}+shop@{ours}"
            )
        },
    ),
    *rows(
        "envelope",
        OURS_BY_25,
        refused(r"5\d\d "),
        {
            "a stranger as a login": rcpt("{taken}", "{login}"),
            "a stranger as another of ours": rcpt("{taken}", "{boss}"),
            "a stranger in capitals": rcpt("{taken}", "BOSS@{ours}"),
            "a stranger as the host": rcpt("{taken}", "root@{host}"),
            "a stranger without a domain": rcpt("{taken}", "boss"),
            "a domain that does not exist": rcpt("{taken}", "x@no-such-domain.invalid"),
            "a sender in quotes": rcpt("{taken}", '"a@{bank}"@{evil}'),
            "a sender with a space": rcpt("{taken}", '"a b"@{evil}'),
            "a sender with our address in quotes": rcpt("{taken}", '"{boss}"@{evil}'),
            "a sender with an at sign escaped": rcpt("{taken}", "a\\@{bank}@{evil}"),
        },
    ),
)

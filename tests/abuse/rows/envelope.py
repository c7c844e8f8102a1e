"""The envelope sender of a login, and of strangers who would be one of us."""

from abuse.mutants import UNJUDGED, submission
from abuse.probes import deliver, logged_in, submit
from abuse.row import Mutant, Probe, refused, rows, served

UNHELD_ENVELOPE = Mutant(
    "a login sends as it likes", master=submission(smtpd_sender_restrictions="")
)


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
        UNJUDGED,
        refused(r"5\d\d "),
        {
            f"a stranger as {who}": deliver("From: x@{evil}", sender=sender)
            for who, sender in {
                "a login": "{login}",
                "another of ours": "{boss}",
                "another in capitals": "BOSS@{ours}",
                "the host": "root@{host}",
                "a name without a domain": "boss",
                "the bank, in quotes": '"a@{bank}"@{evil}',
                "a name with a space": '"a b"@{evil}',
                "another of ours, in quotes": '"{boss}"@{evil}',
                "the bank, with an at sign escaped": "a\\@{bank}@{evil}",
                "the bank, by a source route": "@{bank}:x@{evil}",
            }.items()
        },
    ),
    *rows(
        "envelope",
        UNJUDGED,
        refused(r"[45]\d\d "),
        {
            "a stranger at a domain that does not exist": deliver(
                "From: x@{evil}", sender="x@no-such-domain.invalid"
            )
        },
    ),
)

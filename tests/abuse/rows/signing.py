"""What leaves is signed, by every way out, and still verifies where it arrives."""

from collections.abc import Callable

from abuse.mutants import UNSIGNED, submission
from abuse.place import Place, token
from abuse.probes import arrival, content, sent
from abuse.row import PASSES, Mutant, Probe, refused, rows, served

UNSIGNED_HERE = Mutant(
    "what the host itself sends is not signed",
    main={"non_smtpd_milters": "", "internal_mail_filter_classes": ""},
)
# Postfix cuts what is long after it was signed, as it does where nobody sets anything
UNFOLDED = Mutant(
    "long lines are cut on their way out",
    main={"smtp_line_length_limit": "998"},
    master={
        **submission(smtpd_milters="$signer"),
        "submit/unix/body_checks": "",
        "submit/unix/header_checks": "",
        "submit/unix/mime_header_checks": "",
        "submit/unix/nested_header_checks": "",
    },
)
EIGHT_BIT = Mutant(
    "8-bit mail leaves as it is", master={"submit/unix/force_mime_input_conversion": "no"}
)

MIME = "From: {login}\r\nMIME-Version: 1.0\r\nContent-Type: "
PART = MIME + "multipart/mixed; boundary=b\r\n"
IDS = " ".join(f"<{number:03}.{'x' * 50}@shop.example>" for number in range(24))
MANY = ", ".join(f"reader{number}@inbox.example" for number in range(60))


def by_sendmail(head: str, sender: str, host: str = "gateway", user: str = "root") -> Probe:
    """A program on a host hands a message to sendmail; what the receiver found of it."""

    def probe(place: Place) -> str:
        word, reader = token(), place.names["inbox"]
        message = content(place, head, "Hello.\n", word, reader).decode().replace("\r\n", "\n")
        command = f"/usr/sbin/sendmail -i -f {place.fill(sender)} {reader}"
        said = place.run("runuser", "-u", user, "--", "sh", "-c", command, host=host, text=message)
        return f"5.. {said}" if said else arrival(place, word)

    return probe


BACK_DOOR = """
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 10026, timeout=20) as session:
    session.sendmail(sys.argv[1], ["x@inbox.example"], f"From: {sys.argv[1]}\\r\\n\\r\\nx\\r\\n")
print("250 taken")
"""


def by_the_way_back(user: str) -> Probe:
    """A system user of the gateway speaks to the listener for folded mail."""

    def probe(place: Place) -> str:
        command = ("runuser", "-u", user, "--", "python3", "-c", BACK_DOOR)
        return place.run(*command, place.names["login"]).splitlines()[-1]

    return probe


def bounced(look: Callable[[str], str] = lambda _: "") -> Probe:
    """A login writes to a name that does not exist; what it gets back."""

    def probe(place: Place) -> str:
        from abuse.probes import hand_over

        word, login = token(), place.names["login"]
        nowhere = f"{word}@nowhere.invalid"
        message = content(place, "From: {login}", "Hello.\r\n", word, nowhere)
        said = hand_over(place.session(), login, nowhere, message)
        if not said.startswith("250"):
            return said
        found = place.arrived(f"<{nowhere}>: Host or domain name not found")
        if found is None:
            return "it never arrived"
        return arrival(place, f"<{nowhere}>: Host or domain name not found")

    return probe


ROWS = (
    *rows(
        "signing",
        UNSIGNED,
        PASSES,
        {
            "by 587": sent(),
            "by 465": sent(port=465),
        },
    ),
    *rows(
        "signing",
        UNFOLDED,
        PASSES,
        {
            "a long line": sent(body="x" * 5000 + "\r\n"),
            "a long line far down": sent(body="0123456789\r\n" * 20_000 + "x" * 3000 + "\r\n"),
            "sixty readers in Cc": sent(f"From: {{login}}\r\nCc: {MANY}"),
            "a thread's References": sent(f"From: {{login}}\r\nReferences: {IDS}"),
            "a thread's In-Reply-To": sent(f"From: {{login}}\r\nIn-Reply-To: {IDS}"),
            "a long List-Unsubscribe": sent(
                f"From: {{login}}\r\nList-Unsubscribe: <https://example.com/?{'t' * 1100}>"
            ),
            "a long header of a part": sent(
                PART,
                f"--b\r\nContent-Type: text/plain; name={'n ' * 700}\r\n\r\nx\r\n--b--\r\n",
            ),
            "a long header of an attached message": sent(
                PART,
                "--b\r\nContent-Type: message/rfc822\r\n\r\n"
                f"References: {IDS}\r\n\r\nx\r\n--b--\r\n",
            ),
        },
    ),
    *rows(
        "signing",
        EIGHT_BIT,
        served("arrived spf=pass dkim=pass dmarc=pass; 7-bit"),
        {
            "8-bit text": sent(
                MIME + "text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit",
                "Gr\u00fc\u00dfe aus K\u00f6ln.\r\n",
                mail=" BODY=8BITMIME",
                look=lambda _, message: "7-bit" if message.raw.isascii() else "8-bit",
            ),
        },
    ),
    *rows(
        "signing",
        UNSIGNED_HERE,
        # no judge looks for a policy above a name whose top is no public suffix
        served(r"arrived spf=pass dkim=pass dmarc=(pass|none)"),
        {"root's mail of the gateway": by_sendmail("From: root@{host}", "root@{host}")},
    ),
    *rows(
        "signing",
        UNSIGNED_HERE,
        PASSES,
        {
            "cron's From": by_sendmail("From: root (Cron Daemon)", "root"),
            "mail without From": by_sendmail("X-Mailer: x", "root"),
        },
    ),
    *rows(
        "signing",
        UNSIGNED_HERE,
        served(r"arrived spf=\S+ dkim=pass dmarc=pass|arrived in its mailbox, signed"),
        {"a bounce": bounced()},
        needs="direct",
    ),
    *rows(
        "signing",
        UNSIGNED,
        PASSES,
        {
            "a client's program": by_sendmail("From: {app}", "{app}", "client", "nobody"),
            "a client's root": by_sendmail("From: root@{client}", "root@{client}", "client"),
            "a client's cron": by_sendmail("From: root (Cron Daemon)", "root", "client"),
        },
        needs="clients",
    ),
    *rows(
        "local users",
        Mutant(
            "every user of the gateway sends as anybody",
            main={
                "local_login_sender_maps": "static:*",
            },
        ),
        refused(r"5"),
        {
            f"{user} by sendmail": by_sendmail("From: {login}", "{login}", user=user)
            for user in ("nobody", "opendmarc", "_apt")
        },
    ),
    *rows(
        "local users",
        Mutant(
            "every user of the gateway reaches the way back of folded mail",
            script="nft flush ruleset",
            back="nft -f /etc/nftables.conf; "
            "[ ! -x /usr/local/lib/mail-relay/firewall ] || /usr/local/lib/mail-relay/firewall",
        ),
        refused(r"(?!250)"),
        {
            f"{user} by the way back of folded mail": by_the_way_back(user)
            for user in ("nobody", "opendmarc")
        },
    ),
)

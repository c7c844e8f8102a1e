"""Logging in: where it is offered, and every way to do it without the right."""

from abuse.mutants import CLEAR, port_25
from abuse.place import Place
from abuse.probes import keywords, login, say
from abuse.row import Mutant, Probe, refused, rows, served

# says yes to whoever asks, in the protocol of Dovecot's auth service
ANYBODY = """
import base64, os, socketserver
PATH = "/run/battery-auth"
class Yes(socketserver.StreamRequestHandler):
    def handle(self):
        hello = "VERSION\\t1\\t2\\nMECH\\tPLAIN\\tplaintext\\nMECH\\tLOGIN\\tplaintext\\n"
        self.wfile.write((hello + "SPID\\t1\\nCUID\\t1\\nCOOKIE\\tx\\nDONE\\n").encode())
        for line in self.rfile:
            part = line.decode().rstrip("\\n").split("\\t")
            if part[0] == "AUTH":
                resp = [p[5:] for p in part if p.startswith("resp=")]
                user = base64.b64decode(resp[0]).split(b"\\0")[1].decode() if resp else "x"
                self.wfile.write(f"OK\\t{part[1]}\\tuser={user or 'x'}\\n".encode())
socketserver.ThreadingUnixStreamServer(PATH, Yes).serve_forever()
"""
ANY_PASSWORD = Mutant(
    "every password is right",
    main={"smtpd_sasl_path": "/run/battery-auth", "smtpd_sasl_type": "dovecot"},
    files={"/run/battery-auth.py": ANYBODY},
    script="rm -f /run/battery-auth; systemctl reset-failed battery-auth 2>/dev/null || true\n"
    "systemd-run -q --unit=battery-auth --property=UMask=0 python3 /run/battery-auth.py\n"
    "for i in 1 2 3 4 5 6 7 8 9; do [ -S /run/battery-auth ] && break; sleep 0.3; done",
    back="systemctl stop battery-auth",
)
ON_25 = Mutant("logins are taken on 25", master=port_25(smtpd_sasl_auth_enable="yes"))
ANONYMOUS = Mutant(
    "a login needs no name",
    main={"smtpd_sasl_security_options": "", "smtpd_sasl_tls_security_options": ""},
    edits={
        "/etc/dovecot/dovecot.conf": (r"^auth_mechanisms = (.*)", r"auth_mechanisms = \1 anonymous")
    },
    restart=("dovecot",),
)
NO_PASSWORDS = Mutant(
    "the passwords are gone",
    edits={"/etc/dovecot/dovecot.conf": (r"tables/current/passwords", "tables/nowhere")},
    restart=("dovecot",),
)
DOVECOT_ANY = Mutant(
    "a mailbox opens for one more password",
    edits={
        "/etc/dovecot/dovecot.conf": (
            r"^passdb passwd-file",
            "passdb static {\n  password = wrong-password\n}\npassdb passwd-file",
        )
    },
    restart=("dovecot",),
)


def imap(user: str, password: str) -> Probe:
    """What IMAP on 993 says to a LOGIN."""

    def probe(place: Place) -> str:
        import imaplib

        from lab.imap import Imap

        host, right = place.gateway, place.password(place.names["mailbox"])
        word = password.replace("RIGHT", right)
        try:
            Imap(place.lab, host.name, host.address, place.fill(user), word).logout()
        except imaplib.IMAP4.error as error:
            return f"NO {error}"
        return "OK"

    return probe


ROWS = (
    *rows(
        "login",
        ON_25,
        refused(r"250(?!.*AUTH)"),
        {
            "not offered on 25 inside TLS": keywords(25, tls=True),
        },
    ),
    *rows(
        "login",
        ON_25,
        refused(r"50[023] "),
        {"AUTH on 25": say("AUTH PLAIN AAAA", tls=True)},
    ),
    *rows(
        "login",
        CLEAR,
        refused(r"250(?!.*AUTH)"),
        {"not offered in clear": keywords(587)},
    ),
    *rows(
        "login",
        CLEAR,
        refused(r"530 "),
        {
            "AUTH in clear": say("AUTH PLAIN AAAA", port=587),
            "MAIL in clear": say("MAIL FROM:<{login}>", port=587),
        },
    ),
    *rows(
        "login",
        ANONYMOUS,
        refused(r"5\d\d "),
        {
            "without a name": say("AUTH ANONYMOUS c3RyYW5nZXI=", port=587, tls=True),
            "without a name on 465": say("AUTH ANONYMOUS c3RyYW5nZXI=", port=465),
        },
    ),
    *rows(
        "login",
        ANY_PASSWORD,
        refused(r"5\d\d "),
        {
            "a wrong password": login(password="wrong-password"),
            "a wrong password on 465": login(password="wrong-password", port=465),
            "no password": login(password=""),
            "the right one with a letter more": login(password="RIGHTx"),
            "the right one with a space": login(password="RIGHT "),
            "the login as its password": login(password="{login}"),
            "a name that nobody has": login("nobody-here@{ours}", "RIGHT"),
            "a name without its domain": login("{user}", "RIGHT"),
            "a name at another domain": login("{user}@inbox.example", "RIGHT"),
            "a system user": login("root", "RIGHT"),
            "a pattern": login("%", "RIGHT"),
            "the client's name with a user's password": login("relay@{host}", "RIGHT"),
        },
    ),
    *rows(
        "login",
        ANY_PASSWORD,
        refused(r"[45]\d\d "),
        {"no name": login("", "RIGHT")},
    ),
    *rows(
        "login",
        ANY_PASSWORD,
        refused(r"5\d\d "),
        {"a colleague's name": login("{colleague}", "RIGHT", of="{login}")},
        needs="two",
    ),
    *rows(
        "login",
        NO_PASSWORDS,
        served("235 "),
        {
            "the right password": login(),
            "the right password on 465": login(port=465),
            "its name in capitals, as phones begin it": login("{capital}", of="{login}"),
        },
    ),
    *rows(
        "mailbox",
        DOVECOT_ANY,
        refused(r"NO .*AUTHENTICATIONFAILED"),
        {
            "a wrong password": imap("{mailbox}", "wrong-password"),
            "a name that nobody has": imap("nobody-here@{ours}", "wrong-password"),
            "a system user": imap("root", "wrong-password"),
        },
        needs="mailboxes",
    ),
    *rows(
        "mailbox",
        NO_PASSWORDS,
        served("OK"),
        {"its owner": imap("{mailbox}", "RIGHT")},
        needs="mailboxes",
    ),
)

"""TLS: old versions, ciphers without a certificate, and the certificate itself."""

import ssl

from abuse.mutants import SUBMISSION
from abuse.place import Place
from abuse.row import Mutant, Probe, refused, rows, served
from abuse.talk import Talk
from lab.internet.smtp import Internet

PORTS = (25, 587, 465)
OLD = Mutant(
    "old versions of TLS",
    main={
        "smtpd_tls_protocols": ">=TLSv1",
        "smtpd_tls_mandatory_protocols": ">=TLSv1",
        "smtpd_tls_exclude_ciphers": "",
        "tls_medium_cipherlist": "ALL:@SECLEVEL=0",
    },
)
NOBODYS = Mutant(
    "TLS without a certificate",
    main={"smtpd_tls_exclude_ciphers": "", "smtpd_tls_mandatory_exclude_ciphers": ""},
    master={
        f"{service}/{parameter}": value
        for service in (*SUBMISSION, "smtp/inet")
        for parameter, value in (
            ("smtpd_tls_exclude_ciphers", ""),
            ("smtpd_tls_mandatory_exclude_ciphers", ""),
            ("smtpd_tls_ask_ccert", "no"),
        )
    },
)
SNAKE_OIL = "/run/battery.pem"
UNPROVED = Mutant(
    "a certificate that nobody vouches for",
    main={"smtpd_tls_chain_files": SNAKE_OIL},
    script=f"openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=x -keyout {SNAKE_OIL} "
    f"-out {SNAKE_OIL}.crt 2>/dev/null; cat {SNAKE_OIL}.crt >> {SNAKE_OIL}",
    back=f"rm -f {SNAKE_OIL}*",
)
DOVECOT_OLD = Mutant(
    "old versions of TLS for mailboxes",
    edits={
        "/etc/dovecot/dovecot.conf": (
            r"^ssl = required",
            "ssl = required\nssl_min_protocol = TLSv1\nssl_cipher_list = ALL:@SECLEVEL=0",
        )
    },
    restart=("dovecot",),
)


def _tls(place: Place, port: int, context: ssl.SSLContext) -> str:
    """The version of a session, or why there is none."""
    talk = Talk(place.plain(port), context, place.gateway.name)
    try:
        if port in (25, 587):
            talk.reply()
            talk.say("EHLO x.example")
            if not (said := talk.say("STARTTLS")).startswith("220"):
                return said
        talk.secure()
        return f"agreed on {talk.tls}"
    except (ssl.SSLError, ConnectionError) as error:
        return f"no session: {error}"
    finally:
        talk.close()


def version(port: int, wanted: ssl.TLSVersion) -> Probe:
    """A session of one version of TLS alone."""

    def probe(place: Place) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = wanted
        return _tls(place, port, context)

    return probe


def anonymous(port: int) -> Probe:
    """A session of a client that takes nothing but ciphers without a certificate."""

    def probe(place: Place) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("aNULL:@SECLEVEL=0")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return _tls(place, port, context)

    return probe


def verified(port: int) -> Probe:
    """A session of a client that verifies the name."""
    return lambda place: _tls(place, port, Internet(place.lab).context())


OLD_VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1}
ROWS = (
    *rows(
        "TLS",
        OLD,
        refused("no session"),
        {
            f"TLS {name} on {port}": version(port, wanted)
            for name, wanted in OLD_VERSIONS.items()
            for port in PORTS
        },
    ),
    *rows(
        "TLS",
        DOVECOT_OLD,
        refused("no session"),
        {f"TLS {name} on 993": version(993, wanted) for name, wanted in OLD_VERSIONS.items()},
        needs="mailboxes",
    ),
    *rows(
        "TLS",
        NOBODYS,
        refused("no session"),
        {f"without a certificate on {port}": anonymous(port) for port in (587, 465)},
    ),
    *rows(
        "TLS",
        UNPROVED,
        served("agreed on TLSv1.3"),
        {f"the host's name is proved on {port}": verified(port) for port in PORTS},
    ),
)

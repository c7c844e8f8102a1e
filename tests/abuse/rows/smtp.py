"""The protocol itself: commands out of turn, early talkers, injection, smuggling."""

from abuse.mutants import port_25
from abuse.probes import early, first, keywords, say, sent, smuggle, submit
from abuse.row import Mutant, refused, rows, served

COMMANDS = Mutant("other protocols are answered", main={"smtpd_forbidden_commands": ""})
NO_HELO = Mutant("no EHLO is asked for", main={"smtpd_helo_required": "no"})
VERIFIES = Mutant("VRFY is answered", main={"disable_vrfy_command": "no"})
TRUSTED = Mutant(
    "anybody may say who they are",
    main={
        "smtpd_authorized_xclient_hosts": "0.0.0.0/0",
        "smtpd_authorized_xforward_hosts": "0.0.0.0/0",
    },
)
OFFERS = Mutant(
    "all extensions are offered on 25",
    master=port_25(smtpd_discard_ehlo_keywords="", smtpd_etrn_restrictions=""),
)
EAGER = Mutant(
    "early talkers are heard",
    main={"smtpd_forbid_unauth_pipelining": "no"},
    master=port_25(smtpd_client_restrictions="", smtpd_data_restrictions=""),
)
NEWLINES = Mutant("a bare newline ends a line", main={"smtpd_forbid_bare_newline": "no"})
RETURNS = Mutant("a bare carriage return is kept", main={"cleanup_replace_stray_cr_lf": "no"})
NULS = Mutant("NUL is kept", main={"message_reject_characters": "", "message_strip_characters": ""})

ENVELOPE = b"MAIL FROM:<>\r\nRCPT TO:<{taken}>"
MESSAGE = b"DATA\r\nFrom: x@{quiet}\r\nSubject: early\r\n\r\nx\r\n.\r\n"
# what some server took for the end of a message, in 2023 or before
NEWLINE_ENDINGS = {
    "LF . LF": b"\n.\n",
    "LF . CRLF": b"\n.\r\n",
    "CRLF . LF": b"\r\n.\n",
    "LF LF . CRLF": b"\n\n.\r\n",
    "LF . CRLF twice": b"\n.\r\n.\r\n",
}
RETURN_ENDINGS = {
    "CR . CR": b"\r.\r",
    "CR . CRLF": b"\r.\r\n",
    "CRLF . CR": b"\r\n.\r",
    "CRLF . CR CRLF": b"\r\n.\r\r\n",
}

ROWS = (
    *rows(
        "protocol",
        COMMANDS,
        refused("221 |closed"),
        {
            "a browser's GET": first("GET / HTTP/1.1"),
            "a script's POST": first("POST / HTTP/1.1"),
            "a proxy's CONNECT": first("CONNECT inbox.example:25 HTTP/1.0"),
            "a TLS hello in clear": first("\x16\x03\x01\x02\x00\x01\x00\x01"),
            "GET after EHLO": say("GET / HTTP/1.1"),
        },
    ),
    *rows(
        "protocol",
        NO_HELO,
        refused("503 "),
        {
            "MAIL before EHLO": first("MAIL FROM:<{friend}>"),
            "MAIL from nobody before EHLO": first("MAIL FROM:<>"),
        },
    ),
    *rows(
        "protocol",
        VERIFIES,
        refused("502 "),
        {
            "VRFY of a user": say("VRFY {taken}"),
            "VRFY of nobody": say("VRFY nobody-here@{receiving}"),
            "VRFY of root": say("VRFY root"),
        },
    ),
    *rows(
        "protocol",
        TRUSTED,
        refused(r"55\d "),
        {
            "XCLIENT as loopback": say("XCLIENT ADDR=127.0.0.1 NAME=localhost"),
            "XCLIENT as a login": say("XCLIENT LOGIN={login}"),
            "XFORWARD as loopback": say("XFORWARD ADDR=127.0.0.1 NAME=localhost"),
        },
    ),
    *rows(
        "protocol",
        OFFERS,
        refused(r"250(?!.*\b(DSN|ETRN)\b)"),
        {
            "neither notices nor queue runs are offered": keywords(25),
            "nor are they inside TLS": keywords(25, tls=True),
        },
    ),
    *rows(
        "protocol",
        OFFERS,
        refused(r"5\d\d "),
        {
            "a success notice": say("MAIL FROM:<{friend}>", "RCPT TO:<{taken}> NOTIFY=SUCCESS"),
            "a notice with all of it": say("MAIL FROM:<{friend}> RET=FULL ENVID=x"),
            "a queue run": say("ETRN {receiving}"),
        },
    ),
    *rows(
        "early talkers",
        EAGER,
        refused(r"(4|5)\d\d "),
        {
            "all before the greeting": early(b"EHLO x.example", ENVELOPE, MESSAGE),
            "all behind the greeting": early(b"EHLO x.example", ENVELOPE, MESSAGE, wait=True),
            "behind HELO": early(b"HELO x.example", ENVELOPE, MESSAGE, wait=True),
            "from nobody, without EHLO": early(b"HELO x", b"MAIL FROM:<>", b"QUIT", b"NOOP"),
        },
    ),
    *rows(
        "smuggling",
        NEWLINES,
        refused(r"5\d\d "),
        {
            f"{name} on {port}": smuggle(ending, port)
            for name, ending in NEWLINE_ENDINGS.items()
            for port in (25, 587)
        },
    ),
    *rows(
        "smuggling",
        NEWLINES,
        refused(r"5\d\d "),
        {
            f"LF . LF in a chunk on {port}": smuggle(b"\n.\n", port, chunked=True)
            for port in (25, 587)
        },
    ),
    *rows(
        "smuggling",
        RETURNS,
        served(r"arrived spf=pass dkim=pass dmarc=pass; 0 bare"),
        {
            f"{name} does not leave": sent(
                body=b"first" + ending + b"MAIL FROM:<x@y.example>\r\nsecond\r\n",
                look=lambda _, m: f"{m.raw.count(chr(13)) - m.raw.count(chr(13) + chr(10))} bare",
            )
            for name, ending in RETURN_ENDINGS.items()
        },
    ),
    *rows(
        "smuggling",
        NULS,
        refused(r"5\d\d "),
        {
            "NUL in the body": submit(body=b"a\0b\r\n"),
            "CRLF NUL . CRLF": submit(body=b"a\r\n\0.\r\nb\r\n"),
            "CRLF . NUL CRLF": submit(body=b"a\r\n.\0\r\nb\r\n"),
            "NUL in a header": submit(b"From: {login}\r\nX-Nul: a\0b"),
        },
    ),
)

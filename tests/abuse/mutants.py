"""Weakened configurations that rows of several families catch."""

from abuse.row import Mutant

SUBMISSION = ("submission/inet", "submissions/inet")


def submission(**parameters: str) -> dict[str, str]:
    """Parameters of both submission services."""
    return {f"{service}/{k}": v for service in SUBMISSION for k, v in parameters.items()}


def port_25(**parameters: str) -> dict[str, str]:
    """Parameters of the service on 25."""
    return {f"smtp/inet/{k}": v for k, v in parameters.items()}


# Postfix does not start with "permit" alone, but believes this one, which many have
OPEN = "permit_mynetworks, reject_unauth_destination"
EVERYBODY = {"mynetworks": "0.0.0.0/0"}
OPEN_RELAY = Mutant(
    "anybody relays, and every recipient is known",
    master=port_25(
        **EVERYBODY,
        smtpd_relay_restrictions=OPEN,
        smtpd_recipient_restrictions=OPEN,
        smtpd_sender_restrictions="",
        smtpd_reject_unlisted_recipient="no",
        smtpd_discard_ehlo_keywords="",
    ),
)
NO_LOGIN = Mutant(
    "submission asks for no login",
    master=submission(
        **EVERYBODY,
        smtpd_client_restrictions="permit",
        smtpd_relay_restrictions=OPEN,
        smtpd_recipient_restrictions=OPEN,
        smtpd_sender_restrictions="",
    ),
)
LOCAL = Mutant(
    "system users have mailboxes",
    main={
        "mydestination": "localhost",
        "local_transport": "local:$myhostname",
        "local_recipient_maps": "",
    },
    master=port_25(
        smtpd_recipient_restrictions="reject_unauth_destination",
        smtpd_relay_restrictions="reject_unauth_destination",
    ),
)
SHUT = Mutant("port 25 takes nothing", master=port_25(smtpd_recipient_restrictions="reject"))
CLEAR = Mutant(
    "submission without TLS",
    main={"smtpd_tls_auth_only": "no"},
    master={"submission/inet/smtpd_tls_security_level": "may"},
)
UNJUDGED = Mutant(
    "nobody judges what comes by 25",
    master={
        **port_25(smtpd_milters="", smtpd_sender_restrictions=""),
        "inbound/unix/header_checks": "",
    },
)
# every guard of the author: Postfix's own, ours, and both again for what is folded
UNHELD = Mutant(
    "nobody looks at the From of a login",
    main={"message_reject_characters": ""},
    master={
        **submission(smtpd_milters=""),
        "127.0.0.1:10026/inet/smtpd_milters": "",
        "submit/unix/header_checks": "",
        "folded/unix/header_checks": "",
    },
)
UNSIGNED = Mutant(
    "submission is not signed",
    master=submission(smtpd_milters=""),
)
FUSSY = Mutant(
    "every From of a login is refused",
    master={"submit/unix/header_checks": "pcre:{{/^From:/ REJECT}}"},
)

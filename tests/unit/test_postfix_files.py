"""What each way in asks of who comes by it, as the gateway's Postfix reads its two files.

The parameters that keep a gateway from being anybody's relay; the lab tries them with real mail.
"""

import re
from functools import cache

import pytest
from test_user_data import CLIENT, GATEWAY, KEEPS_MAIL, main_cf

from cloudinit import files
from cloudinit.hosts import GatewayHost

SUBMISSION = ["submission", "submissions", "10587", "10465"]


def services(text: str) -> dict[str, dict[str, str]]:
    """master.cf (master(5)): the options of each service, "-o a=b" and "-o { a = b }".

    A service that is none of a port's is called NAME/unix.
    """
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if option := re.fullmatch(r"  -o (?:\{ (\S+) = (.*) \}|([^={\s]+)=(\S*))", line):
            a, b, c, d = option.groups("")
            found[next(reversed(found))][a or c] = b or d
        elif not line.startswith("#"):
            name, kind = line.split()[:2]
            found[name if kind == "inet" else f"{name}/{kind}"] = {}
    return found


@cache
def gateway(host: GatewayHost) -> dict[str, dict[str, str]]:
    return services(files(host)["etc/postfix/master.cf"])


@pytest.mark.parametrize("host", [GATEWAY, KEEPS_MAIL], ids=["plain", "mailboxes"])
@pytest.mark.parametrize("service", SUBMISSION)
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        # no login without TLS
        ("smtpd_tls_security_level", "encrypt"),
        ("smtpd_sasl_auth_enable", "yes"),
        # nobody without a login
        (
            "smtpd_client_restrictions",
            "$draining, permit_sasl_authenticated, check_client_access $login_first, reject",
        ),
        ("smtpd_relay_restrictions", "permit_sasl_authenticated,reject"),
        # no login with another's envelope sender
        ("smtpd_sender_restrictions", "reject_non_fqdn_sender,reject_sender_login_mismatch"),
        # no login beyond its limits
        ("smtpd_data_restrictions", "$login_limits"),
        # signed, and judged after that
        ("smtpd_milters", "$signer, $guard"),
        ("cleanup_service_name", "submit"),
        # where a user sits is nobody's business
        ("smtpd_hide_client_session", "yes"),
        ("smtpd_peername_lookup", "no"),
    ],
)
def test_submission_asks_for_tls_a_login_its_own_sender_and_a_signature(
    host: GatewayHost, service: str, parameter: str, value: str
) -> None:
    assert gateway(host)[service][parameter] == value


@pytest.mark.parametrize("service", SUBMISSION)
def test_submission_takes_recipients_of_those_who_have_logged_in(service: str) -> None:
    last = gateway(GATEWAY)[service]["smtpd_recipient_restrictions"].split(", ")[-2:]
    assert last == ["permit_sasl_authenticated", "reject"]


def test_no_way_in_takes_a_recipient_beyond_ascii() -> None:
    found = gateway(GATEWAY)
    main = main_cf(files(GATEWAY)["etc/postfix/main.cf"])
    on_25 = found["smtp"] | {"smtpd_recipient_restrictions": main["smtpd_recipient_restrictions"]}
    for options in (on_25, *(found[service] for service in SUBMISSION)):
        assert "$notices_recipients" in options["smtpd_recipient_restrictions"]
    rules = files(GATEWAY)["etc/postfix/inbound_recipients"].splitlines()
    first = next(rule for rule in rules if rule[0] != "#")
    found_first = re.fullmatch(r"/(.*)/ +553 5\.6\.7 .*", first)
    assert found_first
    assert re.search(found_first[1], "j\xfcrgen@shop.example")
    assert not re.search(found_first[1], "a b+c=d@shop.example")


def test_the_guesses_ports_have_one_guess_a_connection() -> None:
    found = gateway(GATEWAY)
    assert [found[s].get("smtpd_hard_error_limit") for s in SUBMISSION] == [None, None, "1", "1"]
    assert [found[s]["smtpd_tls_wrappermode"] for s in SUBMISSION] == ["no", "yes", "no", "yes"]


def test_what_comes_by_25_is_judged_by_all_four_readers() -> None:
    smtp = gateway(GATEWAY)["smtp"]
    assert smtp["smtpd_milters"] == (
        "unix:/run/opendkim-verify/opendkim.sock, unix:/run/opendmarc/opendmarc.sock, $guard"
    )
    assert smtp["cleanup_service_name"] == "inbound"
    assert smtp["milter_macro_daemon_name"] == "inbound"
    assert "smtpd_sasl_auth_enable" not in smtp
    assert smtp["smtpd_client_message_rate_limit"] == "120"
    inbound = gateway(GATEWAY)["inbound/unix"]
    assert inbound["header_checks"] == "pcre:/etc/postfix/inbound_headers"


def test_the_second_pass_is_the_hosts_own_and_judged_again() -> None:
    folded = gateway(GATEWAY)["127.0.0.1:10026"]
    assert folded["smtpd_client_restrictions"] == "permit_mynetworks,reject"
    assert folded["smtpd_relay_restrictions"] == "permit_mynetworks,reject"
    assert folded["smtpd_milters"] == "$signer, $guard"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("smtpd_recipient_restrictions", "reject_unauth_destination, $notices_recipients"),
        ("local_recipient_maps", "$virtual_alias_maps"),
        ("non_smtpd_milters", "$signer, $guard"),
        ("smtpd_forbid_bare_newline", "reject"),
        ("smtpd_tls_mandatory_protocols", ">=TLSv1.2"),
        ("smtpd_tls_mandatory_exclude_ciphers", "aNULL"),
        ("smtpd_sasl_security_options", "noanonymous"),
        ("disable_vrfy_command", "yes"),
        ("internal_mail_filter_classes", "bounce, notify"),
        ("maximal_queue_lifetime", "5d"),
    ],
)
def test_the_gateway_is_closed_unless_a_service_opens_it(parameter: str, value: str) -> None:
    assert main_cf(files(GATEWAY)["etc/postfix/main.cf"])[parameter].startswith(value)


def test_a_client_host_listens_to_nobody_but_itself() -> None:
    assert main_cf(files(CLIENT)["etc/postfix/main.cf"])["inet_interfaces"] == "loopback-only"


def test_a_client_host_soon_leaves_a_gateway_that_says_nothing() -> None:
    text = files(CLIENT)["etc/postfix/main.cf"]
    stages = ("helo", "starttls", "mail", "rcpt", "data_init", "data_xfer")
    assert {main_cf(text)[f"smtp_{stage}_timeout"] for stage in stages} == {"30s"}
    # whoever gives up on the answer to a whole message sends it twice (RFC 5321, 4.5.3.2.6)
    assert main_cf(text)["smtp_data_done_timeout"] == "120s"

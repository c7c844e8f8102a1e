"""What lands on a host: its files, and the user data that fetches them."""

import dataclasses
import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest
from certificates import root

from cloudinit import Part, files, parts, setup_object
from cloudinit.hosts import FOLDERS, ClientHost, GatewayHost, Guessing, Smarthost, Strangers

LIMIT = 16_384  # of EC2's user data, in bytes before base64

GATEWAY = GatewayHost(
    name="mail.relay.example",
    domain="relay.example",
    operator="ops@inbox.example",
    region="us-east-1",
    tables="s3://bucket/gateway.json",
    status="s3://bucket/status/mail.relay.example.json",
    acme_directory=None,
    reject_by_dmarc=True,
    acme_email="ops@inbox.example",
    ssh_public_key=None,
    sasl_mechanisms=("PLAIN", "LOGIN"),
    message_size_limit_mib=30,
    log_days=14,
    mailboxes=False,
    network="10.20.0.0/16",
    strangers=Strangers(15, 120, 600),
    guessing=Guessing(10, 10, 5, 30, 10),
)
KEEPS_MAIL = dataclasses.replace(GATEWAY, mailboxes=True)
SES = Smarthost("email-smtp.ap-southeast-2.amazonaws.com", 587, ("PLAIN", "LOGIN"), True)
HANDS_OVER = dataclasses.replace(GATEWAY, smarthost=SES)
CLIENT = ClientHost(
    name="app.shop.example",
    domain="shop.example",
    gateway="mail.relay.example",
    operator="ops@inbox.example",
    region="us-east-1",
    tables="s3://bucket/clients/app.shop.example.json",
    status="s3://bucket/status/app.shop.example.json",
    ssh_public_key="ssh-ed25519 AAAA me",
    message_size_limit_mib=30,
    log_days=14,
)


def main_cf(text: str) -> dict[str, str]:
    pairs = [line.split(" = ", 1) for line in text.splitlines() if " = " in line]
    return {key: value for key, value in pairs if not key.startswith("#")}


def test_the_gateway_relays_for_nobody_by_default() -> None:
    settings = main_cf(files(GATEWAY)["etc/postfix/main.cf"])
    assert settings["mynetworks"] == "127.0.0.0/8"
    assert settings["smtpd_relay_restrictions"] == "reject_unauth_destination"
    assert settings["smtpd_sasl_auth_enable"] == "no"
    assert settings["smtpd_tls_auth_only"] == "yes"
    assert settings["milter_default_action"] == "tempfail"
    assert settings["inet_protocols"] == "ipv4"


def test_the_client_trusts_only_a_gateway_that_proves_its_name() -> None:
    settings = main_cf(files(CLIENT)["etc/postfix/main.cf"])
    assert settings["relayhost"] == "[mail.relay.example]:587"
    assert settings["smtp_tls_security_level"] == "secure"
    assert settings["tls_required_enable"] == "no"
    assert settings["smtp_sasl_security_options"] == "noanonymous, noplaintext"


def test_a_root_of_the_stacks_own_is_trusted_for_the_gateway_alone() -> None:
    common = "etc/postfix/acme-root.pem"
    assert common not in files(CLIENT)
    laid = files(dataclasses.replace(CLIENT, acme_root=root()))
    assert laid[common] == root()
    settings = main_cf(laid["etc/postfix/main.cf"])
    assert settings["smtp_tls_CAfile"] == f"/{common}"
    assert settings["smtp_tls_security_level"] == "secure"
    others = [path for path, content in laid.items() if "BEGIN CERTIFICATE" in content]
    assert others == [common]


def test_every_file_of_the_agent_that_a_role_imports_is_there() -> None:
    for role, host in (("gateway", GATEWAY), ("client", CLIENT)):
        laid = files(host)
        for name in (*FOLDERS["common"].agent, *FOLDERS[role].agent):
            assert f"usr/local/lib/mail-relay/agent/{name}" in laid


@pytest.mark.parametrize(("port", "wrapped"), [(587, "no"), (465, "yes"), (2465, "yes")])
def test_a_smarthost_must_prove_its_name_on_every_port(port: int, wrapped: str) -> None:
    way = Smarthost("smtp.far.example", port, ("PLAIN",), False)
    settings = main_cf(files(dataclasses.replace(GATEWAY, smarthost=way))["etc/postfix/main.cf"])
    assert settings["relayhost"] == f"[smtp.far.example]:{port}"
    assert settings["smtp_tls_wrappermode"] == wrapped
    assert settings["smtp_tls_security_level"] == "secure"
    assert settings["tls_required_enable"] == "no"
    assert settings["smtp_tls_secure_cert_match"] == "hostname"
    assert settings["smtp_sasl_mechanism_filter"] == "plain"


def user_data_of(host: GatewayHost | ClientHost, volume: str | None = None) -> list[Part]:
    made = setup_object(host)
    url = f"s3://bucket/setup/{host.name}/{made.sha256}.json"
    return parts(host, setup_url=url, setup_sha256=made.sha256, volume=volume)


def test_cloud_config_is_json_behind_its_first_line() -> None:
    config, boot = user_data_of(CLIENT)
    first, _, rest = config.content.partition("\n")
    assert first == "#cloud-config"
    assert json.loads(rest)["ssh_authorized_keys"] == ["ssh-ed25519 AAAA me"]
    assert boot.content.startswith("#!/bin/sh\n")


def test_the_user_data_is_small_whatever_a_host_has() -> None:
    key = "ssh-rsa " + "A" * 720 + " somebody@a-computer-with-a-long-name.example"
    largest = dataclasses.replace(
        HANDS_OVER, mailboxes=True, private_subnet="10.20.1.0/24", ssh_public_key=key
    )
    for host in (GATEWAY, largest, CLIENT):
        text = "".join(part.content for part in user_data_of(host, "vol-0123456789abcdef0"))
        assert len(gzip.compress(text.encode())) < LIMIT / 4


def test_a_changed_file_is_another_object_and_another_user_data() -> None:
    other = dataclasses.replace(GATEWAY, message_size_limit_mib=31)
    assert setup_object(GATEWAY).sha256 == setup_object(GATEWAY).sha256
    assert setup_object(GATEWAY).sha256 != setup_object(other).sha256
    assert user_data_of(GATEWAY) == user_data_of(GATEWAY) != user_data_of(other)


def test_the_scripts_of_user_data_and_set_up_are_shell_and_python() -> None:
    for host in (GATEWAY, KEEPS_MAIL, HANDS_OVER, CLIENT):
        _, boot = user_data_of(host, "vol-0123456789abcdef0")
        scripts = {"boot": boot.content, **files(host)}
        for path, text in scripts.items():
            if text.startswith("#!/bin/sh") or re.search("/(steps|setup.d/.*)$", path):
                subprocess.run(["sh", "-n"], input=text, text=True, check=True)
        fetch = boot.content.partition("<<'END-OF-FILE'\n")[2].partition("END-OF-FILE\n")[0]
        compile(fetch, "fetch", "exec")


def test_only_a_host_that_keeps_mail_has_what_that_takes() -> None:
    plain, keeps = files(GATEWAY), files(KEEPS_MAIL)
    conf = "etc/dovecot/dovecot.conf"
    assert "mail_path" in keeps[conf] and "mail_path" not in plain[conf]
    assert "protocols =\n" in plain[conf]
    passwords = "passwd_file_path = /srv/mail/tables/current/passwords.%{protocol}\n"
    assert passwords in keeps[conf] and passwords in plain[conf]
    settings = main_cf(keeps["etc/postfix/main.cf"])
    assert settings["smtpd_recipient_restrictions"].endswith(", $mailbox_quota")
    assert "virtual_transport" not in main_cf(plain["etc/postfix/main.cf"])


def added(host: GatewayHost | ClientHost, phase: str, folder: Path) -> list[str]:
    """What `setup` does in a phase for the host's optional services, the commands played."""
    laid, base = files(host), "usr/local/lib/mail-relay"
    for path, text in laid.items():
        if path.startswith(f"{base}/setup.d/"):
            (folder / Path(path).name).write_text(text)
    steps = laid[f"{base}/steps"].replace(f"/{base}/setup.d", str(folder))
    play = f"""{steps.replace("/run/mail-relay", str(folder / "run"))}
add() {{ echo "add $1"; }}
install() {{ echo "install $*"; }}
systemctl() {{ [ "$1" != is-enabled ] || return 1; echo "systemctl $*"; }}
more=
folders {phase}
echo "$more" """
    done = subprocess.run(["sh", "-eu"], input=play, text=True, check=True, capture_output=True)
    return done.stdout.split("\n")[:-1]


def test_an_optional_service_brings_its_steps_of_the_set_up(tmp_path: Path) -> None:
    both = dataclasses.replace(KEEPS_MAIL, smarthost=SES)
    assert added(GATEWAY, "packages", tmp_path) == [""]
    packages = " dovecot-imapd dovecot-lmtpd libsasl2-modules"
    assert added(both, "packages", tmp_path) == [packages]
    assert added(both, "users", tmp_path) == ["add vmail", ""]
    (made, _) = added(both, "volume", tmp_path)
    assert made.endswith("/srv/mail/mailboxes")
    made = added(both, "units", tmp_path)
    assert made == [
        f"systemctl {verb} mail-relay-{unit}.timer"
        for unit in ("block-lists", "smarthost")
        for verb in ("enable -q --no-reload", "start")
    ] + [""]


def test_the_lines_of_a_service_are_in_the_files_of_others_and_no_files_of_their_own() -> None:
    plain, keeps = files(GATEWAY), files(KEEPS_MAIL)
    for path in (
        "etc/postfix/main.cf",
        "etc/postfix/master.cf",
        "etc/rsyslog.d/mail-relay.conf",
        "etc/fail2ban/filter.d/mail-relay.conf",
        "usr/local/lib/mail-relay/certificate-installed",
    ):
        assert keeps[path] != plain[path]
    assert not [path for path in keeps if path.split("/")[0] not in ("etc", "usr")]


def test_mechanisms_and_the_size_limit_are_the_stacks() -> None:
    host = dataclasses.replace(
        GATEWAY, sasl_mechanisms=("PLAIN", "DIGEST-MD5"), message_size_limit_mib=5
    )
    laid = files(host)
    assert "auth_mechanisms = plain digest-md5\n" in laid["etc/dovecot/dovecot.conf"]
    assert main_cf(laid["etc/postfix/main.cf"])["message_size_limit"] == "5242880"


def test_a_mailbox_is_told_the_sender_that_the_guard_has_hidden() -> None:
    (line,) = [
        line
        for line in files(KEEPS_MAIL)["etc/postfix/true_senders"].splitlines()
        if line.startswith("/")
    ]
    pattern, _, result = line[1:].partition("/")
    hidden = f"nobounce+far.example=o'neil=x@{KEEPS_MAIL.name}"
    found = re.fullmatch(pattern, hidden)
    assert found is not None
    assert result.strip().replace("$2", found[2]).replace("$1", found[1]) == "o'neil=x@far.example"
    assert re.fullmatch(pattern, f"nobounce@{KEEPS_MAIL.name}") is None

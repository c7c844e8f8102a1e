"""User data: what lands on a host, and the limit of EC2."""

import ast
import dataclasses
import gzip
import json
import random
import string
from pathlib import Path

import pulumi
import pytest
from certificates import root
from cloudinit.compact import configuration, python

from cloudinit import (
    ClientHost,
    GatewayHost,
    Part,
    Smarthost,
    UserDataTooLong,
    client_parts,
    gateway_parts,
)
from cloudinit import user_data as make
from cloudinit.parts import AGENT_FILES, PROJECT, files
from cloudinit.user_data import LIMIT

GATEWAY = GatewayHost(
    name="mail.relay.example",
    domain="relay.example",
    operator="ops@inbox.example",
    region="us-east-1",
    tables="s3://bucket/gateway.json",
    acme_directory=None,
    reject_by_dmarc=True,
    acme_email="ops@inbox.example",
    ssh_public_key=None,
    sasl_mechanisms=("PLAIN", "LOGIN"),
    message_size_limit_mib=30,
    mailboxes=False,
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
    ssh_public_key="ssh-ed25519 AAAA me",
    message_size_limit_mib=30,
)


def main_cf(text: str) -> dict[str, str]:
    pairs = [line.split(" = ", 1) for line in text.splitlines() if " = " in line]
    return {key: value for key, value in pairs if not key.startswith("#")}


def test_the_gateway_relays_for_nobody_by_default() -> None:
    settings = main_cf(files("gateway", GATEWAY)["etc/postfix/main.cf"])
    assert settings["mynetworks"] == "127.0.0.0/8"
    assert settings["smtpd_relay_restrictions"] == "reject_unauth_destination"
    assert settings["smtpd_sasl_auth_enable"] == "no"
    assert settings["smtpd_tls_auth_only"] == "yes"
    assert settings["milter_default_action"] == "tempfail"
    assert settings["inet_protocols"] == "ipv4"


def test_the_client_trusts_only_a_gateway_that_proves_its_name() -> None:
    settings = main_cf(files("client", CLIENT)["etc/postfix/main.cf"])
    assert settings["relayhost"] == "[mail.relay.example]:587"
    assert settings["smtp_tls_security_level"] == "secure"
    assert settings["smtp_sasl_security_options"] == "noanonymous, noplaintext"


def test_a_root_of_the_stacks_own_is_trusted_for_the_gateway_alone() -> None:
    common = "etc/postfix/acme-root.pem"
    assert common not in files("client", CLIENT)
    laid = files("client", dataclasses.replace(CLIENT, acme_root=root()))
    assert laid[common] == root()
    settings = main_cf(laid["etc/postfix/main.cf"])
    assert settings["smtp_tls_CAfile"] == f"/{common}"
    assert settings["smtp_tls_security_level"] == "secure"
    others = [path for path, content in laid.items() if "BEGIN CERTIFICATE" in content]
    assert others == [common]


def test_every_file_of_the_agent_that_a_role_imports_is_there() -> None:
    for role, host in (("gateway", GATEWAY), ("client", CLIENT)):
        laid = files(role, host)
        for name in AGENT_FILES[role]:
            assert f"usr/local/lib/mail-relay/agent/{name}" in laid


def test_both_hosts_fit_with_room_to_spare() -> None:
    gateways = [gateway_parts(host) for host in (GATEWAY, KEEPS_MAIL, HANDS_OVER)]
    for parts in (*gateways, client_parts(CLIENT)):
        size = len(gzip.compress("".join(part.content for part in parts).encode()))
        assert size < LIMIT - 1_500


@pytest.mark.parametrize(("port", "wrapped"), [(587, "no"), (465, "yes"), (2465, "yes")])
def test_a_smarthost_must_prove_its_name_on_every_port(port: int, wrapped: str) -> None:
    way = Smarthost("smtp.far.example", port, ("PLAIN",), False)
    settings = main_cf(
        files("gateway", dataclasses.replace(GATEWAY, smarthost=way))["etc/postfix/main.cf"]
    )
    assert settings["relayhost"] == f"[smtp.far.example]:{port}"
    assert settings["smtp_tls_wrappermode"] == wrapped
    assert settings["smtp_tls_security_level"] == "secure"
    assert settings["smtp_tls_secure_cert_match"] == "hostname"
    assert settings["smtp_sasl_mechanism_filter"] == "plain"


def test_cloud_config_is_json_behind_its_first_line() -> None:
    config, setup = client_parts(CLIENT)
    first, _, rest = config.content.partition("\n")
    assert first == "#cloud-config"
    assert json.loads(rest)["ssh_authorized_keys"] == ["ssh-ed25519 AAAA me"]
    assert setup.content.startswith("#!/bin/sh\n")


def test_user_data_over_the_limit_names_the_parts_that_take_the_room() -> None:
    letters = random.Random(1)  # noqa: S311 (incompressible, not secret)
    noise = "".join(letters.choices(string.printable, k=40_000))
    from recorder import Recorder

    pulumi.runtime.set_mocks(Recorder(), preview=False)
    with pytest.raises(UserDataTooLong, match=r"EC2 takes 16,384; its parts: small 2\d, large 3"):
        make([Part("small", "text/plain", "hi"), Part("large", "text/plain", noise)])


def test_only_a_host_that_keeps_mail_has_what_that_takes() -> None:
    plain, keeps = files("gateway", GATEWAY), files("gateway", KEEPS_MAIL)
    assert "etc/dovecot/dovecot.conf" in set(keeps) - set(plain)
    assert not [path for path, text in plain.items() if "dovecot" in text and "agent" not in path]
    settings = main_cf(keeps["etc/postfix/main.cf"])
    assert settings["smtpd_recipient_restrictions"] == "reject_unauth_destination, $mailbox_quota"
    assert "virtual_transport" not in main_cf(plain["etc/postfix/main.cf"])


def test_mechanisms_and_the_size_limit_are_the_stacks() -> None:
    host = dataclasses.replace(
        GATEWAY, sasl_mechanisms=("PLAIN", "DIGEST-MD5"), message_size_limit_mib=5
    )
    laid = files("gateway", host)
    assert "mech_list: PLAIN DIGEST-MD5\n" in laid["etc/postfix/sasl/smtpd.conf"]
    assert main_cf(laid["etc/postfix/main.cf"])["message_size_limit"] == "5242880"


@pytest.mark.parametrize("file", sorted((PROJECT / "agent").glob("*.py")), ids=lambda f: f.name)
def test_the_agent_on_a_host_is_the_agent_without_its_comments(file: Path) -> None:
    def statements(source: str) -> list[str]:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                if ast.get_docstring(node) is not None:
                    del node.body[0]
                if node.body == [] and not isinstance(node, ast.Module):
                    node.body = [ast.Pass()]
        return [ast.dump(node) for node in tree.body]

    shortened = python(file.read_text())
    assert statements(shortened) == statements(file.read_text())
    assert ast.get_docstring(ast.parse(shortened)) is None
    assert not [line for line in shortened.splitlines() if line.lstrip()[:1] in ("", "#")]


def test_empty_lines_and_number_signs_of_a_text_stay() -> None:
    source = 'A = """one\n\n# two\n"""  # why\n\n\nclass B:\n    """B."""\n'
    assert python(source) == 'A = """one\n\n# two\n"""\nclass B:\n    pass\n'


def test_configuration_is_laid_without_its_comments() -> None:
    source = "#!/bin/sh\n# why\nx=1 # stays\n\t# why\n"
    assert configuration(source) == "#!/bin/sh\nx=1 # stays\n"
    for role, host in (("gateway", KEEPS_MAIL), ("client", CLIENT)):
        for path, text in files(role, host).items():
            lines = text.splitlines()
            assert not [n for n in lines if n.lstrip()[:1] == "#" and n[:2] != "#!"], path

"""A smarthost in the graph, on the host and in its tables: all mail leaves by it."""

import copy
import json
import time
from typing import Any

import pytest
import yaml
from recorder import Recorder, declare, host_files, user_data

from agent import smarthost, smarthost_watch
from agent.bundle import BadBundle, parse

CONFIG: dict[str, Any] = yaml.safe_load(open("examples/Pulumi.smarthost.yaml"))["config"]  # noqa: SIM115, PTH123
PASSWORDS = ("a pass:word", "another-one")


def graph(smarthost: dict[str, Any], **more: Any) -> Recorder:
    config = {**CONFIG, "mail-relay:smarthost": smarthost, **more}
    return declare({k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()})


@pytest.fixture(scope="module")
def provider() -> Recorder:
    given = copy.deepcopy(CONFIG["mail-relay:smarthost"])
    for account, password in zip(given["accounts"], PASSWORDS, strict=True):
        account["password"] = password
    return graph(given)


@pytest.fixture(scope="module")
def ses() -> Recorder:
    return graph({"ses": True}, **{"mail-relay:forwards": [], "aws:region": "eu-central-2"})


def records(graph: Recorder) -> dict[tuple[str, str], list[str]]:
    return {(r.inputs["name"], r.inputs["type"]): r.inputs["records"] for r in graph.of("Record")}


def gateway_out(graph: Recorder) -> set[int]:
    rules = graph.of("SecurityGroupEgressRule")
    return {int(rule.inputs["fromPort"]) for rule in rules}


def tables(graph: Recorder) -> dict[str, Any]:
    held = graph.one("BucketObjectv2", "tables-gateway.json")
    return json.loads(held.inputs["content"]["value"])


def test_the_gateway_gets_out_by_the_smarthosts_port_and_not_by_25(provider: Recorder) -> None:
    assert gateway_out(provider) == {587, 53, 80, 443, 123, -1}


def test_spf_of_domains_and_of_the_hosts_own_name_includes_the_provider(provider: Recorder) -> None:
    held, include = records(provider), "include:_spf.provider.example"
    for domain in ("example.com", "example.org"):
        assert held[(domain, "TXT")] == [f"v=spf1 include:_spf.example.com {include} ~all"]
    assert held[("mail.example.com", "TXT")] == [f"v=spf1 a {include} -all"]


def test_one_domain_agrees_to_get_the_reports_of_another(provider: Recorder) -> None:
    held = records(provider)
    assert held[("example.org._report._dmarc.example.com", "TXT")] == ["v=DMARC1"]
    assert ("example.com._report._dmarc.example.com", "TXT") not in held


def test_passwords_are_in_the_tables_alone(provider: Recorder) -> None:
    found = tables(provider)
    parse(json.dumps(found).encode(), "mail.example.com", "gateway")
    assert smarthost.passwords(found["smarthost"]) == (
        "[smtp.provider.example]:587 example-com@provider.example:a pass:word\n"
        "@example.org example-org@provider.example:another-one\n"
    )
    for instance in provider.of("Instance"):
        laid = host_files(provider, instance.name)
        assert "relayhost = [smtp.provider.example]:587" in laid["etc/postfix/main.cf"]
        text = user_data(instance) + str(laid)
        assert not [password for password in PASSWORDS if password in text]


def test_without_a_smarthost_nothing_of_it_is_on_the_host() -> None:
    config = {k: v for k, v in CONFIG.items() if k != "mail-relay:smarthost"}
    found = declare({k: v if isinstance(v, str) else json.dumps(v) for k, v in config.items()})
    assert gateway_out(found) == {25, 53, 80, 443, 123, -1}
    assert "smarthost" not in tables(found)
    assert "mail-relay-smarthost" not in str(host_files(found, "mail.example.com"))


def test_ses_has_each_domain_as_an_identity_with_its_dkim_records(ses: Recorder) -> None:
    names = {"example.com", "example.org"}
    assert {r.inputs["emailIdentity"] for r in ses.of("EmailIdentity")} == names
    held = records(ses)
    for domain in names:
        for token in ("one", "two", "three"):
            target = [f"{token}.dkim.eu-central-2.amazonses.com"]
            assert held[(f"{token}._domainkey.{domain}", "CNAME")] == target


def test_the_login_of_ses_sends_as_our_domains_and_does_nothing_else(ses: Recorder) -> None:
    (policy,) = ses.of("UserPolicy")
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Action"] == "ses:SendRawEmail"
    senders = statement["Condition"]["StringLike"]["ses:FromAddress"]
    assert sorted(senders) == ["*@example.com", "*@example.org"]
    assert tables(ses)["smarthost"] == {
        "destination": "[email-smtp.eu-central-2.amazonaws.com]:587",
        "accounts": [{"sender": None, "user": "ses-id", "password": "a-password-of-SES"}],
    }


def test_what_ses_writes_anew_is_not_signed(provider: Recorder, ses: Recorder) -> None:
    for graph, headers in ((provider, "*,+Message-ID"), (ses, "*,-Date")):
        laid = host_files(graph, "mail.example.com")["etc/opendkim.conf"]
        assert f"SignHeaders           {headers}\n" in laid


ACCOUNT = {"sender": "@example.org", "user": "me", "password": "secret"}


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ({}, "destination and accounts"),
        ({"destination": "[a.example]:587", "accounts": [{}]}, "destination and accounts"),
        *(
            ({"destination": where, "accounts": [{**ACCOUNT, **wrong}]}, why)
            for where, wrong, why in [
                ("a.example", {"sender": None}, r"accounts\[0\]"),
                ("[a.example]:587", {"sender": "a b@example.org"}, r"accounts\[0\]"),
                ("[a.example]:587", {"user": "a:b"}, r"accounts\[0\]"),
                ("[a.example]:587", {"password": "secret\nx y:z"}, r"accounts\[0\]"),
            ]
        ),
    ],
)
def test_accounts_that_the_table_cannot_hold_are_refused(held: dict[str, Any], why: str) -> None:
    with pytest.raises(BadBundle, match=why) as caught:
        smarthost.passwords(held)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "seconds", "waits"),
    [
        ("SASL authentication failed; server a[192.0.2.1] said: 535 5.7.8 Error", 90, True),
        ("connect to a.example[192.0.2.1]:587: Connection refused", 90, True),
        ("connect to a.example[192.0.2.1]:587: Connection refused", 5, False),
        ("host a.example[192.0.2.1] said: 454 quota (in reply to MAIL FROM command)", 90, True),
        ("host a.example[192.0.2.1] said: 450 later (in reply to RCPT TO command)", 90, False),
        ("connect to mail.example.com[/run/dovecot/lmtp]: No such file or directory", 90, False),
        (None, 90, False),
    ],
)
def test_mail_that_waits_for_the_smarthost_is_told_from_other_mail(
    reason: str | None, seconds: float, waits: bool
) -> None:
    now = time.time()
    recipient = {"address": "me@far.example", **({"delay_reason": reason} if reason else {})}
    message = {"arrival_time": int(now - seconds), "recipients": [recipient]}
    assert bool(smarthost_watch.waiting(json.dumps(message) + "\n", now)) is waits

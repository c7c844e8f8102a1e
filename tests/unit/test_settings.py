"""A wrong setting fails before any resource, with the key, the value and what would be right."""

import copy
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto.ec2.models.instance_types import INSTANCE_TYPES
from raw_settings import RIGHT, SMARTHOST, changed, lines

from mail import dkim
from settings import read

MAILBOX = {"address": "me@shop.example"}


def kept(*mailboxes: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return changed(mailboxes=list(mailboxes), **keys)


def test_the_smallest_settings_have_safe_defaults() -> None:
    settings = read(RIGHT)
    assert [d.name for d in settings.mail_domains] == ["relay.example", "shop.example"]
    assert settings.hosted_zones == ("relay.example", "shop.example")
    assert settings.domains[0].dmarc.policy == "none"
    assert settings.domains[0].spf.all == "~all"
    assert settings.domains[0].mx == ()
    assert settings.send_as(settings.clients[0]) == ("@shop.example",)
    assert settings.send_as(settings.logins[0]) == ("me@shop.example",)
    assert settings.ssh.allow_from == ()
    assert settings.receiving == ()
    assert settings.sasl.mechanisms == ("PLAIN", "LOGIN")
    assert settings.message_size_limit_mib == 30


def test_a_host_name_may_be_as_long_as_linux_takes_it() -> None:
    longest = f"{'a' * 50}.relay.example"
    assert len(longest) == 64
    assert read(changed(gateway={"name": longest})).gateways[0].name == longest


def test_metal_of_a_family_on_xen_has_nvme_disks() -> None:
    read(changed(gateway={"name": "mail.relay.example", "instanceType": "i3.metal"}))


def test_without_a_gateway_the_error_shows_how_to_name_it() -> None:
    raw = changed()
    del raw["gateway"]
    assert lines(raw) == [
        "mail-relay:gateway: missing; give the gateway's host name, as "
        "`gateway: {name: mail.example.com}`"
    ]


def smarthost(**keys: Any) -> dict[str, Any]:
    return changed(smarthost={**copy.deepcopy(SMARTHOST), **keys})


def test_no_smarthost_is_what_an_empty_one_means() -> None:
    assert read(changed(smarthost={})).smarthost is None


def test_a_smarthosts_spf_is_added_to_every_domains() -> None:
    settings = read(smarthost())
    assert settings.smarthost is not None
    assert settings.smarthost.port == 587
    assert settings.spf_terms(settings.domains[0]) == ("gateways", "include:_spf.far.example")


def test_a_password_in_the_wrong_place_is_not_shown() -> None:
    (line,) = lines(smarthost(accounts=SMARTHOST["accounts"][0]))
    assert line == (
        "mail-relay:smarthost.accounts: give a list: its items in [ ], or each on a line of its "
        "own behind '- '"
    )


def test_reports_to_an_address_here_that_nobody_reads_are_refused() -> None:
    forwards = [{"address": "info@shop.example", "to": ["me@far.example"]}]
    domains = [{"name": "shop.example", "dmarc": {"reports": ["dmarc@shop.example"]}}]
    assert lines(changed(domains=domains, forwards=forwards)) == [
        "mail-relay:domains[0].dmarc.reports (shop.example): 'dmarc@shop.example': shop.example is "
        "received here and has no such address; add it to mail-relay:forwards or "
        "mail-relay:mailboxes, or name one elsewhere"
    ]


@pytest.mark.parametrize("password", ["short", "with space 123", "col:on:1234", "ümlaut-123456"])
def test_a_password_that_the_files_cannot_hold_is_refused_and_not_shown(password: str) -> None:
    found = lines(changed(logins=[{"address": "me@shop.example", "password": password}]))
    assert found == [
        "mail-relay:logins[0].password (me@shop.example): give 8 to 128 printable ASCII characters "
        "without spaces and colons"
    ]


def pem(key: Any) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def keyed(**keys: str) -> dict[str, Any]:
    return changed(domains=[{"name": "shop.example", "selectors": ["s1", "s2"], "keys": keys}])


def test_a_dkim_key_made_elsewhere_is_taken_whatever_its_pem_form() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    taken = read(keyed(s2=pem(key))).domains[0].keys["s2"].get_secret_value()
    assert taken.startswith("-----BEGIN PRIVATE KEY-----")
    assert dkim.record(taken) == dkim.record(pem(key))


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (
            {"s1": "c2VjcmV0" * 9},
            "keys.s1 (shop.example): no private key without a passphrase in PEM; give the",
        ),
        (
            {"s1": pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))},  # noqa: S505
            "keys.s1 (shop.example): an RSA key of 1024 bits; give the private key in PEM",
        ),
        (
            {"s1": pem(ec.generate_private_key(ec.SECP256R1()))},
            "keys.s1 (shop.example): no RSA key; give the",
        ),
        (
            {"s3": dkim.generate()},
            "keys.s3 (shop.example): it is none of the domain's selectors (s1, s2); add it",
        ),
    ],
)
def test_a_dkim_key_that_cannot_be_used_is_refused_and_not_shown(
    keys: dict[str, str], line: str
) -> None:
    (found,) = lines(keyed(**keys))
    assert found.startswith(f"mail-relay:domains[0].{line}")
    for key in keys.values():
        assert key[30:60] not in found


def test_everything_that_is_wrong_is_told_at_once() -> None:
    raw = changed(operator="ops", domains=[{"name": "x"}], protect="perhaps")
    keys = [line.split(": ")[0] for line in lines(raw)]
    assert keys == ["mail-relay:domains[0].name", "mail-relay:operator", "mail-relay:protect"]


def test_what_comes_to_a_mailbox_alone_is_its_alias() -> None:
    to = {
        "info@shop.example": ["me+info@shop.example"],
        "help@shop.example": ["info@shop.example"],
        "team@shop.example": ["me@shop.example", "me@far.example"],
        "away@shop.example": ["me@far.example"],
        "a{b@shop.example": ["me@shop.example"],
        "@shop.example": ["me@shop.example"],
    }
    forwards = [{"address": address, "to": targets} for address, targets in to.items()]
    settings = read(kept(MAILBOX, forwards=forwards, operator="me@shop.example"))
    assert settings.receiving == ("shop.example",)
    assert settings.mailboxes[0].quota_mib == 1024
    assert settings.aliases(settings.mailboxes[0]) == (
        "abuse@shop.example",
        "help@shop.example",
        "info@shop.example",
        "postmaster@shop.example",
    )


def test_a_mailbox_can_keep_a_copy_of_what_is_forwarded() -> None:
    forwards = [
        {"address": "me@shop.example", "to": ["me@shop.example", "me@far.example"]},
        {"address": "info@shop.example", "to": ["me@shop.example"]},
    ]
    settings = read(kept(MAILBOX, forwards=forwards))
    assert settings.aliases(settings.mailboxes[0]) == ("info@shop.example",)


def test_every_type_that_aws_lists_on_xen_is_refused_and_no_other() -> None:
    listed = {name: data.get("Hypervisor") for name, data in INSTANCE_TYPES.items()}
    assert "xen" in listed.values()
    for name, hypervisor in listed.items():
        raw = changed(gateway={"name": "mail.relay.example", "instanceType": name})
        if hypervisor == "xen":
            assert "runs on Xen" in lines(raw)[0]
        elif hypervisor == "nitro":
            read(raw)

"""A wrong setting fails before any resource, with the key, the value and what would be right."""

import copy
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from moto.ec2.models.instance_types import INSTANCE_TYPES

from mail import dkim
from settings import SettingsError, read

RIGHT: dict[str, Any] = {
    "gateway": {"name": "mail.relay.example"},
    "domains": [{"name": "shop.example"}],
    "operator": "ops@inbox.example",
    "clients": [{"name": "app.shop.example"}],
    "logins": [{"address": "me@shop.example"}],
}
PRIVATE = {"name": "app.shop.example", "private": True}


MAILBOX = {"address": "me@shop.example"}
SMARTHOST: dict[str, Any] = {
    "host": "smtp.far.example",
    "spf": "include:_spf.far.example",
    "accounts": [{"user": "me", "password": "secret-123"}],
}


def changed(**keys: Any) -> dict[str, Any]:
    return {**copy.deepcopy(RIGHT), **keys}


def kept(*mailboxes: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return changed(mailboxes=list(mailboxes), **keys)


def lines(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(raw)
    return caught.value.lines


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
    assert settings.message_size_limit_mi_b == 30


def test_a_host_name_may_be_as_long_as_linux_takes_it() -> None:
    longest = f"{'a' * 50}.relay.example"
    assert len(longest) == 64
    assert read(changed(gateway={"name": longest})).gateway.name == longest


def test_metal_of_a_family_on_xen_has_nvme_disks() -> None:
    read(changed(gateway={"name": "mail.relay.example", "instanceType": "i3.metal"}))


def test_without_a_gateway_the_error_shows_how_to_name_it() -> None:
    raw = changed()
    del raw["gateway"]
    assert lines(raw) == [
        "mail-relay:gateway: missing; give the gateway's host name, as "
        "`gateway: {name: mail.example.com}`"
    ]


@pytest.mark.parametrize(
    ("raw", "key", "value", "remedy"),
    [
        (changed(gatewy={}), "mail-relay:gatewy", "", "did you mean gateway?"),
        (
            changed(gateway={"name": "mail.relay.example", "instancetype": "t4g.nano"}),
            "mail-relay:gateway.instancetype",
            "",
            "did you mean instanceType?",
        ),
        (
            changed(domains=[{"name": "shop.example", "selector": ["s1"]}]),
            "mail-relay:domains[0].selector",
            "",
            "did you mean selectors?",
        ),
        (
            changed(domains=[{"name": "Shop.example"}]),
            "mail-relay:domains[0].name",
            "'Shop.example'",
            "write it in lower case: shop.example",
        ),
        (changed(domains=[{"name": "shop"}]), "domains[0].name", "'shop'", "the whole name"),
        (changed(domains=[{"name": "-a.example"}]), "domains[0].name", "'-a'", "no '-'"),
        (changed(domains=[{"name": "bücher.example"}]), "domains[0].name", "", "xn--bcher-kva"),
        (
            changed(domains=[{"name": "shop.example"}, {"name": "shop.example"}]),
            "mail-relay:domains[1]",
            "'shop.example'",
            "listed twice",
        ),
        (
            changed(domains=[{"name": "shop.example", "selectors": ["s1"], "retired": ["s1"]}]),
            "domains[0].retired",
            "'s1'",
            "a key that was revoked is not used again",
        ),
        (
            changed(domains=[{"name": "shop.example", "selectors": ["s_1"]}]),
            "domains[0].selectors[0]",
            "'s_1'",
            "one label",
        ),
        (
            changed(domains=[{"name": "shop.example", "dmarc": {"policy": "rejct"}}]),
            "domains[0].dmarc.policy",
            "'rejct'",
            "'reject'",
        ),
        (
            changed(domains=[{"name": "shop.example", "spf": {"mechanisms": ["+all"]}}]),
            "domains[0].spf.mechanisms[0]",
            "'+all'",
            "SPF mechanism",
        ),
        (
            changed(
                domains=[
                    {
                        "name": "shop.example",
                        "spf": {
                            "mechanisms": ["gateways", *(f"include:{n}.example" for n in range(10))]
                        },
                    }
                ]
            ),
            "domains[0].spf.mechanisms",
            "11 DNS look-ups",
            "SPF allows 10",
        ),
        (changed(operator="ops"), "mail-relay:operator", "'ops'", "a whole address"),
        (changed(operator="Ops@a.example"), "mail-relay:operator", "'Ops@a", "lower case"),
        (
            changed(gateway={"name": "mail.relay.example", "instanceType": "t2.small"}),
            "gateway.instanceType",
            "'t2.small'",
            "this older family runs on Xen",
        ),
        (
            changed(clients=[{"name": "app.shop.example", "instanceType": "m4.10xlarge"}]),
            "clients[0].instanceType",
            "'m4.10xlarge'",
            "such as t4g.small or t3.small",
        ),
        (
            changed(gateway={"name": f"{'a' * 52}.relay.example"}),
            "gateway.name",
            "relay.example'",
            "it has 66 characters, and Linux takes host names of at most 64",
        ),
        (
            changed(clients=[{"name": f"{'a' * 53}.shop.example"}]),
            "clients[0].name",
            "shop.example'",
            "it has 66 characters",
        ),
        (
            changed(domains=[{"name": "shop.example", "txt": ['"verification=1"']}]),
            "domains[0].txt[0]",
            "verification=1",
            "leave out the quotation marks",
        ),
        (
            changed(network={"zone": "eu-central-1"}),
            "network.zone",
            "'eu-central-1'",
            "such as eu-central-1a",
        ),
        (
            changed(gateway={"name": "mail.relay.example", "instanceType": "small"}),
            "gateway.instanceType",
            "'small'",
            "t4g.small",
        ),
        (
            changed(
                gateway={"name": "mail.relay.example", "instanceType": "t3.small"},
                image="debian-13-arm64-20251117-2299",
            ),
            "gateway.instanceType",
            "'t3.small'",
            "same architecture",
        ),
        (
            changed(clients=[{"name": "app.other.example"}]),
            "clients[0].name",
            "'app.other.example'",
            "none of the zones",
        ),
        (
            changed(clients=[{"name": "mail.relay.example"}]),
            "clients[0].name",
            "'mail.relay.example'",
            "a name of its own",
        ),
        (
            changed(clients=[{"name": "app.shop.example", "sendAs": ["@else.example"]}]),
            "clients[0].sendAs",
            "'@else.example'",
            "none of ours",
        ),
        (
            changed(logins=[{"address": "me@else.example"}]),
            "logins[0].sendAs",
            "'me@else.example'",
            "add it to mail-relay:domains",
        ),
        (
            changed(logins=[{"address": "relay@app.shop.example", "sendAs": ["@shop.example"]}]),
            "logins[0].address",
            "'relay@app.shop.example'",
            "a client host has this login",
        ),
        (
            changed(forwards=[{"address": "info@else.example", "to": ["me@far.example"]}]),
            "forwards[0].address",
            "'info@else.example'",
            "add it to mail-relay:domains",
        ),
        (
            changed(forwards=[{"address": "info@shop.example", "to": []}]),
            "forwards[0].to",
            "[]",
            "at least 1 item",
        ),
        (
            changed(forwards=[{"address": "info@shop.example", "to": ["b@shop.example"]}]),
            "forwards[0].to",
            "'b@shop.example'",
            "has no such address",
        ),
        (
            changed(
                forwards=[
                    {"address": "a@shop.example", "to": ["b+x@shop.example"]},
                    {"address": "b@shop.example", "to": ["a@shop.example"]},
                ]
            ),
            "forwards[0].to",
            "a@shop.example -> b+x@shop.example -> a@shop.example",
            "in a circle",
        ),
        (
            changed(
                operator="ops@shop.example",
                forwards=[{"address": "info@shop.example", "to": ["me@far.example"]}],
            ),
            "mail-relay:operator",
            "'ops@shop.example'",
            "name one elsewhere",
        ),
        (
            changed(forwards=[{"address": "@shop.example", "to": ["x@shop.example"]}]),
            "forwards[0].to",
            "x@shop.example",
            "in a circle",
        ),
        (kept({"address": "you@shop.example"}), "mailboxes[0].address", "'you@", "nobody could"),
        (kept({"address": "me@else.example"}), "mailboxes[0].address", "'me@", "none of ours"),
        (kept({"address": "a/b@shop.example"}), "mailboxes[0].address", "'a/b", "'.', '_' and"),
        (kept({"address": "me+x@shop.example"}), "mailboxes[0].address", "'me+x", "NAME+anything"),
        (kept({"address": "@shop.example"}), "mailboxes[0].address", "'@shop.example'", "'' is"),
        (kept(MAILBOX, MAILBOX), "mailboxes[1]", "'me@shop.example'", "listed twice"),
        (kept({**MAILBOX, "quotaMiB": 0}), "mailboxes[0].quotaMiB", "0", "greater than or equal"),
        (kept({**MAILBOX, "quota": 5}), "mailboxes[0].quota", "", "did you mean quotaMiB?"),
        (
            kept({**MAILBOX, "quotaMiB": 7613}),
            "mail-relay:mailboxes",
            "7673 MiB of quotas in all, with 60 MiB for each",
            "room for 7672 MiB beside the queue; raise gateway.dataVolumeGiB",
        ),
        (
            kept(MAILBOX, forwards=[{"address": "me@shop.example", "to": ["me@far.example"]}]),
            "mailboxes[0].address",
            "'me@shop.example'",
            "add me@shop.example to that forward's `to` to keep a copy",
        ),
        (
            kept(MAILBOX, operator="ops@shop.example"),
            "mail-relay:operator",
            "'ops@shop.example'",
            "add it to mail-relay:forwards or mail-relay:mailboxes",
        ),
        (
            changed(domains=[{"name": "shop.example", "mx": [{"host": "mail.relay.example"}]}]),
            "domains[0].mx[0].host",
            "'mail.relay.example'",
            "takes no mail for shop.example; give it a forward or a mailbox",
        ),
        (
            changed(sasl={"mechanisms": ["PLAIN", "SCRAM-SHA-1"]}),
            "sasl.mechanisms[1]",
            "'SCRAM-SHA-1'",
            "'CRAM-MD5'",
        ),
        (changed(sasl={"mechanisms": ["CRAM-MD5"]}), "sasl.mechanisms", "CRAM-MD5", "keep PLAIN"),
        (changed(sasl={"mechanisms": []}), "sasl.mechanisms", "[]", "keep PLAIN"),
        (
            changed(sasl={"mechanisms": ["PLAIN", "PLAIN"]}),
            "sasl.mechanisms[1]",
            "'PLAIN'",
            "listed twice",
        ),
        (changed(messageSizeLimitMiB=0), "messageSizeLimitMiB", "0", "greater than or equal to 1"),
        (changed(messageSizeLimitMiB=2000), "messageSizeLimitMiB", "2000", "less than or equal"),
        (changed(inbound={"dmarc": "reject"}), "inbound.dmarc", "'reject'", "'enforce'"),
        (changed(ssh={"allowFrom": ["0.0.0.0/0"]}), "ssh.allowFrom[0]", "0.0.0.0/0", "the world"),
        (
            changed(domains=[{"name": "shop.example", "a": "web.shop.example"}]),
            "domains[0].a",
            "'web.shop.example'",
            "a public host of the stack (app.shop.example, mail.relay.example) or an IPv4 address",
        ),
        (
            changed(domains=[{"name": "shop.example", "ttl": 5}]),
            "domains[0].ttl",
            "5",
            "greater than or equal to 60",
        ),
        (
            changed(ssh={"publicKey": "ssh-ed25519 me@laptop"}),
            "ssh.publicKey",
            "",
            "give the line of a .pub file",
        ),
        (changed(ssh={"allowFrom": ["10.0.0.1/8"]}), "ssh.allowFrom[0]", "10.0.0.1/8", "host bits"),
        (changed(network={"cidr": "10.0.0.0/28"}), "network.cidr", "10.0.0.0/28", "/16 to /24"),
        (
            changed(clients=[PRIVATE], network={"cidr": "10.0.0.0/24"}),
            "network.cidr",
            "'10.0.0.0/24'",
            "a subnet of their own; give a network of /16 to /23",
        ),
        (
            changed(clients=[{"name": "app.shop.example", "private": "perhaps"}]),
            "clients[0].private",
            "'perhaps'",
            "a valid boolean",
        ),
        (
            changed(clients=[PRIVATE], domains=[{"name": "shop.example", "a": PRIVATE["name"]}]),
            "domains[0].a",
            "'app.shop.example'",
            "a public host of the stack (mail.relay.example) or an IPv4 address",
        ),
        (
            changed(
                clients=[PRIVATE],
                domains=[{"name": "shop.example"}, {"name": "lists.mail.relay.example"}],
            ),
            "domains[1].name",
            "'lists.mail.relay.example'",
            "not below the gateway's name",
        ),
        (
            changed(delegation={"zone": "relay.example", "parent": "example.org"}),
            "delegation.parent",
            "'example.org'",
            "relay.example is not below it; give the zone that exists already",
        ),
        (
            changed(delegation={"zone": "try.relay.example", "parent": "relay.example"}),
            "delegation.zone",
            "'try.relay.example'",
            "none of the zones of the stack (relay.example, shop.example)",
        ),
        (
            changed(
                zones=["relay.example", "shop.example", "in.shop.example"],
                delegation={"zone": "in.shop.example", "parent": "shop.example"},
            ),
            "delegation.parent",
            "'shop.example'",
            "a delegation is for a stack that is wholly below in.shop.example",
        ),
        (
            changed(delegation={"zone": "try.relay.example"}),
            "delegation.parent",
            "missing",
            "it must be given",
        ),
        (
            changed(acme={"root": "-----BEGIN CERTIFICATE-----\nAAAA\n"}),
            "acme.root",
            "AAAA",
            "give certificates in PEM",
        ),
    ],
)
def test_a_wrong_setting_names_key_value_and_remedy(
    raw: dict[str, Any], key: str, value: str, remedy: str
) -> None:
    found = "\n".join(lines(raw))
    assert key in found
    assert value in found
    assert remedy in found


def smarthost(**keys: Any) -> dict[str, Any]:
    return changed(smarthost={**copy.deepcopy(SMARTHOST), **keys})


def test_no_smarthost_is_what_an_empty_one_means() -> None:
    assert read(changed(smarthost={})).smarthost is None


def test_a_smarthosts_spf_is_added_to_every_domains() -> None:
    settings = read(smarthost())
    assert settings.smarthost is not None
    assert settings.smarthost.port == 587
    assert settings.spf_terms(settings.domains[0]) == ("gateways", "include:_spf.far.example")


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (smarthost(host=None), "smarthost.host: missing; give the provider's host, as smtp."),
        (smarthost(spf=None), "smarthost.spf: missing; give the mechanism that the provider's"),
        (smarthost(spf="_spf.far.example"), "smarthost.spf: '_spf.far.example': give an SPF mech"),
        (smarthost(host="smtp"), "smarthost.host: 'smtp': give the whole name"),
        (smarthost(port=25), "smarthost.port: 25: Input should be 587, 465, 2587 or 2465"),
        (smarthost(mechanisms=[]), "smarthost.mechanisms: []: name those of SASL that may be used"),
        (smarthost(mechanisms=["NTLM"]), "smarthost.mechanisms[0]: 'NTLM': Input should be 'PLA"),
        (smarthost(acounts=[]), "smarthost.acounts: there is no such key; did you mean accounts?"),
        (smarthost(accounts=[]), "smarthost.accounts: 0 without a sender: there must be one, for"),
        (
            smarthost(accounts=[{"user": "a"}]),
            "smarthost.accounts[0].password: missing; set it as a secret: pulumi config set "
            "--secret --path 'mail-relay:smarthost.accounts[0].password'",
        ),
        (
            smarthost(accounts=[{"user": "a", "password": "secret\n"}]),
            "smarthost.accounts[0].password: give up to 255 printable ASCII characters, with no",
        ),
        (
            smarthost(accounts=[{"user": "a:b", "password": "x"}]),
            "smarthost.accounts[0].user: 'a:b': give the user name as the provider says it",
        ),
        (
            smarthost(accounts=2 * SMARTHOST["accounts"]),
            "smarthost.accounts: 2 without a sender: there must be one",
        ),
        *(
            (
                smarthost(
                    accounts=[
                        *SMARTHOST["accounts"],
                        *({"user": "b", "password": "x", "sender": s} for s in senders),
                    ]
                ),
                f"smarthost.accounts[{len(senders)}]{line}",
            )
            for senders, line in [
                (["@else.example"], ".sender: '@else.example': its domain is none of ours"),
                (["shop"], ".sender: 'shop': give a whole address"),
                (2 * ["@shop.example"], ": '@shop.example': it is listed twice"),
            ]
        ),
        (changed(smarthost={"ses": "yes!"}), "smarthost.ses: 'yes!': Input should be a valid bool"),
        (
            smarthost(ses=True),
            "smarthost.ses: true: Amazon SES brings the rest with it; leave out accounts, host, sp",
        ),
        (
            changed(
                smarthost={"ses": True},
                forwards=[{"address": "info@shop.example", "to": ["me@far.example"]}],
            ),
            "smarthost.ses: true: Amazon SES refuses forwarded mail",
        ),
    ],
)
def test_a_smarthost_that_cannot_work_is_refused(raw: dict[str, Any], line: str) -> None:
    (found,) = lines(raw)
    assert found.startswith(f"mail-relay:{line}")
    assert "secret\n" not in found


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
        "mail-relay:domains[0].dmarc.reports: 'dmarc@shop.example': shop.example is received here "
        "and has no such address; add it to mail-relay:forwards or mail-relay:mailboxes, or name "
        "one elsewhere"
    ]


@pytest.mark.parametrize("password", ["short", "with space 123", "col:on:1234", "ümlaut-123456"])
def test_a_password_that_the_files_cannot_hold_is_refused_and_not_shown(password: str) -> None:
    found = lines(changed(logins=[{"address": "me@shop.example", "password": password}]))
    assert found == [
        "mail-relay:logins[0].password: give 8 to 128 printable ASCII characters without spaces "
        "and colons"
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
        ({"s1": "c2VjcmV0" * 9}, "keys.s1: no private key without a passphrase in PEM; give the"),
        (
            {"s1": pem(rsa.generate_private_key(public_exponent=65537, key_size=1024))},  # noqa: S505
            "keys.s1: an RSA key of 1024 bits; give the private key in PEM, RSA of 2048 bits",
        ),
        ({"s1": pem(ec.generate_private_key(ec.SECP256R1()))}, "keys.s1: no RSA key; give the"),
        ({"s3": dkim.generate()}, "keys.s3: it is none of the domain's selectors (s1, s2); add it"),
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
    assert settings.mailboxes[0].quota_mi_b == 1024
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

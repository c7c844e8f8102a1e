"""A wrong setting fails before any resource, with the key, the value and what would be right."""

from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES
from raw_settings import RIGHT, changed, lines

from settings import read

PRIVATE = {"name": "app.shop.example", "private": True}


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


def test_everything_that_is_wrong_is_told_at_once() -> None:
    raw = changed(operator="ops", domains=[{"name": "x"}], protect="perhaps")
    keys = [line.split(": ")[0] for line in lines(raw)]
    assert keys == ["mail-relay:domains[0].name", "mail-relay:operator", "mail-relay:protect"]


def test_every_type_that_aws_lists_on_xen_is_refused_and_no_other() -> None:
    listed = {name: data.get("Hypervisor") for name, data in INSTANCE_TYPES.items()}
    assert "xen" in listed.values()
    for name, hypervisor in listed.items():
        raw = changed(gateway={"name": "mail.relay.example", "instanceType": name})
        if hypervisor == "xen":
            assert "runs on Xen" in lines(raw)[0]
        elif hypervisor == "nitro":
            read(raw)

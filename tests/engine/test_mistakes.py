"""What a user gets wrong stops the preview with one line that says what would be right."""

from typing import Any

import pytest
from stacks import Stack
from test_program import config

ZONES = ("relay.example", "shop.example")
A_ZONE, NO_ZONE = "far.example", "Z0123456789ABCDEFGHIJ"
GATEWAY = "mail.relay.example"


def _domain(name: str) -> dict[str, Any]:
    return {"mail-relay:domains": [*config()["mail-relay:domains"], {"name": name}]}


def _gateway(**keys: str) -> dict[str, Any]:
    return {"mail-relay:gateway": {"name": GATEWAY, **keys}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            _domain("nowhere.example"),
            "nowhere.example: Route53 has no public Hosted Zone of this name. Make it (aws route53 "
            "create-hosted-zone --name nowhere.example --caller-reference 1) and have your "
            "registrar name its servers, or list the zone that the name is in in mail-relay:zones",
        ),
        (
            {"mail-relay:zones": [*ZONES, {"name": A_ZONE, "id": NO_ZONE}]},
            f"mail-relay:zones: {{name: {A_ZONE}, id: {NO_ZONE}}}: Route53 has no zone of "
            f"this id; it has none of the name {A_ZONE}",
        ),
        (
            {"mail-relay:image": "debian-13-arm64-20990101-1"},
            "mail-relay:image: 'debian-13-arm64-20990101-1': Debian has no image of this name in "
            "us-east-1; the newest one is debian-13-arm64-20251117-2299",
        ),
        (
            {"mail-relay:image": "debian-12-arm64-20990101-1"},
            "mail-relay:image: 'debian-12-arm64-20990101-1': Debian has no image of this name in "
            "us-east-1; it has none that is called debian-12-arm64-*",
        ),
        (
            {"mail-relay:image": "ami-0123456789abcdef0"},
            "wrong settings: mail-relay:image: 'ami-0123456789abcdef0': give the name of Debian's "
            "image, such as debian-13-arm64-20251117-2299; its id differs from region to region",
        ),
        (
            _gateway(name="relay.example"),
            "wrong settings: mail-relay:gateway.name: 'relay.example': give a host name below your "
            "domain, such as mail.relay.example",
        ),
        (
            _gateway(instanceType="t3.small") | {"mail-relay:image": "debian-13-arm64-2-3"},
            "wrong settings: mail-relay:gateway.instanceType: 't3.small': it is amd64, the image "
            "debian-13-arm64-2-3 is not; choose a type or an image of the same architecture",
        ),
        (
            {"mail-relay:ssh": {"publicKey": "my-key-pair", "allowFrom": ["192.0.2.0/24"]}},
            "wrong settings: mail-relay:ssh.publicKey: give the line of a .pub file, as "
            "ssh-ed25519 AAAA... you@laptop",
        ),
        (
            {"mail-relay:network": {"subnetId": "subnet-1"}},
            "wrong settings: mail-relay:network.subnetId: there is no such key; the keys are "
            "cidr, zone",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_what_would_be_right(
    stack: Stack, changed: dict[str, Any], said: str
) -> None:
    assert _errors(stack, {**config(), **changed}) == [said]


def test_a_setting_in_another_namespace_is_one_line(stack: Stack) -> None:
    settings = config()
    settings["mailrelay:gateway"] = settings.pop("mail-relay:gateway")
    assert _errors(stack, settings) == [
        "wrong settings: mailrelay:gateway: nobody reads this key; did you mean mail-relay:gateway?"
    ]


def _errors(stack: Stack, settings: dict[str, Any]) -> list[str]:
    """The errors of a preview, each in one line."""
    stack.write(settings)
    code, output = stack.pulumi("preview", "--stack=test", "--color=never")
    assert code != 0
    assert "Traceback" not in output
    _, _, diagnostics = output.partition("Diagnostics:")
    errors = diagnostics.partition("Resources:")[0].split("error: ")[1:]
    return [" ".join(error.split()) for error in errors]

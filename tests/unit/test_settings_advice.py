"""Settings that are taken and likely not meant are told of, and go on."""

import json
from typing import Any

import pulumi
import pytest
from raw_settings import RIGHT, SMARTHOST
from recorder import declare
from test_graph import CONFIG

from mail import dkim
from settings import read
from settings.advice import advice, secrets_in_clear, spf_advice

CLEAR = "it stands in the stack's file in clear; set it as a secret: pulumi config set --secret"
LOGIN = {"address": "me@shop.example", "password": "secret-123"}
PARKED = {
    "name": "parked.example",
    "mx": [{"host": "."}],
    "spf": {"mechanisms": [], "all": "-all"},
    "dmarc": {"policy": "reject"},
}
INFO = [{"address": "info@shop.example", "to": ["me@far.example"]}]
KEYED = {"name": "shop.example", "keys": {"s1": dkim.generate()}}


def domain(**keys: Any) -> dict[str, Any]:
    return {"domains": [{"name": "shop.example", **keys}]}


@pytest.mark.parametrize(
    ("changed", "encrypted", "said"),
    [
        ({}, (), []),
        (
            {"logins": [LOGIN]},
            (),
            [
                f"mail-relay:logins[0].password (me@shop.example): {CLEAR} --path "
                "'mail-relay:logins[0].password'"
            ],
        ),
        ({"logins": [LOGIN]}, ("logins",), []),
        (
            {"domains": [KEYED]},
            ("logins",),
            [
                f"mail-relay:domains[0].keys.s1 (shop.example): {CLEAR} --path "
                "'mail-relay:domains[0].keys.s1'"
            ],
        ),
        (
            {"smarthost": SMARTHOST},
            (),
            [
                f"mail-relay:smarthost.accounts[0].password: {CLEAR} --path "
                "'mail-relay:smarthost.accounts[0].password'"
            ],
        ),
        (
            {"ssh": {"allowFrom": ["192.0.2.0/24"]}},
            (),
            [
                "mail-relay:ssh.allowFrom: port 22 is opened and nobody has a key; give "
                "ssh.publicKey"
            ],
        ),
        (
            domain(spf={"mechanisms": ["mx"], "all": "-all"}),
            (),
            [
                "mail-relay:domains[0].spf (shop.example): 'mx': it may not name the gateways, and "
                "ends in -all: receivers may refuse what they send; add gateways to spf.mechanisms"
            ],
        ),
        (
            domain(spf={"mechanisms": ["mx"], "all": "-all"}, dmarc={"policy": "reject"}),
            (),
            [
                "mail-relay:domains[0].spf (shop.example): 'mx': it may not name the gateways, and "
                "ends in -all and its DMARC policy is reject: receivers may refuse what they "
                "send; add gateways to spf.mechanisms"
            ],
        ),
        (
            domain(spf={"mechanisms": ["mx"], "all": "~all"}),
            (),
            [
                "mail-relay:domains[0].spf (shop.example): 'mx': it may not name the gateways, and "
                "ends in ~all: receivers may take what they send for spam; add gateways to "
                "spf.mechanisms"
            ],
        ),
        (
            {"forwards": INFO, "domains": [{"name": "shop.example"}]},
            (),
            [
                "mail-relay:logins[0].address: 'me@shop.example': shop.example is received here "
                "and has no such address: bounces and replies to it are refused; add it to "
                "mail-relay:forwards or mail-relay:mailboxes"
            ],
        ),
        (
            {"forwards": INFO, "logins": [{**LOGIN, "sendAs": ["a@shop.example"]}]},
            ("logins",),
            [
                "mail-relay:logins[0].sendAs (me@shop.example): 'a@shop.example': shop.example is "
                "received here and has no such address: bounces and replies to it are refused; "
                "add it to mail-relay:forwards or mail-relay:mailboxes"
            ],
        ),
        (
            {
                "forwards": INFO,
                "logins": [{**LOGIN, "sendAs": ["@else.example", "@shop.example"]}],
                "domains": [{"name": "shop.example"}, {"name": "else.example"}],
            },
            ("logins",),
            [
                "mail-relay:logins[0].address: 'me@shop.example': shop.example is received here "
                "and has no such address: bounces and replies to it are refused; add it to "
                "mail-relay:forwards or mail-relay:mailboxes"
            ],
        ),
        # it may not send as itself
        ({"forwards": INFO, "logins": [{**LOGIN, "sendAs": ["@relay.example"]}]}, ("logins",), []),
        (domain(spf={"mechanisms": ["mx", "gateways"], "all": "-all"}), (), []),
        (domain(spf={"mechanisms": ["ip4"], "all": "-all"}), (), []),
        (
            domain(mx=[{"host": "."}]),
            (),
            [
                "mail-relay:domains[0].mx (shop.example): '.': shop.example takes no mail, and "
                "me@shop.example and "
                "relay@app.shop.example may send as it: receivers may refuse a sender who takes no "
                "bounces (RFC 7505, 4.2); take mx or their sendAs away"
            ],
        ),
        (
            domain(spf={"mechanisms": [], "all": "-all"}),
            (),
            [
                "mail-relay:domains[0].spf (shop.example): '-all': nobody's mail as shop.example "
                "passes, and me@shop.example and relay@app.shop.example may send as it; take their "
                "sendAs away, or add gateways to spf.mechanisms"
            ],
        ),
        ({"domains": [{"name": "shop.example"}, PARKED]}, (), []),
        (
            {
                "monitoring": {"enabled": True, "notify": ["info@shop.example", "https://a.b"]},
                "mailboxes": [{"address": "info@shop.example"}],
                "logins": [{"address": "info@shop.example"}],
            },
            (),
            [
                "mail-relay:monitoring.notify[0]: 'info@shop.example': alarms are told to it by "
                "mail that comes by these gateways; have somebody elsewhere in "
                "mail-relay:monitoring.notify as well"
            ],
        ),
        (
            {"monitoring": {"notify": ["https://a.b"]}},
            (),
            [
                "mail-relay:monitoring.notify: nothing is watched and nobody is told, since "
                "monitoring.enabled is false; set it to true, or leave this out"
            ],
        ),
    ],
)
def test_what_is_likely_not_meant_is_told(
    changed: dict[str, Any], encrypted: tuple[str, ...], said: list[str]
) -> None:
    settings = read({**RIGHT, **changed})
    found = [*secrets_in_clear(settings, encrypted), *advice(settings), *spf_advice(settings, {})]
    assert found == said


def test_a_preview_tells_it_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: told.append(text))
    graph = declare({**CONFIG, "mail-relay:ssh": json.dumps({"allowFrom": ["192.0.2.0/24"]})})
    assert [line.split(":")[1] for line in told] == ["ssh.allowFrom"]
    assert graph.of("Instance")


def test_a_setting_in_a_namespace_that_nobody_reads_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody believes that the stack is protected."""
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, *_: told.append(text))
    declare({**CONFIG, "mailrelay:protect": "true", "aws-native:region": "x", "aws:profile": "y"})
    assert told == ["mailrelay:protect: nobody reads this key; did you mean mail-relay:protect?"]

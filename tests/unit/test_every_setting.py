"""Every setting changes what is declared: a key that nothing reads is none."""

import copy
import json
from functools import cache
from typing import Any

import pytest
from certificates import root
from recorder import Recorder, declare
from test_settings_marks import leaves

from mail import dkim, passwords
from settings import Settings

GIVEN, GENERATED = dkim.generate(), dkim.generate()
RECORD = cache(dkim.record)  # it takes 30 ms
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGGyz2mDEvEhcK6OT0wjtSPyvsyCMtCHqpqv1ZkeUzJ1 a@b"
# the first item of each list is the one that changes, so nothing else refers to it
BASE: dict[str, Any] = {
    "gateway": {"name": "mail.try.up.co.example"},
    "domains": [
        {"name": "news.example", "mx": [{"host": "mx.far.example"}]},
        {"name": "shop.example"},
    ],
    "zones": [{"name": "spare.up.co.example"}, "try.up.co.example", "news.example", "shop.example"],
    "delegation": {"zone": "try.up.co.example", "parent": "up.co.example"},
    "operator": "ops@inbox.example",
    "clients": [{"name": "app.shop.example"}],
    "logins": [{"address": "me@shop.example"}, {"address": "box@shop.example"}],
    "forwards": [{"address": "info@shop.example", "to": ["me@far.example"]}],
    "mailboxes": [{"address": "box@shop.example"}],
    "smarthost": {
        "host": "smtp.far.example",
        "spf": "include:_spf.far.example",
        "accounts": [
            {"user": "shop", "password": "secret-123", "sender": "@shop.example"},
            {"user": "rest", "password": "secret-456"},
        ],
    },
}
# SES forwards nothing: the operator has a mailbox here
SES: dict[str, Any] = {
    **BASE,
    "operator": "box@shop.example",
    "forwards": [],
    "smarthost": {},
}
SEVERAL: dict[str, Any] = {
    **{key: value for key, value in BASE.items() if key not in ("gateway", "mailboxes")},
    "gateways": [{"name": "mx2.try.up.co.example"}, {"name": "mx1.try.up.co.example"}],
    "submission": {"name": "mail.try.up.co.example"},
}
OF_SEVERAL = (
    "name",
    "zone",
    "instanceType",
    "dataVolumeGiB",
    "dataVolume.snapshot",
    "drain",
    "address",
    "spareAddress",
)
SNAPSHOT = "snap-0123456789abcdef0"


def _from_snapshot(key: str, raw: dict[str, Any]) -> dict[str, Any]:
    """The settings, with a gateway (the first of `gateways`) that starts from a snapshot."""
    volume, given = {"dataVolume": {"snapshot": SNAPSHOT}}, copy.deepcopy(raw[key])
    (given[0] if isinstance(given, list) else given).update(volume)
    return {**raw, key: given}


OTHER = {
    "smarthost.ses": SES,
    "submission.loadBalancer": SEVERAL,
    "monitoring.detail": {**BASE, "monitoring": {"enabled": True}},
    "monitoring.notify": {**BASE, "monitoring": {"enabled": True}},
    **{f"gateways.{key}": SEVERAL for key in OF_SEVERAL},
    "gateway.dataVolume.hold": _from_snapshot("gateway", BASE),
    "gateways.dataVolume.hold": _from_snapshot("gateways", SEVERAL),
}
# for each key of the settings another value; where a list has keys, it is of the first item
ROWS: dict[str, Any] = {
    "gateway.name": "mx.try.up.co.example",
    "gateway.instanceType": "t4g.medium",
    "gateway.dataVolumeGiB": 9,
    "gateway.address": 2,
    "gateway.spareAddress": 2,
    "gateway.dataVolume.snapshot": SNAPSHOT,
    "gateway.dataVolume.hold": True,
    "gateways.dataVolume.snapshot": SNAPSHOT,
    "gateways.dataVolume.hold": True,
    "gateways.name": "mx3.try.up.co.example",
    "gateways.zone": "us-east-1b",
    "gateways.instanceType": "t4g.medium",
    "gateways.dataVolumeGiB": 9,
    "gateways.address": 2,
    "gateways.spareAddress": 2,
    "gateways.drain": True,
    "discard": ["mx4.try.up.co.example"],
    "submission.name": "smtp.try.up.co.example",
    "submission.loadBalancer": True,
    "domains.name": "in.news.example",
    "domains.selectors": ["s1", "s2"],
    "domains.retired": ["s0"],
    "domains.keys": {"s1": GIVEN},
    "domains.dmarc.policy": "reject",
    "domains.dmarc.sp": "reject",
    "domains.dmarc.np": "reject",
    "domains.dmarc.psd": "n",
    "domains.dmarc.t": "y",
    "domains.dmarc.pct": 50,
    "domains.dmarc.adkim": "s",
    "domains.dmarc.aspf": "s",
    "domains.dmarc.reports": ["dmarc@far.example"],
    "domains.dmarc.ruf": ["dmarc@far.example"],
    "domains.dmarc.fo": "d",
    "domains.spf.mechanisms": ["gateways", "include:far.example"],
    "domains.spf.all": "-all",
    "domains.txt": ["verification=1"],
    "domains.a": "192.0.2.9",
    "domains.ttl": 600,
    "domains.mx.host": "mx2.far.example",
    "domains.mx.preference": 20,
    "operator": "boss@inbox.example",
    "zones.name": "other.up.co.example",
    "zones.id": "Z0SPARE",
    "delegation.zone": "spare.up.co.example",
    "delegation.parent": "co.example",
    "delegation.parentId": "Z0UP",
    "image": "debian-13-arm64-20990101-1",
    "clients.name": "www.shop.example",
    "clients.instanceType": "t4g.small",
    "clients.sendAs": ["app@shop.example"],
    "clients.private": True,
    "clients.limits.messagesPerHour": 1,
    "clients.limits.messagesPerDay": 1,
    "clients.limits.recipientsPerHour": 1,
    "clients.limits.recipientsPerDay": 1,
    "logins.address": "you@shop.example",
    "logins.password": "secret-789",
    "logins.enabled": False,
    "logins.sendAs": ["@shop.example"],
    "logins.limits.messagesPerHour": 1,
    "logins.limits.messagesPerDay": 1,
    "logins.limits.recipientsPerHour": 1,
    "logins.limits.recipientsPerDay": 1,
    "forwards.address": "sales@shop.example",
    "forwards.to": ["you@far.example"],
    "mailboxes.address": "me@shop.example",
    "mailboxes.quotaMiB": 100,
    "inbound.dmarc": "mark",
    "inbound.srsSecret": "secret-789",
    "sasl.mechanisms": ["PLAIN", "CRAM-MD5"],
    "limits.login.messagesPerHour": 1,
    "limits.login.messagesPerDay": 1,
    "limits.login.recipientsPerHour": 1,
    "limits.login.recipientsPerDay": 1,
    "limits.guessing.failures": 5,
    "limits.guessing.minutes": 5,
    "limits.guessing.logins": 3,
    "limits.guessing.banMinutes": 5,
    "limits.guessing.slowPerMinute": 5,
    "limits.guessing.exempt": ["192.0.2.0/24"],
    "limits.strangers.connections": 5,
    "limits.strangers.messagesPerMinute": 5,
    "limits.strangers.recipientsPerMinute": 5,
    "messageSizeLimitMiB": 20,
    "smarthost.ses": True,
    "smarthost.host": "smtp2.far.example",
    "smarthost.port": 465,
    "smarthost.mechanisms": ["PLAIN"],
    "smarthost.accounts.user": "other",
    "smarthost.accounts.password": "secret-789",
    "smarthost.accounts.sender": "@news.example",
    "smarthost.spf": "include:_spf2.far.example",
    "acme.directory": "https://ca.far.example/directory",
    "acme.email": "acme@far.example",
    "acme.root": root(),
    "ssh.publicKey": SSH_KEY,
    "ssh.allowFrom": ["192.0.2.0/24"],
    "ssh.endpoint": True,
    "network.cidr": "10.30.0.0/16",
    "network.zone": "us-east-1b",
    "wait.minutes": 0,
    "logs.days": 30,
    "logs.ship": "cloudwatch",
    "monitoring.blockLists": False,
    "monitoring.detail": True,
    "monitoring.enabled": True,
    "monitoring.notify": ["https://far.example/alarms"],
    "monitoring.prometheus": ["10.0.0.0/8"],
    "backup.days": 7,
    "protect": True,
    "tags": {"Team": "mail"},
}


def declared(raw: dict[str, Any]) -> tuple[Any, ...]:
    """All that the engine is given, and what the program asks for; nothing of it is random."""
    given = {f"mail-relay:{key}": value for key, value in raw.items()}
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords.secrets, "token_urlsafe", lambda _: "generated-1")
        patch.setattr(dkim, "generate", lambda: GENERATED)
        patch.setattr(dkim, "record", RECORD)
        graph: Recorder = declare({**texts, "aws:region": "us-east-1"})
    made = {(r.type, r.name): (r.inputs, r.options) for r in graph.resources}
    return made, graph.outputs, sorted(map(repr, graph.calls))


def changed(raw: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    found = copy.deepcopy(raw)
    *way, last = path.split(".")
    node: Any = found
    for part in way:
        node = node.setdefault(part, {})
        node = node[0] if isinstance(node, list) else node
    assert node.get(last) != value
    node[last] = value
    return found


@pytest.fixture(scope="module")
def base() -> dict[str, tuple[Any, ...]]:
    """What is declared before a change, by the key that changes: BASE unless it needs another."""
    return {"": declared(BASE), **{key: declared(raw) for key, raw in OTHER.items()}}


def test_every_key_of_the_settings_has_a_row() -> None:
    assert [path for path, _ in leaves(Settings) if path not in ROWS] == []
    assert set(ROWS) == {path for path, _ in leaves(Settings)}


def test_the_same_settings_declare_the_same(base: dict[str, tuple[Any, ...]]) -> None:
    assert declared(BASE) == base[""]


@pytest.mark.parametrize("key", ROWS)
def test_a_setting_changes_what_is_declared(key: str, base: dict[str, tuple[Any, ...]]) -> None:
    after = declared(changed(OTHER.get(key, BASE), key, ROWS[key]))
    assert after != base.get(key, base[""])

"""What each setting is (a name, a person, a secret), and that no secret is shown anywhere."""

import copy
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mail import dkim
from ops.edit.stack_file import ITEM_KEYS
from settings import Settings, SettingsError, marks, read
from settings.marks import Mark

# no form of these is right for any setting that may hold a secret
PLAIN = "hunter2:and more "
PEM = "-----BEGIN PRIVATE KEY-----\nhunter2==\n-----END PRIVATE KEY-----"
KEY = dkim.generate()
FULL: dict[str, Any] = {
    "gateway": {"name": "mail.relay.example"},
    "domains": [{"name": "shop.example", "keys": {"s1": KEY}}],
    "operator": "ops@inbox.example",
    "logins": [{"address": "me@shop.example", "password": "hunter2-and-more"}],
    "smarthost": {
        "host": "smtp.far.example",
        "spf": "include:_spf.far.example",
        "accounts": [{"user": "me", "password": "hunter2-and-more"}],
    },
    "inbound": {"srsSecret": "hunter2-and-more"},
    "ssh": {},
    "acme": {},
}


NOTIFY = "monitoring.notify"
SECRETS = {"domains.keys", "logins.password", "smarthost.accounts.password", "inbound.srsSecret"}
SNAPSHOTS = ("gateway.dataVolume.snapshot", "gateways.dataVolume.snapshot")


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every field that has no keys of its own, by its path."""
    for key, field in marks.fields(model).items():
        inner = marks.model_of(field)
        if inner:
            yield from leaves(inner, f"{path}{key}.")
        else:
            yield f"{path}{key}", field


NETWORKS = {"monitoring.prometheus", "ssh.allowFrom", "network.cidr"}


def test_every_text_is_a_name_a_person_a_secret_or_none_of_them() -> None:
    found: dict[str, set[str]] = {}
    for path, field in leaves(Settings):
        if marks.is_secret(field) or str in marks.parts(field):
            kinds = [mark.name for mark in Mark if marks.is_marked(field, mark)]
            kinds += ["SECRET"] if marks.is_secret(field) else []
            found.setdefault(" ".join(kinds), set()).add(path)
    assert found == {
        "SECRET": SECRETS,
        "HIDDEN": {"ssh.publicKey"},
        "PERSON": {"operator", "forwards.to", "domains.dmarc.reports", "domains.dmarc.ruf", NOTIFY},
        "NAME ITEM": {
            "domains.name",
            "clients.name",
            "gateways.name",
            "logins.address",
            "forwards.address",
            "mailboxes.address",
            "zones.name",
            "smarthost.accounts.sender",
        },
        "NAME": {
            "gateway.name",
            "submission.name",
            "discard",
            "domains.spf.mechanisms",
            "domains.a",
            "domains.mx.host",
            "delegation.zone",
            "delegation.parent",
            "clients.sendAs",
            "logins.sendAs",
            "smarthost.host",
            "smarthost.spf",
        },
        # names nothing of the stack, or is public and harmless under another name too
        "": {
            "gateway.instanceType",
            "gateways.instanceType",
            "clients.instanceType",
            "domains.selectors",
            "domains.retired",
            "domains.dmarc.fo",
            "domains.txt",
            "zones.id",
            "delegation.parentId",
            "image",
            "limits.guessing.exempt",
            "smarthost.accounts.user",
            "acme.directory",
            "acme.email",
            "acme.root",
            *NETWORKS,
            "network.zone",
            "gateways.zone",
            *SNAPSHOTS,
            "tags",
        },
    }


def test_an_item_of_a_list_is_known_by_one_key() -> None:
    assert ITEM_KEYS == {
        "gateways": "name",
        "domains": "name",
        "zones": "name",
        "clients": "name",
        "logins": "address",
        "forwards": "address",
        "mailboxes": "address",
    }


def test_settings_are_printed_without_their_secrets() -> None:
    settings = read(FULL)
    body = KEY.splitlines()[1]
    printed = [repr(settings), str(settings), f"{settings.logins}", repr(settings.model_dump())]
    printed += [repr(settings.domains), repr(settings.smarthost), settings.model_dump_json()]
    for text in printed:
        assert "hunter2" not in text
        assert body not in text
    assert settings.logins[0].password is not None
    assert settings.logins[0].password.get_secret_value() == "hunter2-and-more"
    assert settings.domains[0].keys["s1"].get_secret_value() == KEY


# Where a secret stands, each key on the way there, and keys that are easily taken for these.
PLACES: list[tuple[Any, ...]] = [
    ("logins", 0, "password"),
    ("logins", 0, "pasword"),
    ("logins", 0),
    ("logins",),
    ("domains", 0, "keys", "s1"),
    ("domains", 0, "keys", "S1"),
    ("domains", 0, "keys"),
    ("domains", 0),
    ("domains",),
    ("smarthost", "accounts", 0, "password"),
    ("smarthost", "accounts", 0, "pass"),
    ("smarthost", "accounts", 0),
    ("smarthost", "accounts"),
    ("smarthost", "password"),
    ("smarthost",),
    ("inbound", "srsSecret"),
    ("inbound", "secret"),
    ("inbound",),
    ("ssh", "publicKey"),
    ("ssh", "privateKey"),
    ("ssh",),
]
FORMS: list[Any] = [
    PLAIN,
    PEM,
    [PLAIN],
    [[PEM]],
    {"a": PLAIN},
    {PEM: "s1"},
    {"password": PLAIN},
    {"address": "me@shop.example", "pasword": PLAIN},
    {"keys": PEM},
    [{"password": PLAIN, "user": 5}],
    {"accounts": [{"password": PLAIN}]},
    {"accounts": {"user": "me", "password": PLAIN}},
]


def with_value(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    raw = copy.deepcopy(FULL)
    raw["domains"][0]["keys"] = {}  # to read one takes 40 ms
    node: Any = raw
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value
    return raw


def said(raw: dict[str, Any]) -> str:
    """All that is printed of wrong settings."""
    with pytest.raises(SettingsError) as caught:
        read(raw)
    return "\n".join([repr(caught.value), *traceback.format_exception(caught.value)])


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_a_secret_is_not_shown_wherever_it_stands(place: tuple[Any, ...]) -> None:
    lasting = [path for path, field in leaves(Settings) if marks.is_hidden(field)]
    plain = {".".join(p for p in place if isinstance(p, str)) for place in PLACES}
    assert set(lasting) <= plain  # each place is tried
    for form in FORMS:
        text = said(with_value(place, form))
        assert "mail-relay:" in text
        assert "hunter2" not in text, form


@pytest.mark.parametrize("place", PLACES)
def test_pydantics_own_error_has_no_value(place: tuple[Any, ...]) -> None:
    for form in (PLAIN, PEM, [PLAIN], {"a": PLAIN}):
        with pytest.raises(ValidationError) as caught:
            Settings.model_validate(with_value(place, form))
        for text in (str(caught.value), repr(caught.value)):
            assert "hunter2" not in text, form


def test_a_private_key_is_not_shown_in_any_setting() -> None:
    for place in [("operator",), ("gateway", "name"), ("acme", "root"), ("domains", 0, "name")]:
        assert "hunter2" not in said(with_value(place, PEM))
    for place in [("domains", 0, "txt"), ("domains", 0, "selectors")]:
        assert "hunter2" not in said(with_value(place, [PEM]))
    with pytest.raises(SettingsError) as caught:
        read(with_value(("operator",), "ops"))
    assert caught.value.lines == [
        "mail-relay:operator: 'ops': give a whole address, such as me@example.com"
    ]

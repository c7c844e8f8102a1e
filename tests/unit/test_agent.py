"""The agent's decisions: which bundle is good, what the files say, which key may be used."""

import copy
import grp
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from agent import gateway_files, mailbox_files, main
from agent.bundle import BadBundle, parse
from agent.install import File, current, install
from mail import dkim

KEY = dkim.generate()
GATEWAY: dict[str, Any] = {
    "version": 2,
    "gateways": ["mail.relay.example"],
    "operator": "ops@inbox.example",
    "domains": {
        "relay.example": {"selectors": [{"name": "s1", "privateKey": KEY}]},
        "shop.example": {"selectors": [{"name": "s1", "privateKey": KEY}]},
    },
    "logins": {
        "me@shop.example": {"password": "secret-123", "sendAs": ["me@shop.example"]},
        "relay@app.shop.example": {"password": "secret-456", "sendAs": ["@shop.example"]},
    },
    "forwards": {"info@shop.example": ["me@far.example", "you@far.example"]},
    "srsSecret": "a-secret-of-SRS",
}

MAILBOXES: dict[str, Any] = {
    "me@shop.example": {"quotaMiB": 100, "aliases": ["hello@shop.example"]},
}


def bad(path: list[Any], value: Any) -> bytes:
    bundle = copy.deepcopy(GATEWAY)
    node = bundle
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    return json.dumps(bundle).encode()


def kept(address: str, **keys: Any) -> bytes:
    mailbox = {**MAILBOXES["me@shop.example"], **keys}
    return bad(["mailboxes"], {address: mailbox})


def test_a_good_bundle_is_taken() -> None:
    parsed = parse(json.dumps(GATEWAY).encode(), "mail.relay.example", "gateway")
    assert parsed == GATEWAY
    kept = {**GATEWAY, "mailboxes": MAILBOXES}
    assert parse(json.dumps(kept).encode(), "mail.relay.example", "gateway") == kept


def test_a_mailbox_without_a_login_takes_mail_and_is_read_by_nobody(tmp_path: Path) -> None:
    """Its login is disabled; a host that refused such tables would get no others either."""
    logins = {k: v for k, v in GATEWAY["logins"].items() if k != "me@shop.example"}
    bundle = {**GATEWAY, "logins": logins, "mailboxes": MAILBOXES}
    assert parse(json.dumps(bundle).encode(), "mail.relay.example", "gateway") == bundle
    files = main.gateway_set(bundle, {}, tmp_path)
    assert b"me@shop.example" in files["mailbox_users"].octets
    assert b"me@shop.example me@shop.example\n" in files["forwards"].octets
    assert files["passwords.imap"].octets == b""
    for name in ("passwords.smtp", "guard.json", "sender_logins"):
        assert b"me@shop.example" not in files[name].octets


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "keys"),
        (bad(["version"], 1), "version"),
        (bad(["gateways"], ["other.example"]), "it is for \\['other.example'\\]"),
        (bad(["gateways"], "mail.relay.example"), "gateways: not host names"),
        (bad(["gateways"], []), "it is for \\[\\]"),
        (bad(["gateways"], None), "gateways: not host names"),
        (bad(["gateways"], {"mail.relay.example": 1}), "gateways: not host names"),
        (bad(["gateways"], ["mail.relay.example", 5]), "gateways: not host names"),
        (bad(["gateways"], ["mail.relay.example", "a b"]), "gateways: not host names"),
        (bad(["extra"], 1), "keys"),
        (bad(["draining"], [["mail.relay.example"]]), "draining: no gateways"),
        (bad(["draining"], [{}]), "draining: no gateways"),
        (bad(["forwards", "info@else.example"], ["me@far.example"]), "not in our domains"),
        (bad(["forwards", "info@shop.example"], []), "no targets"),
        (bad(["forwards", "info@shop.example"], ["|/bin/sh"]), "a target is no address"),
        (bad(["forwards", "info"], ["me@far.example"]), "neither an address nor @domain"),
        (bad(["srsSecret"], ""), "srsSecret"),
        (bad(["domains", "a b"], {"selectors": []}), "not a domain"),
        (bad(["domains", "shop.example"], {"selectors": []}), "no selectors"),
        (bad(["domains", "shop.example", "selectors", 0, "privateKey"], "x"), "PEM"),
        (bad(["logins", "me@shop.example", "password"], "a\nb-34567"), "password"),
        (bad(["logins", "me@shop.example", "sendAs"], ["@else.example"]), "our domains"),
        (bad(["logins", "Me\n@x.example"], {}), "not an address"),
        (bad(["mailboxes"], []), "mailboxes: not an object"),
        (bad(["mailboxes"], {"me@shop.example": {}}), "keys"),
        (kept("/../me@shop.example"), "not a mailbox's name"),
        (kept("me@shop.example", aliases=["a:b@shop.example"]), "not a mailbox's name"),
        (kept("me@shop.example", aliases=["me@else.example"]), "not in our domains"),
        (kept("me@shop.example", quotaMiB="1M\nx"), "not a number of MiB"),
        (kept("me@shop.example", quotaMiB=True), "not a number of MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bundle",  # which holds a new key
)
def test_a_bad_bundle_is_refused_as_a_whole(content: bytes, why: str) -> None:
    with pytest.raises(BadBundle, match=why) as caught:
        parse(content, "mail.relay.example", "gateway")
    assert "secret" not in str(caught.value)


def test_an_address_lists_the_logins_that_own_its_whole_domain() -> None:
    assert gateway_files.sender_logins(GATEWAY) == (
        "@shop.example relay@app.shop.example\n"
        "me@shop.example me@shop.example,relay@app.shop.example\n"
    )


def test_the_hosts_own_name_is_signed_by_the_domain_above_it() -> None:
    signing = {"relay.example": "s1", "shop.example": "s2"}
    assert gateway_files.signing_table(GATEWAY, signing) == (
        "*@relay.example relay.example\n"
        "*@shop.example shop.example\n"
        "*@mail.relay.example relay.example\n"
    )
    assert "shop.example shop.example:s2:" in gateway_files.key_table(signing)


def test_files_are_swapped_as_a_whole_and_one_older_set_is_kept(tmp_path: Path) -> None:
    owner, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    for number in range(1, 5):
        install(tmp_path, {"table": File(f"{number}\n", owner, group, 0o640)})
        assert (current(tmp_path) / "table").read_text() == f"{number}\n"
    assert oct((current(tmp_path) / "table").stat().st_mode & 0o777) == "0o640"
    assert sorted(p.name for p in (tmp_path / "versions").iterdir()) == ["3", "4"]


def test_a_domain_that_receives_has_its_forwards_and_its_roles() -> None:
    assert gateway_files.receives(GATEWAY) == "mail.relay.example -\nshop.example -\n"
    assert gateway_files.forwards(GATEWAY).splitlines() == [
        "abuse@shop.example ops@inbox.example",
        "info@shop.example me@far.example, you@far.example",
        "postmaster@shop.example ops@inbox.example",
    ]
    own = {**GATEWAY, "forwards": {"abuse@shop.example": ["me@far.example"]}}
    assert "abuse@shop.example me@far.example\n" in gateway_files.forwards(own)


def test_each_gateway_takes_what_is_for_any_of_them() -> None:
    both = {**GATEWAY, "gateways": ["mx1.relay.example", "mx2.relay.example"]}
    users = dict(line.split(" ") for line in gateway_files.gateway_users(both).splitlines())
    for host in both["gateways"]:
        assert parse(json.dumps(both).encode(), host, "gateway") == both
        assert f"{host} -\n" in gateway_files.receives(both)
        assert users[f"root@{host}"] == "ops@inbox.example"
        assert users[f"nobounce@{host}"] == "nobounce@nobody.invalid"
        assert f"nobounce@{host} notices_only\n" in gateway_files.notices_only(both)
        assert host in gateway_files.postsrsd(both).rstrip().removeprefix("OWN_DOMAINS=").split(",")
        assert f"*@{host} relay.example\n" in gateway_files.signing_table(
            both, {"relay.example": "s"}
        )
    kept = json.loads(gateway_files.guard(both, {"relay.example": "s"}, 1, {}))
    assert {kept["signedBy"][host] for host in kept["gateways"]} == {"relay.example"}


def test_a_gateway_with_a_key_of_its_own_is_signed_by_that_and_the_others_by_theirs() -> None:
    own = {"selectors": [{"name": "s1", "privateKey": KEY}]}
    both = {
        **GATEWAY,
        "gateways": ["mx1.relay.example", "mx2.relay.example"],
        "domains": {**GATEWAY["domains"], "mx1.relay.example": own},
    }
    signing = {"relay.example": "s1", "mx1.relay.example": "s1"}
    assert gateway_files.signing_table(both, signing) == (
        "*@mx1.relay.example mx1.relay.example\n"
        "*@relay.example relay.example\n"
        "*@mx2.relay.example relay.example\n"
    )
    signed = json.loads(gateway_files.guard(both, signing, 1, {}))["signedBy"]
    assert signed["mx1.relay.example"] == "mx1.relay.example"
    assert signed["mx2.relay.example"] == "relay.example"


def test_what_is_for_another_gateway_does_not_leave() -> None:
    """Its notices would go round by way of the others."""
    both = {
        **GATEWAY,
        "gateways": ["mx1.relay.example", "mx2.relay.example"],
        "operator": "ops@mx2.relay.example",
    }
    assert "mx2.relay.example" not in gateway_files.targets(both)
    assert "me@far.example" in gateway_files.targets(both)


def test_forwarded_mail_of_our_own_senders_is_not_rewritten() -> None:
    assert gateway_files.postsrsd(GATEWAY) == (
        "OWN_DOMAINS=mail.relay.example,relay.example,shop.example\n"
    )


def test_a_mailbox_is_reached_although_its_domain_has_a_catch_all() -> None:
    bundle = {
        **GATEWAY,
        "mailboxes": MAILBOXES,
        "forwards": {"@shop.example": ["me@far.example"], "@relay.example": ["me@far.example"]},
    }
    assert gateway_files.receives(bundle) == "mail.relay.example -\nrelay.example -\n"
    assert "me@shop.example me@shop.example\n" in gateway_files.forwards(bundle)
    texts = mailbox_files.texts(bundle)
    assert texts["mailbox_domains"] == "shop.example -\n"
    assert texts["mailboxes"] == "me@shop.example -\n"


def test_a_mailbox_and_its_aliases_have_one_home_and_one_quota() -> None:
    home = "/srv/mail/mailboxes/shop.example/me::userdb_quota_storage_size=100M"
    assert mailbox_files.users({**GATEWAY, "mailboxes": MAILBOXES}) == (
        f"hello@shop.example:::::{home}\nme@shop.example:::::{home}\n"
    )


def test_dovecot_has_the_passwords_of_those_who_may_use_a_protocol() -> None:
    assert gateway_files.passwords(GATEWAY, GATEWAY["logins"]) == (
        "me@shop.example:{PLAIN}secret-123\nrelay@app.shop.example:{PLAIN}secret-456\n"
    )
    assert gateway_files.passwords(GATEWAY, MAILBOXES) == "me@shop.example:{PLAIN}secret-123\n"

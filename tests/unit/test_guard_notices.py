"""Strangers' notices leave by processes of their own; our users' do not wait for them."""

import dataclasses
import re

import pytest
from test_agent import GATEWAY as TABLES
from test_user_data import GATEWAY

from agent import gateway_files
from cloudinit import files
from cloudinit.hosts import Smarthost


def services(master: str) -> dict[str, list[str]]:
    """Postfix's services by name, as the fields of master(5)."""
    lines = [line.split() for line in master.splitlines() if re.match(r"[a-z]", line)]
    return {fields[0]: fields for fields in lines}


def test_a_notice_has_a_transport_of_its_own_with_fewer_processes() -> None:
    made = files(GATEWAY)
    main, master = made["etc/postfix/main.cf"], services(made["etc/postfix/master.cf"])
    assert "\nsender_dependent_default_transport_maps = inline:{{ <> = notices: }}\n" in main
    assert master["notices"][7] == "smtp"
    assert int(master["notices"][6]) < int(master["smtp"][6])
    # no stranger's one domain takes them all
    (each,) = re.findall(r"^notices_destination_concurrency_limit = (\d+)$", main, re.M)
    assert int(each) * 5 <= int(master["notices"][6])


def test_a_smarthost_is_no_strangers_exchanger() -> None:
    host = dataclasses.replace(
        GATEWAY, smarthost=Smarthost("smtp.far.example", 587, ("PLAIN",), rewrites=False)
    )
    # a transport that is named for a recipient would go round it (transport(5))
    made = files(host)
    assert "current/targets" not in made["etc/postfix/main.cf"]
    assert "notices" not in services(made["etc/postfix/master.cf"])


@pytest.mark.parametrize(
    ("name", "apart"),
    [
        ("me@far.example", True),  # a forward's target
        ("ops@inbox.example", True),  # the operator
        ("silent.example", True),  # a domain of ours whose mail goes elsewhere
        ("shop.example", False),  # received here: Postfix would send it to itself
        ("box@shop.example", False),
        ("mail.relay.example", False),
        ("victim@stranger.example", False),
    ],
)
def test_what_our_users_get_outside_is_named(name: str, *, apart: bool) -> None:
    bundle = {
        **TABLES,
        "gateways": ["mail.relay.example"],
        "operator": "ops@inbox.example",
        "domains": {"shop.example": {}, "silent.example": {}},
        "forwards": {"info@shop.example": ["me@far.example", "box@shop.example"]},
        "mailboxes": {"box@shop.example": {}},
    }
    assert (f"{name} smtp:" in gateway_files.targets(bundle).splitlines()) is apart

"""The hosts' own units: none of them ends for good."""

import dataclasses

import pytest
from test_user_data import CLIENT, GATEWAY

from cloudinit import files
from cloudinit.hosts import ClientHost, GatewayHost, Smarthost

FULL = dataclasses.replace(
    GATEWAY,
    mailboxes=True,
    smarthost=Smarthost("smtp.far.example", 587, ("PLAIN",), rewrites=False),
)
SYSTEM = "etc/systemd/system/"


@pytest.mark.parametrize("host", [FULL, CLIENT], ids=["gateway", "client"])
def test_nothing_of_ours_has_systemds_start_limit(host: GatewayHost | ClientHost) -> None:
    made = files(host)
    units = [name for name in made if name.startswith(SYSTEM) and name.endswith(".service")]
    assert units
    for unit in units:
        texts = [text for name, text in made.items() if name.startswith((unit + ".d/", unit))]
        assert any("\nStartLimitIntervalSec=0\n" in text for text in texts), unit

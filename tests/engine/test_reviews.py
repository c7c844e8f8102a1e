"""Reviews of typical changes, from real previews, against texts that were approved.

After a change that is meant: `pytest tests/engine/test_reviews.py --approve`, and read the diff.
"""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from stacks import Region, Stack

from ops.engine import EVENTS
from ops.review import preview, snapshots
from ops.review.change import Change
from ops.review.report import Report, markdown, report

APPROVED = Path(__file__).parent / "approved"
Config = dict[str, Any]
PASSWORDS: dict[str, Any] = {"old": "hunter2-1", "old again": "hunter2-1", "new": "hunter2-2"}
CONFIG: Config = {
    "aws:region": "us-east-1",
    "mail-relay:operator": "ops@inbox.example",
    "mail-relay:gateway": {"name": "mail.relay.example"},
    "mail-relay:domains": [{"name": "shop.example"}, {"name": "club.example"}],
    "mail-relay:clients": [{"name": "app.shop.example"}, {"name": "web.club.example"}],
    "mail-relay:logins": [{"address": "me@shop.example"}, {"address": "you@club.example"}],
    "mail-relay:forwards": [{"address": "info@shop.example", "to": ["me@inbox.example"]}],
}


@dataclass
class Reviewed:
    """A stack that is up, and reviews of what would come next."""

    stack: Stack
    start: snapshots.Snapshot | None = None
    addresses: dict[str, str] = field(default_factory=dict)

    def pulumi(self, *arguments: str) -> str:
        code, said = self.stack.pulumi(*arguments, "--stack=test")
        assert code == 0, said
        return said

    def encrypted(self, value: str) -> Config:
        """The value as a stack file holds it: each time other letters."""
        self.pulumi("config", "set", "--secret", "mail-relay:operator", value)
        content = yaml.safe_load((self.stack.directory / "Pulumi.test.yaml").read_text())
        return content["config"]["mail-relay:operator"]

    def up(self, config: Config) -> None:
        self.stack.write(config)
        self.stack.up()
        self.start = snapshots.deployed(self.pulumi)
        hosts = self.stack.outputs().hosts
        self.addresses = {host.address: f"203.0.113.({host.name})" for host in hosts}

    def report(self, config: Config, *arguments: str) -> Report:
        """As `relay review` makes it."""
        self.stack.write(config)
        _, events = self.stack.pulumi("preview", "--json", "--stack=test", *arguments)
        end = snapshots.of_file(self.pulumi, self.stack.directory / "Pulumi.test.yaml")
        return report("test", Change(preview.read(events.splitlines()), self.start, end))

    def text(self, found: Report) -> str:
        """The report without what differs from run to run: addresses and keys."""
        text = markdown(found)
        for address, stands_in in self.addresses.items():
            text = text.replace(f"{address}`", f"{stands_in}`").replace(
                f"{address} ", f"{stands_in} "
            )
        return re.sub(r"p=MII[\w+/=]+", "p=KEY", text)


@pytest.fixture(scope="module")
def reviewed(region: Region, tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    made = Reviewed(Stack(region, tmp_path_factory.mktemp("reviewed")))
    for zone in ("relay.example", "shop.example", "club.example", "new.example"):
        region.client("route53").create_hosted_zone(Name=zone, CallerReference=zone)
    made.stack.write(CONFIG)
    made.pulumi("stack", "init")
    for password, value in PASSWORDS.items():
        PASSWORDS[password] = made.encrypted(value)
    CONFIG["mail-relay:logins"][0]["password"] = PASSWORDS["old"]
    made.up(CONFIG)
    return made


def approve(name: str, text: str, again: bool) -> None:
    """Compare with the approved text, or approve this one."""
    file = APPROVED / f"{name}.md"
    if again:
        file.write_text(text)
    assert text == file.read_text()


def first(config: Config, section: str) -> Any:
    return config[f"mail-relay:{section}"][0]


CASES: dict[str, Callable[[Config], Any]] = {
    "nothing": lambda c: first(c, "logins").update(password=PASSWORDS["old again"]),
    "domain-added": lambda c: c["mail-relay:domains"].append({"name": "new.example"}),
    "domain-removed": lambda c: (
        c["mail-relay:domains"].pop(),
        c["mail-relay:clients"].pop(),
        c["mail-relay:logins"].pop(),
    ),
    "send-as": lambda c: first(c, "logins").update(
        sendAs=["me@shop.example", "sales@shop.example"]
    ),
    "image": lambda c: c.update({"mail-relay:image": "debian-13-arm64-20250814-2204"}),
    "user-data": lambda c: c.update({"mail-relay:operator": "admin@inbox.example"}),
    "client-removed": lambda c: c["mail-relay:clients"].pop(0),
    "dmarc-reject": lambda c: first(c, "domains").update(dmarc={"policy": "reject"}),
    "gateway-renamed": lambda c: c["mail-relay:gateway"].update(name="mx.relay.example"),
    "ssh-opened": lambda c: c.update({"mail-relay:ssh": {"allowFrom": ["198.51.100.0/24"]}}),
    "ssh-endpoint": lambda c: c.update({"mail-relay:ssh": {"endpoint": True}}),
    "instance-type": lambda c: c["mail-relay:gateway"].update(instanceType="t4g.medium"),
    "other-architecture": lambda c: c["mail-relay:gateway"].update(instanceType="t3.small"),
    "forwards": lambda c: c.update(
        {"mail-relay:forwards": [{"address": "@club.example", "to": ["you@inbox.example"]}]}
    ),
    "selector-published": lambda c: first(c, "domains").update(selectors=["s1", "s2"]),
    "selector-exchanged": lambda c: first(c, "domains").update(selectors=["s2"]),
    "spf": lambda c: first(c, "domains").update(
        spf={"mechanisms": ["gateways", "include:_spf.inbox.example"], "all": "-all"},
        txt=["verification=1"],
        ttl=3600,
    ),
    "password": lambda c: first(c, "logins").update(password=PASSWORDS["new"]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_review_of_a_typical_change(
    reviewed: Reviewed, name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVENTS, "true")
    config = copy.deepcopy(CONFIG)
    CASES[name](config)
    check(reviewed, reviewed.report(config), name, request)


def check(reviewed: Reviewed, found: Report, name: str, request: pytest.FixtureRequest) -> None:
    """The report is the approved one, and tells no secret."""
    text = reviewed.text(found)
    assert "hunter2" not in text + json.dumps(found.json())
    approve(name, text, request.config.getoption("--approve"))


def test_the_reviews_of_a_rotations_later_steps(
    reviewed: Reviewed, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVENTS, "true")
    config = copy.deepcopy(CONFIG)
    first(config, "domains").update(selectors=["s1", "s2"])
    reviewed.up(config)
    first(config, "domains").update(selectors=["s2"], retired=["s1"])
    check(reviewed, reviewed.report(config), "selector-revoked", request)
    reviewed.up(config)
    del first(config, "domains")["retired"]
    check(reviewed, reviewed.report(config), "selector-removed", request)


def test_a_review_says_what_is_protected_and_fails(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EVENTS, "true")
    config = {**copy.deepcopy(CONFIG), "mail-relay:protect": True}
    reviewed.up(config)
    config["mail-relay:clients"].pop()
    found = reviewed.report(config)
    assert not found.passes
    assert "protected" in {warn.kind for warn in found.warnings}
    assert "pulumi state unprotect" in markdown(found)

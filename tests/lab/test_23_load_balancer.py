"""From one gateway to two, behind a Network Load Balancer: a story, in the order of the tests."""

import json
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from world import PROJECT

from lab import access, control
from lab.internet import send
from lab.internet.inbox import Inbox
from lab.internet.smtp import Internet
from lab.lab import Lab
from lab.machines.network import PROBE
from lab.wait import until, within
from ops.lab import power, region
from ops.lab.target import named
from ops.outputs import Outputs

NAME, LOGIN = "mail.example.com", "me@example.com"
LAB = Lab("balanced")
FIRST = {"name": "mx1.example.com"}
SETTINGS: dict[str, Any] = {
    "aws:region": "us-east-1",
    "mail-relay:operator": "operator@inbox.example",
    "mail-relay:gateways": [
        FIRST,
        {"name": "mx2.example.com", "zone": "us-east-1b"},
    ],
    "mail-relay:submission": {"name": NAME, "loadBalancer": True},
    "mail-relay:domains": [{"name": "example.com"}, {"name": "example.org"}],
    "mail-relay:clients": [{"name": "app.example.org"}],
    "mail-relay:logins": [{"address": LOGIN}],
}
BOTH = {"mx1.example.com", "mx2.example.com"}
# two checks, ten seconds apart, of a target that does not answer for five; and some room
GONE_SECONDS = 32.0
BOOT_SECONDS = 300.0


def relay(*arguments: str, fine: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run(
        [str(PROJECT / "relay"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert done.returncode in fine, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def outputs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outputs]:
    keep = request.config.getoption("--keep-lab")
    if not (keep and control.running(LAB)):
        control.remove(LAB)
        file = tmp_path_factory.mktemp("stack") / "Pulumi.balanced.yaml"
        alone = {"mail-relay:submission": {"name": NAME}, "mail-relay:gateways": [FIRST]}
        for config in ({**SETTINGS, **alone}, SETTINGS):
            file.write_text(yaml.safe_dump({"config": config}))
            relay("lab", "up", "--name", LAB.name, "--file", str(file))
    yield named(LAB.name).outputs()
    if not keep:
        said = relay("lab", "down", "--name", LAB.name, "--json")
        control.remove(LAB)
        assert json.loads(said)["left"] == []


def addresses() -> list[str]:
    return sorted(Internet(LAB).resolve(NAME))


def takers(count: int) -> Counter[str]:
    """Who takes so many connections by the name, or why nobody does."""
    found, where = Counter[str](), addresses()
    for number in range(count):
        port = (587, 465)[number % 2]
        try:
            with Internet(LAB).connect(NAME, where[number % len(where)], port) as session:
                found[(session.ehlo_resp or b"").split()[0].decode()] += 1
        except OSError as error:
            found[str(error)] += 1
    return found


def journal(outputs: Outputs, host: str, *command: str) -> str:
    return access.run(LAB, outputs.host(host).instance_id, *command).stdout


def test_01_the_name_has_an_address_in_each_zone_and_both_gateways_take_logins(
    outputs: Outputs,
) -> None:
    assert len(addresses()) == 2
    found = takers(24)
    assert set(found) == BOTH, found


def test_02_a_login_sends_by_it_and_the_gateway_sees_its_address(outputs: Outputs) -> None:
    subject = send.unique("by the load balancer")
    with Internet(LAB).connect(NAME, addresses()[0], 465) as session:
        taker = (session.ehlo_resp or b"").split()[0].decode()
        session.login(LOGIN, outputs.passwords[LOGIN])
        session.send_message(send.compose(LOGIN, send.RECIPIENT, subject))
    (message,) = Inbox(LAB).wait_for(lambda m: m.subject == subject)
    assert message.verdict.passes()
    log = journal(outputs, taker, "cat", "/var/log/mail.log")
    assert f"[{PROBE}], sasl_method" in log.replace(": client=", "")


def test_03_a_client_host_sends_by_it(outputs: Outputs) -> None:
    subject = send.unique("by a client host")
    send.by_shell(LAB, outputs.clients[0].instance_id, "app@example.org", subject)
    (message,) = Inbox(LAB).wait_for(lambda m: m.subject == subject)
    assert message.verdict.passes()


def test_04_nobody_gets_past_it(outputs: Outputs) -> None:
    for gateway in outputs.gateways:
        for port in (587, 465):
            with access.entered(f"{LAB.namespace}-probe"), pytest.raises(TimeoutError):
                socket.create_connection((gateway.address, port), 3)


def test_05_verify_finds_each_gateway_through_it(outputs: Outputs) -> None:
    said = json.loads(relay("verify", "--lab", LAB.name, "--json", fine=(0, 1)))
    text = json.dumps(said)
    for gateway in BOTH:
        for port in (587, 465):
            assert f"{gateway}:{port}" in text
    assert "submission-" not in text, text


def test_06_without_one_gateway_new_connections_are_served_by_the_other(outputs: Outputs) -> None:
    power.cut(LAB, power.Kind.HOST, "mx2.example.com")
    began = time.monotonic()
    try:
        alone = within(GONE_SECONDS + 60, lambda: set(takers(8)) == {"mx1.example.com"}, 1)
        seconds = time.monotonic() - began
        assert alone, takers(8)
    finally:
        power.mend(LAB, power.Kind.HOST, "mx2.example.com")
    states = _states(outputs)
    assert until("it is back", lambda: set(takers(12)) == BOTH, BOOT_SECONDS), states
    assert seconds < GONE_SECONDS + 30, seconds


def _states(outputs: Outputs) -> dict[str, set[str]]:
    """The states of all targets, by target group."""
    found: dict[str, set[str]] = {}
    with region.clients(LAB) as client:
        for arn in outputs.submission.target_groups:
            health = client("elbv2").describe_target_health(TargetGroupArn=arn)
            targets = health["TargetHealthDescriptions"]
            found[arn] = {target["TargetHealth"]["State"] for target in targets}
    return found


def test_07_a_gateway_that_drains_gets_no_new_connections(outputs: Outputs) -> None:
    where = addresses()[0]
    open_ = [Internet(LAB).connect(NAME, where, 587) for _ in range(12)]
    held = [s for s in open_ if (s.ehlo_resp or b"").startswith(b"mx2")]
    assert held
    path = "mail-relay:gateways[1].drain"
    relay("pulumi", "--lab", LAB.name, "config", "set", "--path", path, "true")
    relay("pulumi", "--lab", LAB.name, "up", "--yes", "--skip-preview")
    assert set(takers(16)) == {"mx1.example.com"}
    # what was there before goes on
    assert held[0].noop()[0] == 250
    relay("pulumi", "--lab", LAB.name, "config", "set", "--path", path, "false")
    relay("pulumi", "--lab", LAB.name, "up", "--yes", "--skip-preview")
    assert set(takers(24)) == BOTH


# a night's run in a turn of its own: `turn` is by the clock
UPDATES = """
import sys
sys.path.insert(0, "/usr/local/lib/mail-relay")
from agent import updates
updates.turn = lambda *_: True
sys.exit(updates.main())
"""


def test_08_an_update_waits_until_another_gateway_serves(outputs: Outputs) -> None:
    one, two = "mx1.example.com", "mx2.example.com"

    def finish() -> str:
        role = ("gateway", outputs.host(one).status)
        region = "AWS_DEFAULT_REGION=us-east-1"
        return journal(outputs, one, "env", region, "python3", "-c", UPDATES, *role)

    assert finish() == ""
    loaded = "/usr/lib/*/libcrypto.so.3"
    journal(outputs, one, "sh", "-c", f"f=$(echo {loaded}); cp -p $f $f.new; mv $f.new $f")
    try:
        journal(outputs, two, "systemctl", "stop", "opendkim.service")
        journal(outputs, two, "systemctl", "start", "mail-relay-status.service")
        why = f"no other gateway serves ({two}: it lacks opendkim.service)"
        assert why in finish()
    finally:
        journal(outputs, two, "systemctl", "start", "opendkim.service")
    journal(outputs, two, "systemctl", "start", "mail-relay-status.service")
    said = finish()
    for unit in ("opendkim.service", "dovecot.service"):
        assert unit in said.partition("systemctl restart ")[2].split(), said
    assert finish() == ""
    assert set(takers(24)) == BOTH

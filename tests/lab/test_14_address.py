"""A gateway's address is replaced under load, and the way back: no message fails SPF or FCrDNS."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from test_10_verify import codes, verify
from test_13_rotate import Load, relay, up
from world import GATEWAY, LOGIN, World

from lab.wait import until
from ops.lab import stack


def replace(*arguments: str, code: int = 0) -> dict[str, Any]:
    """What `./relay address replace` says."""
    result = relay("address", "replace", GATEWAY, "--wait=0s", "--json", *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    return json.loads(result.stdout)


def applied(world: World) -> None:
    """An `up`, and resolvers have forgotten what was before."""
    up()
    found = stack.outputs(world.lab)
    assert found is not None
    world.outputs = found
    world.flush_resolver()


def ask_lists(world: World) -> None:
    world.pull_tables()
    # a run that is under way may have looked before
    for unit in ("block-lists", "status"):
        world.run(GATEWAY, "systemctl", "restart", f"mail-relay-{unit}.service")


@pytest.fixture
def spare(world: World) -> Iterator[str]:
    """Another address, which nothing leaves from yet."""
    assert replace()["did"].startswith("another address (2) is got by the next up")
    # nobody has to know how many addresses the lab's tests have had
    world.numbers = {"address": 1}
    assert "put in force" in replace()["next"]
    applied(world)
    yield world.gateway.spare_address


def test_no_message_is_refused_while_the_address_changes_and_changes_back(
    world: World, spare: str
) -> None:
    first, instance = world.gateway.address, world.machine(GATEWAY)
    zone = "dns/block-lists/zen.spamhaus.org"
    with Load(world, LOGIN) as load:
        until("mail flows", lambda: len(load.taken) > 3)
        world.region.call("PUT", zone, {"mode": "answers", "listed": {spare: ["127.0.0.2"]}})
        ask_lists(world)
        assert f"Spamhaus ZEN lists {spare}" in replace(code=1)["refused"]
        world.region.call("PUT", zone, {"mode": "answers", "listed": {}})
        world.run(GATEWAY, "rm", "/srv/mail/block_lists.json")
        ask_lists(world)
        assert replace()["did"].startswith(f"the next up moves {GATEWAY} to address 2")
        applied(world)
        assert (world.gateway.address, world.gateway.spare_address) == (spare, first)
        sent = len(load.taken)
        until("mail flows from the new address", lambda: len(load.taken) > sent + 3)
        ask_lists(world)
        assert codes(verify(world)) == set()
        assert replace("--back")["did"].startswith(f"the next up moves {GATEWAY} to address 1")
        applied(world)
        sent = len(load.taken)
        until("mail flows from the first again", lambda: len(load.taken) > sent + 3)
    assert replace("--back")["did"] == "the next up gives the other address back"
    applied(world)
    assert (world.gateway.address, world.gateway.spare_address) == (first, "")
    assert world.machine(GATEWAY) == instance  # no host was rebuilt
    found = world.inbox.wait_for(
        lambda m: m.subject.startswith(load.subject), count=len(load.taken)
    )
    assert {m.subject for m in found} >= set(load.taken)
    assert [m.subject for m in found if not m.verdict.passes()] == []
    assert {m.client_address for m in found} == {first, spare}
    # the reverse name leads back to the address, whichever of its names it is
    own = {first: f"address-1.{GATEWAY}", spare: f"address-2.{GATEWAY}"}
    strange = {
        (m.client_address, m.client_name)
        for m in found
        if m.client_name not in (GATEWAY, own[m.client_address])
    }
    assert strange == set()
    ask_lists(world)  # the tables name the spare address no more
    assert codes(verify(world)) == set()

"""A gateway's address is replaced: what each step declares, for who sends and who receives."""

import asyncio
import json
from typing import Any

import pytest
from recorder import Recorder, declare
from sdk_schema import resource_problems

from components import addresses
from settings import read
from settings.published import stack

GATEWAY = "mail.relay.example"
RAW: dict[str, Any] = {
    "gateway": {"name": GATEWAY},
    "domains": [{"name": "shop.example", "spf": {"mechanisms": ["ip4"]}}],
    "operator": "ops@inbox.example",
    "protect": True,
}
PREPARED = {"spareAddress": 2}
SWITCHED = {"address": 2, "spareAddress": 1}
RELEASED = {"address": 2}


def given(numbers: dict[str, int], **more: Any) -> Recorder:
    raw = {**RAW, "gateway": {**RAW["gateway"], **numbers}, **more}
    config = {
        f"mail-relay:{key}": v if isinstance(v, str) else json.dumps(v) for key, v in raw.items()
    }
    second = {("Eip", f"{GATEWAY}-2"): {"publicIp": "203.0.113.10"}}
    return declare({"aws:region": "us-east-1", **config}, second)


def eips(graph: Recorder) -> dict[str, Any]:
    return {r.name: r for r in graph.of("Eip")}


def record(graph: Recorder, name: str, kind: str = "A") -> dict[str, Any]:
    return graph.one("Record", f"{name}-{kind}").inputs


def pointers(graph: Recorder) -> dict[str, str]:
    return {r.name: r.inputs["domainName"] for r in graph.of("EipDomainName")}


def test_a_stack_that_replaces_nothing_has_nothing_of_it() -> None:
    graph = given({})
    assert list(eips(graph)) == [GATEWAY]
    assert eips(graph)[GATEWAY].inputs["networkInterface"]
    assert graph.of("EipAssociation") == []
    assert record(graph, GATEWAY)["ttl"] == 300
    assert pointers(graph) == {GATEWAY: GATEWAY}


def test_a_spare_address_has_its_own_name_and_is_in_spf_before_it_is_used() -> None:
    graph = given(PREPARED)
    first, second = (eips(graph)[name] for name in (GATEWAY, f"{GATEWAY}-2"))
    # what was there stays as it is
    assert first.inputs == eips(given({}))[GATEWAY].inputs
    assert "networkInterface" not in second.inputs
    assert (first.options.protect, second.options.protect) == (True, False)
    assert graph.of("EipAssociation") == []
    assert pointers(graph) == {GATEWAY: GATEWAY, f"{GATEWAY}-2": f"address-2.{GATEWAY}"}
    old, new = (record(graph, f"address-{n}.{GATEWAY}")["records"] for n in (1, 2))
    assert record(graph, GATEWAY)["records"] == old != new
    assert record(graph, GATEWAY)["ttl"] == 30
    for name in ("_spf.relay.example", GATEWAY, "shop.example"):
        (policy,) = record(graph, name, "TXT")["records"]
        assert f"ip4:{old[0]} ip4:{new[0]} " in policy, name


def test_the_switch_is_one_call_and_the_reverse_name_follows_later() -> None:
    graph = given(SWITCHED)
    (association,) = graph.of("EipAssociation")
    assert association.name == GATEWAY
    assert association.inputs["allocationId"] == f"eipalloc-{GATEWAY}-2"
    assert association.inputs["allowReassociation"] is True
    assert resource_problems(association.type, association.inputs) == []
    new = record(graph, f"address-2.{GATEWAY}")["records"]
    named = graph.one("Record", f"{GATEWAY}-A")
    assert named.inputs["records"] == new
    # the name leads to the address once that is the host's
    assert ("EipAssociation", GATEWAY) in named.options.dependencies
    pointer = graph.one("EipDomainName", f"{GATEWAY}-2")
    assert pointer.inputs["domainName"] == GATEWAY
    assert pointer.options.hooks == (f"address-is-forgotten-{GATEWAY}",)
    assert ("Record", f"{GATEWAY}-A") in pointer.options.dependencies
    # whoever remembers the reverse name of before finds its own name still
    assert ("Record", f"address-2.{GATEWAY}-A") in pointer.options.dependencies
    assert pointers(graph)[GATEWAY] == f"address-1.{GATEWAY}"
    protected = {name: r.options.protect for name, r in eips(graph).items()}
    assert protected == {GATEWAY: False, f"{GATEWAY}-2": True}
    (policy,) = record(graph, "_spf.relay.example", "TXT")["records"]
    assert policy.count("ip4:") == 2
    instance = graph.one("Instance", GATEWAY)
    assert ("EipAssociation", GATEWAY) in instance.options.dependencies


def test_at_the_end_only_the_new_address_is_left() -> None:
    graph = given(RELEASED)
    assert list(eips(graph)) == [f"{GATEWAY}-2"]
    assert pointers(graph) == {f"{GATEWAY}-2": GATEWAY}
    assert record(graph, GATEWAY)["ttl"] == 300
    assert record(graph, GATEWAY, "TXT")["records"] == ["v=spf1 a -all"]
    assert not [r for r in graph.of("Record") if r.name.startswith("address-")]


@pytest.mark.parametrize("numbers", [PREPARED, SWITCHED, RELEASED])
def test_no_step_rebuilds_the_host(numbers: dict[str, int]) -> None:
    before, after = (graph.one("Instance", GATEWAY).inputs for graph in (given({}), given(numbers)))
    assert before == after


@pytest.mark.parametrize("numbers", [{}, PREPARED, SWITCHED, RELEASED])
def test_all_names_are_in_the_list_of_the_stacks_records(numbers: dict[str, int]) -> None:
    """`doctor` and `leftovers` read that."""
    listed = {
        (one.name, one.kind)
        for one in stack(read({**RAW, "gateway": {"name": GATEWAY, **numbers}}))
    }
    made = {(r.inputs["name"], r.inputs["type"]) for r in given(numbers).of("Record")}
    assert listed == made


def test_block_lists_are_asked_for_the_spare_address_too() -> None:
    objects = given(PREPARED).of("BucketObjectv2")
    (content,) = [r.inputs["content"] for r in objects if r.inputs["key"] == "gateway.json"]
    assert json.loads(content["value"])["asked"] == {"addresses": {GATEWAY: ["203.0.113.10"]}}


class Hook:
    """The arguments of a hook before an update."""

    def __init__(self, old: str, new: str) -> None:
        self.old_inputs, self.new_inputs = {"domainName": old}, {"domainName": new}


@pytest.mark.parametrize(("old", "waits"), [(GATEWAY, []), (f"address-2.{GATEWAY}", [60])])
def test_a_reverse_name_waits_for_resolvers_if_it_changes(
    monkeypatch: pytest.MonkeyPatch, old: str, waits: list[int]
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(addresses.asyncio, "sleep", sleep)
    monkeypatch.setattr(addresses.pulumi.log, "info", lambda *_: None)
    asyncio.run(addresses._forget(Hook(old, GATEWAY)))  # type: ignore[arg-type]
    assert slept == waits

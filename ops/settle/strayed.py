"""Record sets of the submission name that became others in their place, as the state does not know.

Between answers and the alias of a load balancer Route53 changes in one call, and the provider then
waits for its servers. An `up` that was cut off meanwhile, and one more that failed for it, have
nothing pending, and none can go on: the provider does not find what it is to replace.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.leftovers.begun import Client, plain
from ops.leftovers.records import state_id
from ops.settle import state

BALANCER = "aws:lb/loadBalancer:LoadBalancer"


def may_stray(resource: state.Resource) -> bool:
    """Whether a resource of the state is an answer, or the alias of a load balancer."""
    inputs = resource.get("inputs", {})
    return resource["type"] == state.RECORD and bool({"aliases", "setIdentifier"} & inputs.keys())


def find(
    deployment: state.Deployment, client: Client, owner: str
) -> Iterator[tuple[state.Resource, str]]:
    """Those resources, with the inputs that they have by now, and their new ids.

    `owner` is what set identifiers of the stack's answers begin with.
    """
    held = state.resources(deployment)
    told = (r.get("outputs", {}).get("dnsName") for r in held if r["type"] == BALANCER)
    balancers = {plain(name) for name in told if name}
    known = {r["inputs"].get("setIdentifier") for r in held if r["type"] == state.RECORD}
    for resource in held:
        inputs = resource.get("inputs", {})
        if not may_stray(resource):
            continue
        sets = _at(client, inputs)
        if any(one.get("SetIdentifier") == inputs.get("setIdentifier") for one in sets):
            continue
        ours = [
            one
            for one in sets
            if plain(one.get("AliasTarget", {}).get("DNSName", "")) in balancers
            or (
                one.get("SetIdentifier", "").startswith(owner) and one["SetIdentifier"] not in known
            )
        ]
        if len(ours) == 1:
            now = _inputs(inputs, ours[0])
            names = (now["zoneId"], now["name"], now["type"], now.get("setIdentifier"))
            yield {**resource, "inputs": now}, state_id(*names)


def _at(client: Client, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The record sets of the name and type."""
    found = client("route53").list_resource_record_sets(
        HostedZoneId=inputs["zoneId"],
        StartRecordName=inputs["name"],
        StartRecordType=inputs["type"],
    )["ResourceRecordSets"]
    wanted = (f"{inputs['name']}.", inputs["type"])
    return [one for one in found if (one["Name"], one["Type"]) == wanted]


def _inputs(was: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a resource for what Route53 has."""
    found = {key: was[key] for key in ("name", "type", "zoneId")}
    if alias := held.get("AliasTarget"):
        target = {
            "name": plain(alias["DNSName"]),
            "zoneId": alias["HostedZoneId"],
            "evaluateTargetHealth": alias["EvaluateTargetHealth"],
        }
        return {**found, "aliases": [target]}
    check = {"healthCheckId": held["HealthCheckId"]} if "HealthCheckId" in held else {}
    return {
        **found,
        **check,
        "ttl": held["TTL"],
        "records": [record["Value"] for record in held["ResourceRecords"]],
        "setIdentifier": held["SetIdentifier"],
        "multivalueAnswerRoutingPolicy": True,
    }

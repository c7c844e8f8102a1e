"""The state of a stack as `pulumi stack export` has it, and the changes that settle makes to it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ops.leftovers.records import state_id

Deployment = dict[str, Any]
Resource = dict[str, Any]

RECORD = "aws:route53/record:Record"
_PROVIDER = "pulumi:providers:aws"


def resources(deployment: Mapping[str, Any]) -> list[Resource]:
    """The resources of the state, the stack itself included."""
    return deployment.get("resources") or []


def pending(deployment: Mapping[str, Any], *kinds: str) -> list[Resource]:
    """The resources of interrupted operations; `kinds` are `creating`, `deleting`, ..."""
    operations = deployment.get("pending_operations") or []
    return [o["resource"] for o in operations if not kinds or o["type"] in kinds]


def provider(deployment: Mapping[str, Any]) -> dict[str, Any] | None:
    """The settings of the AWS provider, or None: then no account has anything of the stack."""
    found = (r.get("inputs", {}) for r in resources(deployment) if r["type"] == _PROVIDER)
    return next(found, None)


def unread(deployment: Mapping[str, Any]) -> list[Resource]:
    """Adopted resources that no refresh has read yet: they have no time of creation or change."""
    return [
        resource
        for resource in resources(deployment)
        if resource["type"].startswith("aws:") and not _times(resource)
    ]


def _times(resource: Mapping[str, Any]) -> bool:
    return bool(resource.get("created") or resource.get("modified"))


def adopt(deployment: Deployment, resource: Resource, identity: str) -> bool:
    """Put a resource with its inputs and an id into the state, for a refresh to read.

    True if it is now the stack's resource. False if the state has one already: then this is a
    second one, which the next `up` or `destroy` deletes.
    """
    # Outputs as well: without them the provider treats a refresh as an import, which not every type
    # supports, and which loses properties that no API returns, such as `forceDestroy`.
    outputs = {**_plain(resource.get("inputs", {})), "id": identity}
    # the engine may have set the times before it set the outputs
    told = {key: value for key, value in resource.items() if key not in ("created", "modified")}
    made = {**told, "id": identity, "outputs": outputs}
    held = [r for r in resources(deployment) if r["urn"] == resource["urn"] and not r.get("delete")]
    replaced = [r for r in held if r.get("pendingReplacement")]
    if held and not replaced:
        second = {"delete": True, "protect": False}
        deployment["resources"] = [*resources(deployment), {**made, **second}]
        return False
    kept = [r for r in resources(deployment) if r not in replaced]
    deployment["resources"] = list(_in_order([*kept, made]))
    return True


def renew(deployment: Deployment, resource: Resource, identity: str) -> None:
    """Put a resource with other inputs and id in the place of the one that the state has."""
    kept = [r for r in resources(deployment) if r["urn"] != resource["urn"] or r.get("delete")]
    deployment["resources"] = kept
    adopt(deployment, resource, identity)


def held(deployment: Mapping[str, Any], resource: Mapping[str, Any]) -> Resource | None:
    """What the state has of a resource whose operation is pending, maybe under a former URN."""
    urns = {resource["urn"], *(resource.get("aliases") or [])}
    return next((r for r in resources(deployment) if r["urn"] in urns), None)


def _plain(value: Any) -> Any:
    """The inputs without the bridge's own metadata, which outputs do not have."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != "__defaults"}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _in_order(given: Sequence[Resource]) -> Iterator[Resource]:
    """Resources sorted so that each follows its dependencies, as the engine requires."""
    left, told = list(given), set[str]()
    while left:
        urns = {resource["urn"] for resource in left}
        ready = [r for r in left if not (_needs(r) - {r["urn"]} - told) & urns] or left
        yield from ready
        told |= {resource["urn"] for resource in ready}
        left = [resource for resource in left if resource not in ready]


def _needs(resource: Mapping[str, Any]) -> set[str]:
    needs = {*(resource.get("dependencies") or []), resource.get("parent", "")}
    needs |= {resource.get("provider", "").rpartition("::")[0], resource.get("deletedWith", "")}
    for urns in (resource.get("propertyDependencies") or {}).values():
        needs |= set(urns or [])
    return needs


def identity(resource: Resource) -> str:
    """A resource's id; that of a record set from what it is now.

    A record set that became another one in its place, such as the alias of a load balancer, has in
    the state the id that it was created with.
    """
    held = resource.get("outputs", {})
    if resource.get("type") == RECORD and "zoneId" in held:
        return state_id(held["zoneId"], held["name"], held["type"], held.get("setIdentifier"))
    return resource.get("id", "")

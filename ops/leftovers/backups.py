"""Policies of Data Lifecycle Manager, by their tags."""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.leftovers.left import Left


def find(dlm: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """The policy that makes daily snapshots of the stack's volumes."""
    for policy in dlm.get_lifecycle_policies()["Policies"]:
        if tags.items() <= policy.get("Tags", {}).items():
            identity = policy["PolicyId"]
            yield Left(
                "snapshot policy",
                identity,
                policy["Description"],
                "nothing; it makes snapshots",
                f"aws dlm delete-lifecycle-policy --policy-id {identity}",
            )

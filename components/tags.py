"""The tags of every resource of the stack."""

from collections.abc import Mapping

import pulumi

from components.naming import owner_tags


class Tags:
    """The tags of every resource of the stack, and a `Name` for each."""

    def __init__(self, extra: Mapping[str, str]) -> None:
        self._common = {**owner_tags(pulumi.get_project(), pulumi.get_stack()), **extra}

    def named(self, name: str) -> dict[str, str]:
        """The tags of one resource."""
        return {**self._common, "Name": name}

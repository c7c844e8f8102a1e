"""Tags, decided once."""

from collections.abc import Mapping

import pulumi


class Tags:
    """The tags of every resource of the stack, and a `Name` for each."""

    def __init__(self, extra: Mapping[str, str]) -> None:
        self._common = {
            "Project": pulumi.get_project(),
            "Stack": pulumi.get_stack(),
            **extra,
        }

    def named(self, name: str) -> dict[str, str]:
        """The tags of one resource."""
        return {**self._common, "Name": name}

"""Tags and names, decided once."""

from collections.abc import Mapping

import pulumi


def owner_tags(project: str, stack: str) -> dict[str, str]:
    """The tags that say whose a resource is."""
    return {"Project": project, "Stack": stack}


def bucket_name(project: str, stack: str, account: str) -> str:
    """The bucket of the tables; S3 names are global, in lower case, at most 63 characters."""
    return f"{project}-{stack}-{account}".lower()[:63]


class Tags:
    """The tags of every resource of the stack, and a `Name` for each."""

    def __init__(self, extra: Mapping[str, str]) -> None:
        self._common = {**owner_tags(pulumi.get_project(), pulumi.get_stack()), **extra}

    def named(self, name: str) -> dict[str, str]:
        """The tags of one resource."""
        return {**self._common, "Name": name}

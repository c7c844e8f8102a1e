"""The group of CloudWatch Logs that has the hosts' mail logs."""

from collections.abc import Iterator, Mapping
from typing import Any

from components.naming import log_group_name
from ops.leftovers.left import Left, monthly

GIB = 0.03  # USD a month, us-east-1, 2026, of what is kept, compressed


def find(logs: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """The stack's group, by its name."""
    for name in named(logs, log_group_name(tags["Project"], tags["Stack"])):
        remove = f"aws logs delete-log-group --log-group-name {name}"
        yield Left("log group", name, name, f"{monthly(GIB)} for each GiB; mail logs", remove)


def named(logs: Any, name: str) -> Iterator[str]:
    """The group of this name, if there is one."""
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name):
        yield from (name for group in page["logGroups"] if group["logGroupName"] == name)

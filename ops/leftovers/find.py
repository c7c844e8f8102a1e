"""All resources of a stack in an account, by tags and names."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from components.naming import bucket_name, owner_tags
from ops.leftovers import alarms, backups, balancers, log_groups, network, records, roles, ses
from ops.leftovers.left import Left
from ops.settle import state
from settings import Settings


@dataclass(frozen=True)
class Stack:
    """A stack by its project, its name and its settings; `client` makes boto3 clients."""

    project: str
    name: str
    settings: Settings
    client: Callable[[str], Any]


def find(stack: Stack) -> Iterator[Left]:
    """All resources of the stack, in an order in which they can be removed."""
    s = stack.settings
    hosts = [host.name for host in s.hosts.values()]
    yield from owned(stack.project, stack.name, stack.client, hosts)
    aliases: list[str] = []
    if s.smarthost and s.smarthost.ses:
        tags = owner_tags(stack.project, stack.name)
        yield from roles.users(stack.client("iam"), tags)
        domains = [domain.name for domain in s.mail_domains]
        for identity, dkim_names in ses.identities(stack.client("sesv2"), tags, domains):
            aliases += dkim_names
            yield identity
    yield from records.find(stack.client("route53"), s, aliases)


def owned(
    project: str, stack: str, client: Callable[[str], Any], hosts: Sequence[str] = ()
) -> Iterator[Left]:
    """Resources with a stack's tags or a name made from the stack's, whatever its settings."""
    tags = owner_tags(project, stack)
    yield from alarms.find(client("cloudwatch"), client("sns"), tags)
    yield from log_groups.find(client("logs"), tags)
    yield from backups.find(client("dlm"), tags)
    yield from balancers.find(client("elbv2"), tags)
    yield from network.find(client("ec2"), tags, hosts)
    account = client("sts").get_caller_identity()["Account"]
    yield from roles.bucket(client("s3"), bucket_name(project, stack, account))
    yield from roles.roles(client("iam"), tags)
    yield from records.health_checks(client("route53"), tags)
    yield from records.zones(client("route53"), tags)


def in_state(export: str) -> list[str]:
    """The id of each resource in a stack's state, "" for one without, from `stack export`."""
    return [state.identity(each) for each in state.resources(json.loads(export)["deployment"])]

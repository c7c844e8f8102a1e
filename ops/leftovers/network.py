"""EC2: resources with the stack's tags, in an order in which they can be removed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from components.naming import tag_filters
from ops.leftovers.aws_types import ADDRESS, GROUP, TYPES, Item, Listed
from ops.leftovers.left import Left, monthly

ADDRESS_PRICE = 3.65  # USD a month of 730 hours, us-east-1, 2026
ENDED = (
    "terminated",
    "shutting-down",
    "deleted",
    "deleting",
    "delete-in-progress",
    "delete-complete",
)


def find(ec2: Any, tags: Mapping[str, str], hosts: Sequence[str]) -> Iterator[Left]:
    """Resources with all the tags, and addresses whose reverse name is a host's."""
    filters = tag_filters(tags)
    for token, row in TYPES.items():
        if row.listed:
            found = _tagged(ec2, row.listed, filters)
            yield from _after_their_rules(ec2, [*found]) if token == GROUP else found
        if token == ADDRESS:
            yield from _addresses(ec2, tags, hosts)


def _tagged(ec2: Any, kind: Listed, filters: list[dict[str, Any]]) -> Iterator[Left]:
    for page in ec2.get_paginator(kind.operation).paginate(**{kind.filters: filters}):
        groups = page["Reservations"] if kind.key == "Instances" else [page]
        for item in (item for group in groups for item in group[kind.key]):
            state = item.get("State", "")
            if (state["Name"] if isinstance(state, dict) else state) not in ENDED:
                name = _tags(item).get("Name", "")
                yield Left(kind.what, item[kind.id], name, kind.cost(item), kind.remove(item))


def _after_their_rules(ec2: Any, groups: Sequence[Left]) -> Iterator[Left]:
    """Security groups; a group is not deleted while a rule of another one names it."""
    identities = [group.id for group in groups]
    rules: list[Item] = []
    if identities:
        given = [{"Name": "group-id", "Values": identities}]
        for page in ec2.get_paginator("describe_security_group_rules").paginate(Filters=given):
            rules += page["SecurityGroupRules"]
    for number, group in enumerate(groups):
        steps = [
            f"aws ec2 revoke-security-group-{'egress' if rule['IsEgress'] else 'ingress'} "
            f"--group-id {rule['GroupId']} "
            f"--security-group-rule-ids {rule['SecurityGroupRuleId']}"
            for rule in rules
            if rule.get("ReferencedGroupInfo", {}).get("GroupId") == group.id
            and rule["GroupId"] in identities[number + 1 :]
        ]
        yield replace(group, remove="; ".join((*steps, group.remove)))


def _addresses(ec2: Any, tags: Mapping[str, str], hosts: Sequence[str]) -> Iterator[Left]:
    held = ec2.describe_addresses()["Addresses"]
    identities = [item["AllocationId"] for item in held]
    names: dict[str, str] = {}
    if identities:
        answer = ec2.describe_addresses_attribute(AllocationIds=identities, Attribute="domain-name")
        for item in answer["Addresses"]:
            names[item["AllocationId"]] = item.get("PtrRecord", "").rstrip(".")
    for item in held:
        identity = item["AllocationId"]
        pointer = names.get(identity, "")
        if not (tags.items() <= _tags(item).items() or pointer in hosts):
            continue
        steps = []
        if association := item.get("AssociationId"):
            steps.append(f"aws ec2 disassociate-address --association-id {association}")
        if pointer:  # an address with a reverse name cannot be released
            reset = "aws ec2 reset-address-attribute --attribute domain-name"
            steps.append(f"{reset} --allocation-id {identity}")
        steps.append(f"aws ec2 release-address --allocation-id {identity}")
        cost = monthly(ADDRESS_PRICE) + (f"; the reverse name {pointer}" if pointer else "")
        yield Left("elastic IP", identity, item["PublicIp"], cost, "; ".join(steps))


def _tags(item: Item) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}

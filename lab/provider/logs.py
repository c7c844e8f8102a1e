"""CloudWatch's log groups: terraform-provider-aws, logs/group.go."""

from typing import Any

from lab.provider.kinds import Clients, Kind, Properties, forgiving, names

# the provider's schema (logs/group.go)
RETENTIONS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def create_group(c: Clients, p: Properties) -> str:
    tags = c.tags(p)
    c.logs.create_log_group(logGroupName=p["name"], **({"tags": tags} if tags else {}))
    if days := p.get("retentionInDays"):
        c.logs.put_retention_policy(logGroupName=p["name"], retentionInDays=int(days))
    return p["name"]


def read_group(c: Clients, i: str, _: Properties) -> Properties | None:
    pages = c.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=i)
    for group in (group for page in pages for group in page["logGroups"]):
        if group["logGroupName"] == i:
            arn = group["arn"].removesuffix(":*")
            return {
                "arn": arn,
                "name": i,
                "retentionInDays": group.get("retentionInDays", 0),
                "tagsAll": c.logs.list_tags_for_resource(resourceArn=arn).get("tags", {}),
            }
    return None


def update_group(c: Clients, i: str, old: Properties, new: Properties) -> None:
    before, after = (int(p.get("retentionInDays") or 0) for p in (old, new))
    if before != after and after:
        c.logs.put_retention_policy(logGroupName=i, retentionInDays=after)
    elif before != after:
        c.logs.delete_retention_policy(logGroupName=i)
    had, has = c.tags(old), c.tags(new)
    if removed := sorted(had.keys() - has.keys()):
        c.logs.untag_resource(resourceArn=old["arn"], tagKeys=removed)
    if has:
        c.logs.tag_resource(resourceArn=old["arn"], tags=has)


def group_problem(p: Properties) -> str | None:
    """The retentions of the provider's schema, which it checks in a preview."""
    days: Any = p.get("retentionInDays", 0)
    if isinstance(days, int | float) and days not in RETENTIONS:
        return f"expected retention_in_days to be one of {list(RETENTIONS)}, got {days:g}"
    return None


KINDS = {
    "aws:cloudwatch/logGroup:LogGroup": Kind(
        names("name retentionInDays tags"),
        create_group,
        read_group,
        lambda c, i, _: forgiving(lambda: c.logs.delete_log_group(logGroupName=i)),
        update_group,
        names("name"),
        auto_named="name",
        longest_name=512,
        problem=group_problem,
        defaults={"retentionInDays": 0},
    ),
}

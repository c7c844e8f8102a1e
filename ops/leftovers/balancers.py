"""Load balancers and their target groups, by their tags."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ops.leftovers.left import Left, monthly

BALANCER = 16.43  # USD a month of 730 hours, us-east-1, 2026, without traffic
AT_ONCE = 20  # the most ARNs of DescribeTags


def find(elbv2: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """Load balancers, which are deleted with their listeners, before their target groups."""
    for page in elbv2.get_paginator("describe_load_balancers").paginate():
        names = {one["LoadBalancerArn"]: one["LoadBalancerName"] for one in page["LoadBalancers"]}
        for arn in _tagged(elbv2, [*names], tags):
            remove = (
                f"aws elbv2 delete-load-balancer --load-balancer-arn {arn}; "
                f"aws elbv2 wait load-balancers-deleted --load-balancer-arns {arn}"
            )
            cost = f"{monthly(BALANCER)}; it keeps its subnets and security group"
            yield Left("load balancer", arn, names[arn], cost, remove)
    for page in elbv2.get_paginator("describe_target_groups").paginate():
        names = {one["TargetGroupArn"]: one["TargetGroupName"] for one in page["TargetGroups"]}
        for arn in _tagged(elbv2, [*names], tags):
            remove = f"aws elbv2 delete-target-group --target-group-arn {arn}"
            yield Left("target group", arn, names[arn], "nothing; a name", remove)


def _tagged(elbv2: Any, arns: Sequence[str], tags: Mapping[str, str]) -> Iterator[str]:
    for start in range(0, len(arns), AT_ONCE):
        found = elbv2.describe_tags(ResourceArns=arns[start : start + AT_ONCE])
        for one in found["TagDescriptions"]:
            held = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            if tags.items() <= held.items():
                yield one["ResourceArn"]

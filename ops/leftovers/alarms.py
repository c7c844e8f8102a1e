"""Alarms in CloudWatch, the topics that tell them, and the dashboard that shows them."""

from collections.abc import Iterator, Mapping
from typing import Any

from components.naming import dashboard_name
from ops.leftovers.left import Left, monthly

# USD a month, us-east-1, 2026; ten alarms and three dashboards are free
ALARM, DASHBOARD = 0.10, 3.00


def find(cloudwatch: Any, sns: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """The alarms and then the topics by their tags, and the dashboard by its name.

    A topic is deleted with its subscriptions. Dashboards cannot have tags.
    """
    for page in cloudwatch.get_paginator("describe_alarms").paginate():
        for alarm in page["MetricAlarms"]:
            found = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])
            if _has(found, tags):
                name = alarm["AlarmName"]
                remove = f'aws cloudwatch delete-alarms --alarm-names "{name}"'
                yield Left("alarm", name, name, monthly(ALARM), remove)
    for page in sns.get_paginator("list_topics").paginate():
        for topic in page["Topics"]:
            arn = topic["TopicArn"]
            if _has(sns.list_tags_for_resource(ResourceArn=arn), tags):
                remove = f"aws sns delete-topic --topic-arn {arn}"
                yield Left("topic", arn, arn.rpartition(":")[2], "nothing; subscribers", remove)

    for name in dashboards(cloudwatch, dashboard_name(tags["Project"], tags["Stack"])):
        remove = f"aws cloudwatch delete-dashboards --dashboard-names {name}"
        yield Left("dashboard", name, name, monthly(DASHBOARD), remove)


def dashboards(cloudwatch: Any, name: str) -> Iterator[str]:
    """The dashboard of this name, if there is one."""
    for page in cloudwatch.get_paginator("list_dashboards").paginate(DashboardNamePrefix=name):
        yield from (name for found in page["DashboardEntries"] if found["DashboardName"] == name)


def _has(found: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    return tags.items() <= {tag["Key"]: tag["Value"] for tag in found["Tags"]}.items()

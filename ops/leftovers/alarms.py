"""Alarms in CloudWatch, and the topics that tell them, by their tags."""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.leftovers.left import Left, monthly

ALARM = 0.10  # USD a month, us-east-1, 2026; ten are free


def find(cloudwatch: Any, sns: Any, tags: Mapping[str, str]) -> Iterator[Left]:
    """The alarms, and then the topics, which are deleted with their subscriptions."""
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


def _has(found: Mapping[str, Any], tags: Mapping[str, str]) -> bool:
    return tags.items() <= {tag["Key"]: tag["Value"] for tag in found["Tags"]}.items()

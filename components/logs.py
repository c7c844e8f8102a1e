"""The mail logs of all hosts in CloudWatch Logs: a group, in which each host has its own stream."""

from typing import Any

import pulumi
import pulumi_aws as aws

from components.naming import log_group_name
from components.tags import Tags
from settings import Settings

# The retentions that CloudWatch has, as far as mail-relay:logs.days goes (PutRetentionPolicy).
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90)


class ShippedLogs:
    """The group. Streams are made by the hosts, so that one's lines outlive it."""

    def __init__(self, settings: Settings, tags: Tags) -> None:
        self.name = log_group_name(pulumi.get_project(), pulumi.get_stack())
        self.group = aws.cloudwatch.LogGroup(
            "logs",
            name=self.name,
            retention_in_days=next(days for days in RETENTIONS if days >= settings.logs.days),
            tags=tags.named(self.name),
        )

    def statement(self, host: str) -> dict[str, Any]:
        """The IAM statement for a host's role: its own stream alone."""
        return {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": pulumi.Output.format("{0}:log-stream:{1}", self.group.arn, host),
        }

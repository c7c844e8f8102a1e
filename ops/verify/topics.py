"""The subscriptions of an SNS topic."""

from collections.abc import Mapping
from typing import Any

# Instead of an ARN (API reference, ListSubscriptionsByTopic).
PENDING = "PendingConfirmation"


def subscriptions(sns: Any, topic: str) -> Mapping[str, str]:
    """The ARN of the subscription, or PENDING, by endpoint."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return {s["Endpoint"]: s["SubscriptionArn"] for page in pages for s in page["Subscriptions"]}

"""Subscriptions and publishing, instead of moto's or before it.

Amazon SNS API reference, Subscribe, ConfirmSubscription, Unsubscribe, Publish; Developer Guide,
"Example cases for Amazon SNS access control".
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.region import backends
from lab.region.errors import ApiError
from lab.region.memory import Memory
from lab.region.rules import permissions
from lab.region.sns import notices

Parameters = dict[str, Any]
PENDING = "PendingConfirmation"
TOKEN_LIFE = timedelta(days=2)
SUBJECT_LIMIT, MESSAGE_LIMIT = 100, 262_144
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
ENDPOINTS = {"email": ADDRESS, "https": re.compile(r"https://[^\s/]+(/\S*)?")}


def _topic(arn: str) -> Any:
    found = backends.sns().topics.get(arn)
    if found is None:
        raise ApiError("NotFound", "Topic does not exist", 404)
    return found


def _subscription(arn: str) -> Any:
    found = backends.sns().subscriptions.get(arn)
    if found is None:
        raise ApiError("NotFound", "Subscription does not exist", 404)
    return found


def _of(topic: str) -> list[Any]:
    return [s for s in backends.sns().subscriptions.values() if s.topic.arn == topic]


def pending(subscription: Any) -> bool:
    """Whether the owner of the endpoint has not confirmed yet."""
    return subscription.attributes[PENDING] is True


def _create(_: Memory, given: Parameters) -> None:
    """A topic is made again by the same call, but not with other tags."""
    arn = f"arn:aws:sns:{backends.REGION}:{backends.ACCOUNT}:{given.get('Name', '')}"
    held = backends.sns().topics.get(arn)
    tags = {tag["Key"]: tag["Value"] for tag in given.get("Tags") or []}
    if held is not None and tags and tags != held._tags:
        said = "Invalid parameter: Tags Reason: Topic already exists with different tags"
        raise ApiError("InvalidParameter", said)


def _count(_: Memory, given: Parameters) -> None:
    """GetTopicAttributes: count the topic's subscriptions."""
    topic = _topic(given["TopicArn"])
    waiting = [pending(subscription) for subscription in _of(topic.arn)]
    topic.subscriptions_pending, topic.subscriptions_confimed = (
        waiting.count(True),
        waiting.count(False),
    )


def _subscribe(memory: Memory, given: Parameters) -> Parameters:
    """A new subscription waits for its confirmation, and an old one that waits is asked again."""
    topic = _topic(given["TopicArn"])
    protocol, endpoint = given["Protocol"], given.get("Endpoint") or ""
    if protocol not in ENDPOINTS:
        said = f"the lab has subscriptions by email and https, not by {protocol}"
        raise ApiError("InvalidParameter", f"Invalid parameter: {said}")
    if not ENDPOINTS[protocol].fullmatch(endpoint):
        what = (
            "Email address" if protocol == "email" else "Endpoint must match the specified protocol"
        )
        raise ApiError("InvalidParameter", f"Invalid parameter: {what}")
    known = {s.arn for s in _of(topic.arn)}
    made = backends.sns().subscribe(topic.arn, endpoint, protocol)
    if made.arn not in known:
        made.attributes |= {PENDING: True, "ConfirmationWasAuthenticated": False}
    for name, value in (given.get("Attributes") or {}).items():
        backends.sns().set_subscription_attributes(made.arn, name, value)
    if pending(made):
        made.token, made.asked = secrets.token_hex(96), datetime.now(UTC)
        asked = notices.confirmation(protocol, endpoint, topic.arn, made.arn, made.token)
        memory.notices.waiting.put(asked)
        if str(given.get("ReturnSubscriptionArn", False)).lower() != "true":
            return {"SubscriptionArn": "pending confirmation"}
    return {"SubscriptionArn": made.arn}


def _confirm(_: Memory, given: Parameters) -> Parameters:
    topic = _topic(given.get("TopicArn") or "")
    for subscription in _of(topic.arn):
        if given.get("Token") and given["Token"] == getattr(subscription, "token", None):
            if datetime.now(UTC) - subscription.asked > TOKEN_LIFE:
                break
            subscription.attributes[PENDING] = False
            return {"SubscriptionArn": subscription.arn}
    raise ApiError("InvalidParameter", "Invalid parameter: Token")


def confirm(endpoint: str) -> int:
    """Confirm what waits for an endpoint, as its owner would; for regions without machines."""
    held = [s for s in backends.sns().subscriptions.values() if s.endpoint == endpoint]
    waiting = [subscription for subscription in held if pending(subscription)]
    for subscription in waiting:
        subscription.attributes[PENDING] = False
    return len(waiting)


def _unsubscribe(_: Memory, given: Parameters) -> Parameters:
    found = backends.sns().subscriptions.get(given["SubscriptionArn"])
    if found is not None and pending(found):
        raise ApiError(
            "InvalidParameter",
            "Invalid parameter: This subscription is not confirmed yet. Cannot unsubscribe a "
            "subscription that is pending confirmation",
        )
    backends.sns().unsubscribe(given["SubscriptionArn"])
    return {}


def _attributes(_: Memory, given: Parameters) -> Parameters:
    held = _subscription(given["SubscriptionArn"]).attributes
    texts = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in held.items()}
    return {"Attributes": texts}


def _list(_: Memory, given: Parameters) -> Parameters:
    """Subscriptions of a topic or of all; those that wait have no ARN here."""
    every = list(backends.sns().subscriptions.values())
    if "TopicArn" in given:
        every = _of(_topic(given["TopicArn"]).arn)
    found = [
        {
            "SubscriptionArn": PENDING if pending(subscription) else subscription.arn,
            "Owner": backends.ACCOUNT,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
            "TopicArn": subscription.topic.arn,
        }
        for subscription in every
    ]
    return {"Subscriptions": found}


def _publish(memory: Memory, given: Parameters) -> Parameters:
    topic = _topic(given.get("TopicArn") or given.get("TargetArn") or "")
    message, subject = given.get("Message") or "", given.get("Subject") or ""
    if not message:
        raise ApiError("InvalidParameter", "Invalid parameter: Empty message")
    if len(subject) > SUBJECT_LIMIT or "\n" in subject:
        raise ApiError("InvalidParameter", "Invalid parameter: Subject")
    if len(message.encode()) > MESSAGE_LIMIT:
        raise ApiError("InvalidParameter", "Invalid parameter: Message too long")
    texts = {"default": message}
    if given.get("MessageStructure") == "json":
        try:
            texts = json.loads(message)
        except ValueError:
            said = "Invalid parameter: Message Structure - JSON message body failed to parse"
            raise ApiError("InvalidParameter", said) from None
        if not isinstance(texts, dict) or "default" not in texts:
            said = "Invalid parameter: Message Structure - No default entry in JSON message body"
            raise ApiError("InvalidParameter", said)
    _send(memory, topic, subject, texts)
    return {"MessageId": secrets.token_hex(16)}


def _send(memory: Memory, topic: Any, subject: str, texts: Mapping[str, str]) -> None:
    for subscription in _of(topic.arn):
        if not pending(subscription):
            protocol = subscription.protocol
            made = notices.notification(
                protocol,
                subscription.endpoint,
                topic.arn,
                subscription.arn,
                subject,
                texts.get(protocol, texts["default"]),
                topic.display_name,
            )
            memory.notices.waiting.put(made)


def notify(
    memory: Memory, arn: str, source: str, subject: str, message: str, email: str
) -> str | None:
    """Publish for CloudWatch, if the topic's policy lets it; the error's text if that fails."""
    topic = backends.sns().topics.get(arn)
    if topic is None:
        return "Topic does not exist"
    if not allows(json.loads(topic.policy), "cloudwatch.amazonaws.com", arn, source):
        return (
            f"Resource: {source} is not authorized to perform: SNS:Publish on resource: {arn} "
            "because no resource-based policy allows the SNS:Publish action"
        )
    _send(memory, topic, subject, {"default": message, "email": email})
    return None


def allows(policy: Mapping[str, Any], service: str, topic: str, source: str) -> bool:
    """Whether a topic's policy lets a service of AWS publish for a resource of the account."""
    context = {
        "aws:SourceAccount": [backends.ACCOUNT],
        "aws:SourceOwner": [backends.ACCOUNT],
        "aws:SourceArn": [source],
    }
    effects = {
        statement["Effect"]
        for statement in permissions.listed(policy.get("Statement", []))
        if _is_for(statement.get("Principal"), service)
        and permissions.matches(statement, "sns:Publish", topic, context)
    }
    return effects == {"Allow"}


def _is_for(principal: Any, service: str) -> bool:
    if not isinstance(principal, dict):
        return principal == "*"
    everyone = "*" in permissions.listed(principal.get("AWS", []))
    return everyone or service in permissions.listed(principal.get("Service", []))


def visit(memory: Memory, path: str, given: Mapping[str, str]) -> str | None:
    """What a visitor of one of SNS's pages is told; None if there is no such page.

    The links in mails, and the addresses that https endpoints get; nobody signs these requests.
    """
    action = {"/confirmation.html": "ConfirmSubscription", "/unsubscribe.html": "Unsubscribe"}
    match action.get(path, given.get("Action", "")):
        case "ConfirmSubscription":
            arn = _confirm(memory, dict(given))["SubscriptionArn"]
            return f"Subscription confirmed!\nYour subscription's id is:\n{arn}\n"
        case "Unsubscribe":
            _unsubscribe(memory, {"SubscriptionArn": given.get("SubscriptionArn", "")})
            return "Subscription removed!\n"
    return None


BEFORE: Mapping[str, Callable[[Memory, Parameters], None]] = {
    "CreateTopic": _create,
    "GetTopicAttributes": _count,
}
INSTEAD: Mapping[str, Callable[[Memory, Parameters], Parameters]] = {
    "Subscribe": _subscribe,
    "ConfirmSubscription": _confirm,
    "Unsubscribe": _unsubscribe,
    "GetSubscriptionAttributes": _attributes,
    "ListSubscriptions": _list,
    "ListSubscriptionsByTopic": _list,
    "Publish": _publish,
}

"""What SNS sends: confirmations and notifications, by mail and by HTTPS.

Amazon SNS Developer Guide, "HTTP/HTTPS subscription confirmation JSON format", "HTTP/HTTPS
notification JSON format". E-mails have the text that SNS's subscribers have published.
"""

import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import SimpleQueue
from urllib.parse import urlencode

from lab.region import backends

HOST = f"sns.{backends.REGION}.amazonaws.com"
CONFIRMATION, NOTIFICATION = "SubscriptionConfirmation", "Notification"
CONFIRM_SUBJECT = "AWS Notification - Subscription Confirmation"


@dataclass(frozen=True)
class Delivery:
    """A message for one endpoint; `subject` and `sender` (a display name) are of mail only."""

    protocol: str
    endpoint: str
    kind: str
    topic: str
    subscription: str
    body: str
    subject: str = ""
    sender: str = "AWS Notifications"


@dataclass
class Notices:
    """Deliveries that wait for the courier."""

    waiting: SimpleQueue[Delivery] = field(default_factory=SimpleQueue)


def _now() -> str:
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"


def page(name: str, **parameters: str) -> str:
    """The address of one of SNS's pages, or of its API if the name is empty."""
    return f"https://{HOST}/{name}?{urlencode(parameters)}"


def confirmation(
    protocol: str, endpoint: str, topic: str, subscription: str, token: str
) -> Delivery:
    """The request to confirm a subscription."""
    if protocol == "email":
        link = page("confirmation.html", TopicArn=topic, Token=token, Endpoint=endpoint)
        body = (
            f"You have chosen to subscribe to the topic: \n{topic}\n\n"
            "To confirm this subscription, click or visit the link below (If this was in error no "
            f"action is necessary): \n{link}\n\n"
            "Please do not reply directly to this email. If you wish to remove yourself from "
            "receiving all future SNS subscription confirmation requests please send an email to "
            "sns-opt-out\n"
        )
        return Delivery(
            protocol, endpoint, CONFIRMATION, topic, subscription, body, CONFIRM_SUBJECT
        )
    told = (
        f"You have chosen to subscribe to the topic {topic}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )
    envelope = {
        "Type": CONFIRMATION,
        "MessageId": str(uuid.uuid4()),
        "Token": token,
        "TopicArn": topic,
        "Message": told,
        "SubscribeURL": page("", Action="ConfirmSubscription", TopicArn=topic, Token=token),
        "Timestamp": _now(),
    }
    return Delivery(protocol, endpoint, CONFIRMATION, topic, subscription, json.dumps(envelope))


def notification(
    protocol: str,
    endpoint: str,
    topic: str,
    subscription: str,
    subject: str,
    message: str,
    sender: str,
) -> Delivery:
    """A message that was published, for a confirmed subscription."""
    if protocol == "email":
        link = page("unsubscribe.html", SubscriptionArn=subscription, Endpoint=endpoint)
        body = (
            f"{message}\n\n--\n"
            "If you wish to stop receiving notifications from this topic, please click or visit "
            f"the link below to unsubscribe:\n{link}\n\n"
            "Please do not reply directly to this email. If you have any questions or comments "
            "regarding this email, please contact us at https://aws.amazon.com/support\n"
        )
        sender = sender or "AWS Notifications"
        subject = subject or "AWS Notification Message"
        return Delivery(
            protocol, endpoint, NOTIFICATION, topic, subscription, body, subject, sender
        )
    envelope = {
        "Type": NOTIFICATION,
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic,
        **({"Subject": subject} if subject else {}),
        "Message": message,
        "Timestamp": _now(),
        "UnsubscribeURL": page("", Action="Unsubscribe", SubscriptionArn=subscription),
    }
    return Delivery(protocol, endpoint, NOTIFICATION, topic, subscription, json.dumps(envelope))

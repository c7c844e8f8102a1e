"""Worlds in which somebody who is to hear of alarms does not."""

from verify_broken import Broken

from ops.outputs import Alarms
from ops.verify.topics import PENDING

TOPIC = "arn:aws:sns:us-east-1:123456789012:mail-relay-prod-alarms"
CONFIRMED = {"ops@far.example": f"{TOPIC}:5b6d"}
SUBSCRIPTIONS = {**CONFIRMED, "new@far.example": PENDING}


def _alarms(code: str, endpoint: str, remedy: str) -> Broken:
    told = Alarms(topic=TOPIC, notify=(*CONFIRMED, endpoint))
    return Broken(code, "mail-relay-prod-alarms", remedy, outputs={"alarms": told})


ALL = [
    _alarms("alarms-unconfirmed", "new@far.example", "in spam too"),
    _alarms("alarms-unsubscribed", "gone@far.example", "--refresh"),
]

"""Whether the alarms reach those that they are for: SNS tells nobody who has not confirmed it."""

from ops.outputs import Alarms
from ops.verify.hosts import NoAccess
from ops.verify.probes import Probes
from ops.verify.result import Result
from ops.verify.topics import PENDING


def check(alarms: Alarms, probes: Probes) -> Result:
    """Check each subscription of the topic."""
    result = Result("alarms", alarms.topic.rpartition(":")[2])
    try:
        held = probes.subscriptions_of(alarms.topic)
    except NoAccess as error:
        result.skipped = str(error)
        return result
    for endpoint in alarms.notify:
        if endpoint not in held:
            result.warn(
                "alarms-unsubscribed",
                f"{endpoint} hears of no alarm: it has unsubscribed, or has let the two days pass "
                "in which to confirm",
                "`pulumi up --refresh` subscribes it anew, and SNS sends it a link to open",
            )
        elif held[endpoint] == PENDING:
            result.warn(
                "alarms-unconfirmed",
                f"{endpoint} hears of no alarm until it has opened the link that SNS sent to it",
                'Look there for "AWS Notification - Subscription Confirmation", in spam too',
            )
        else:
            result.seen.append(endpoint)
    return result

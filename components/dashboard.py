"""The dashboard: alarms, and graphs of what hosts measure (agent/metrics.py).

Amazon CloudWatch API reference, "Dashboard body structure and syntax". The grid has 24 columns.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

WIDTH, HEIGHT, COLUMNS = 8, 6, 3
# Each graph's title, its metrics, and how a period's values become one.
GRAPHS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("Mail sent", ("Sent",), "Sum"),
    ("Waits and is tried again", ("Deferred", "SlowedByReceivers"), "Sum"),
    ("Returned to the sender", ("Bounced", "UnknownRecipients", "RefusedByReceivers"), "Sum"),
    ("Messages in the queue", ("QueueMessages",), "Maximum"),
    ("Oldest message, in seconds", ("QueueOldest",), "Maximum"),
    ("Refused at the door", ("Refused", "FailedLogins"), "Sum"),
    ("Serves, and reaches other servers", ("Serving", "WayOut"), "Minimum"),
    ("Free space and inodes, in percent", ("DiskFree",), "Minimum"),
    ("Days of the certificate", ("CertificateDays",), "Minimum"),
    ("Services that do not run", ("ServicesDown",), "Maximum"),
    ("Last look for new tables, seconds ago", ("TablesAge",), "Maximum"),
    ("Logins at their limits", ("LoginsAtLimit",), "Maximum"),
    ("Listings in block lists", ("Listed",), "Maximum"),
)


def body(
    topic: str, namespace: str, hosts: Sequence[str], alarms: Iterable[str], period: int
) -> Mapping[str, Any]:
    """The dashboard's body, for alarms by name. The topic's ARN says where they all are."""
    _, partition, _, region, account, _ = topic.split(":", 5)
    place = f"arn:{partition}:cloudwatch:{region}:{account}:alarm"
    state = {"title": "Alarms", "alarms": [f"{place}:{name}" for name in alarms]}
    widgets = [_widget("alarm", 0, 0, COLUMNS * WIDTH, state)]
    for number, (title, metrics, statistic) in enumerate(GRAPHS):
        shown = [[namespace, metric, "Host", host] for metric in metrics for host in hosts]
        graph = {"title": title, "region": region, "stat": statistic, "period": period}
        row, column = divmod(number, COLUMNS)
        y = HEIGHT * (1 + row)
        widgets.append(
            _widget(
                "metric",
                column * WIDTH,
                y,
                WIDTH,
                {**graph, "view": "timeSeries", "metrics": shown},
            )
        )
    return {"widgets": widgets}


def _widget(kind: str, x: int, y: int, width: int, properties: Mapping[str, Any]) -> dict[str, Any]:
    place = {"x": x, "y": y, "width": width, "height": HEIGHT}
    return {"type": kind, **place, "properties": dict(properties)}

"""Send this host's measurements to CloudWatch: `metrics.py NAMESPACE`, after each new status.

They are taken from the status that status.py has written. They are sent every five minutes, for
each call costs, and at once if the host begins or ceases to serve. Without a new status nothing is
sent: CloudWatch's alarms take missing data for a failure.
"""

import datetime
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import state_file
from agent.host_status import SILENT_SECONDS, BadStatus, Status, parse
from agent.install import write

FILE = Path("/run/mail-relay/status.json")
SENT = Path("/run/mail-relay/metrics.json")
# Statuses come once a minute: the fifth is sent.
SECONDS = 270.0
DAY = 86_400


def measured(status: Status, now: datetime.datetime) -> Iterator[tuple[str, float, str]]:
    """Name, value and unit (CloudWatch's) of each measurement.

    A part of the status that could not be read counts as not serving: its own metric is missing.
    """
    failing = status.missing or status.stopped or status.silent or status.unread
    yield "Serving", 0.0 if failing else 1.0, "None"
    yield "QueueMessages", float(status.queue.messages), "Count"
    yield "QueueOldest", status.queue.seconds, "Seconds"
    if known := [disk for disk in status.disks if disk.size]:  # a pseudo file system has no size
        free = min(min(disk.free / disk.size, disk.inodes_free) for disk in known)
        yield "DiskFree", 100 * free, "Percent"
    if status.certificate:
        ends = datetime.datetime.fromisoformat(status.certificate)
        yield "CertificateDays", (ends - now).total_seconds() / DAY, "None"
    if status.egress is not None:
        yield "WayOut", 0.0 if status.egress.problem else 1.0, "None"


def _put(namespace: str, data: list[Any]) -> None:
    # seldom needed, so not loaded every minute
    import boto3
    from botocore.config import Config

    settings = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"})
    client = boto3.client("cloudwatch", config=settings)
    client.put_metric_data(Namespace=namespace, MetricData=data)


def main() -> int:
    """Send the measurements of the present status; 1, with the reason, if there is none."""
    (namespace,) = sys.argv[1:]
    now = datetime.datetime.now(datetime.UTC)
    try:
        status = parse(FILE.read_bytes())
    except (OSError, BadStatus) as error:
        print(f"<3>nothing is sent: {FILE}: {error}", flush=True)
        return 1
    age = (now - datetime.datetime.fromisoformat(status.written)).total_seconds()
    if age > SILENT_SECONDS:
        print(f"<3>nothing is sent: {FILE} was written {age:.0f} s ago", flush=True)
        return 1
    if status.setup.state != "done":  # nobody has begun to watch it, or its silence is told
        return 0
    found = list(measured(status, now))
    serving = found[0][1]
    sent, before = state_file.read(
        SENT, lambda last: (state_file.amount(last["sent"]), float(last["serving"])), (-SECONDS, -1)
    )
    if serving == before and 0 <= time.monotonic() - sent < SECONDS:
        return 0
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "Host", "Value": status.host}],
            "Timestamp": now,
            "Value": value,
            "Unit": unit,
        }
        for name, value, unit in found
    ]
    _put(namespace, data)
    write(SENT, json.dumps({"sent": time.monotonic(), "serving": serving}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Send this host's measurements to CloudWatch: `metrics.py NAMESPACE`, by a systemd timer.

They are taken from the status that status.py writes every minute. Without a new one nothing is
sent: CloudWatch's alarms take missing data for a failure.
"""

import datetime
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import boto3
from botocore.config import Config

from agent.host_status import SILENT_SECONDS, BadStatus, Status, parse

FILE = Path("/run/mail-relay/status.json")
SETTINGS = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"})
DAY = 86_400


def measured(status: Status, now: datetime.datetime) -> Iterator[tuple[str, float, str]]:
    """Name, value and unit (CloudWatch's) of each measurement.

    A part of the status that could not be read counts as not serving: its own metric is missing.
    """
    failing = (
        status.setup.state != "done"
        or status.missing
        or status.stopped
        or status.silent
        or status.unread
    )
    yield "Serving", 0.0 if failing else 1.0, "None"
    yield "QueueMessages", float(status.queue.messages), "Count"
    yield "QueueOldest", status.queue.seconds, "Seconds"
    if status.disks:
        free = min(min(d.free / d.size, d.inodes_free) for d in status.disks if d.size)
        yield "DiskFree", 100 * free, "Percent"
    if status.certificate:
        ends = datetime.datetime.fromisoformat(status.certificate)
        yield "CertificateDays", (ends - now).total_seconds() / DAY, "None"
    if status.egress is not None:
        yield "WayOut", 0.0 if status.egress.problem else 1.0, "None"


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
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "Host", "Value": status.host}],
            "Timestamp": now,
            "Value": value,
            "Unit": unit,
        }
        for name, value, unit in measured(status, now)
    ]
    boto3.client("cloudwatch", config=SETTINGS).put_metric_data(
        Namespace=namespace, MetricData=data
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

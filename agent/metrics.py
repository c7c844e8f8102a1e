"""Send this host's measurements to CloudWatch after each new status: `metrics.py NAMESPACE [all]`.

They are taken from the status that status.py has written, and from the mail's log. They are sent
every five minutes, for each call costs, and at once if the host begins or ceases to serve. Without
a new status nothing is sent: CloudWatch's alarms take missing data for a failure.

Each metric costs by the hour in which it is sent, so only FEW are sent unless `all` are wanted, and
no count of zero.
"""

import datetime
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import mail_counts, state_file
from agent.host_status import CLOCK_SECONDS, SILENT_SECONDS, STALE_SECONDS, BadStatus, Status, parse
from agent.install import write

FILE = Path("/run/mail-relay/status.json")
SENT = Path("/run/mail-relay/metrics.json")
# Statuses come once a minute: the fifth is sent.
SECONDS = 270.0
DAY = 86_400
FEW = {
    "Serving",
    "QueueMessages",
    "QueueOldest",
    "DiskFree",
    "CertificateDays",
    "WayOut",
    "RefusedByReceivers",
    "Listed",
}


@dataclass
class Sent:
    """The last time that measurements were sent (monotonic, in s), whether the host served then.

    `serving` is as the metric, or -1 before the first time. `asked` is the round of questions to
    block lists that was sent last. `counts` is what was counted and is not sent yet.
    """

    at: float = 0.0
    serving: float = -1.0
    asked: str = ""
    counts: mail_counts.Counts = field(default_factory=mail_counts.Counts)


def _restored(last: Any) -> Sent:
    serving, counts = float(last["serving"]), mail_counts.restored(last["counts"])
    return Sent(state_file.amount(last["sent"]), serving, str(last["asked"]), counts)


def _keep(sent: Sent) -> None:
    content = {"sent": sent.at, "serving": sent.serving, "asked": sent.asked}
    write(SENT, json.dumps({**content, "counts": sent.counts.to_json()}))


def measured(status: Status, now: datetime.datetime) -> Iterator[tuple[str, float, str]]:
    """Name, value and unit (CloudWatch's) of each measurement.

    A part of the status that could not be read counts as not serving: its own metric is missing.
    """
    failing = status.missing or status.stopped or status.silent or status.unread
    late = status.tables.seconds is None or status.tables.seconds > STALE_SECONDS
    late = late or status.tables.unanswered > STALE_SECONDS or status.tables.result != "success"
    wrong = status.clock_off is not None and status.clock_off > CLOCK_SECONDS
    yield "Serving", 0.0 if failing or late or wrong else 1.0, "None"
    yield "QueueMessages", float(status.queue.messages), "Count"
    yield "QueueOldest", status.queue.seconds, "Seconds"
    if free := [min(d.free / d.size, d.inodes_free) for d in status.disks if d.size]:
        yield "DiskFree", 100 * min(free), "Percent"
    if status.certificate:
        ends = datetime.datetime.fromisoformat(status.certificate)
        yield "CertificateDays", (ends - now).total_seconds() / DAY, "None"
    if status.egress is not None:
        yield "WayOut", 0.0 if status.egress.problem else 1.0, "None"
    yield "ServicesDown", float(len({*status.stopped, *status.silent})), "Count"
    if status.tables.seconds is not None:
        yield "TablesAge", max(status.tables.seconds, status.tables.unanswered), "Seconds"
    if status.limited:
        yield "LoginsAtLimit", float(len(status.limited)), "Count"


def listed(status: Status, sent: str) -> Iterator[tuple[str, float, str]]:
    """The number of listings, once after each round of questions: in other hours it costs nothing.

    Without any list that answered it is missing, and the alarm stays as it is.
    """
    found = status.reputation
    if found and found.asked != sent and not all(one.problem for one in found.lists):
        yield "Listed", float(sum(len(one.listed) for one in found.lists)), "Count"


def _put(namespace: str, data: list[Any]) -> None:
    # seldom needed, so not loaded every minute
    import boto3
    from botocore.config import Config

    settings = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard"})
    client = boto3.client("cloudwatch", config=settings)
    client.put_metric_data(Namespace=namespace, MetricData=data)


def main() -> int:
    """Send the measurements of the present status; 1, with the reason, if there is none."""
    namespace, *more = sys.argv[1:]
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
    sent = state_file.read(SENT, _restored, Sent())
    if serving == sent.serving and 0 <= time.monotonic() - sent.at < SECONDS:
        return 0
    sent.counts.go_on()
    _keep(sent)  # a call that fails loses no count
    found += [(name, float(n), "Count") for name, n in sent.counts.found.items() if n]
    found += listed(status, sent.asked)
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "Host", "Value": status.host}],
            "Timestamp": now,
            "Value": value,
            "Unit": unit,
        }
        for name, value, unit in found
        if more or name in FEW
    ]
    _put(namespace, data)
    sent.counts.found.clear()
    asked = status.reputation.asked if status.reputation else ""
    _keep(Sent(time.monotonic(), serving, asked, sent.counts))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Write this host's measurements for Prometheus, after each new status: `exported.py`.

Debian's node exporter adds the file to its own metrics (its textfile collector). They are those of
metrics.py, in Prometheus's base units and by its rules for names
(https://prometheus.io/docs/practices/naming/). Counters begin at zero at each boot, as they may.
"""

import datetime
import json
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent import mail_counts, metrics, state_file
from agent.host_status import SILENT_SECONDS, BadStatus, Status, parse
from agent.install import write

# where Debian's package looks
FILE = Path("/var/lib/prometheus/node-exporter/mail_relay.prom")
COUNTED = Path("/run/mail-relay/exported.json")
# Each measurement's name here, what its value is multiplied by, and its help.
GAUGES = {
    "Serving": ("serving", 1, "Whether all is as it should be (0 or 1)."),
    "QueueMessages": ("queue_messages", 1, "Messages in Postfix's queue."),
    "QueueOldest": ("queue_oldest_seconds", 1, "Age of the oldest message in the queue."),
    "DiskFree": ("disk_free_ratio", 0.01, "The least free share of bytes and inodes."),
    "CertificateDays": (
        "certificate_remaining_seconds",
        metrics.DAY,
        "Time until the certificate ends.",
    ),
    "WayOut": ("way_out", 1, "Whether another mail server was reached (0 or 1)."),
    "ServicesDown": ("services_down", 1, "Services that do not run or do not answer."),
    "TablesAge": ("tables_age_seconds", 1, "Time since the last look for new tables."),
    "LoginsAtLimit": ("logins_at_limit", 1, "Logins refused by their limit within an hour."),
    "Listed": ("listings", 1, "What block lists have of the address and the domains."),
}
COUNTERS = {
    "Sent": ("sent_total", "Deliveries to other servers and to mailboxes."),
    "Deferred": ("deferred_total", "Attempts that receivers put off."),
    "SlowedByReceivers": ("slowed_by_receivers_total", "Those of large receivers, with 4.7.x."),
    "Bounced": ("bounced_total", "Messages returned to their senders."),
    "UnknownRecipients": ("unknown_recipients_total", "Those with 5.1.1."),
    "RefusedByReceivers": ("refused_by_receivers_total", "Those with 5.7.x."),
    "Refused": ("refused_total", "What Postfix refused at the door."),
    "FailedLogins": ("failed_logins_total", "Wrong passwords."),
}


def lines(status: Status, counts: mail_counts.Counts, now: datetime.datetime) -> Iterator[str]:
    """The file's lines, in Prometheus's text format."""
    found = {name: value for name, value, _ in metrics.measured(status, now)}
    found |= {name: value for name, value, _ in metrics.listed(status, "")}
    for name, (short, factor, text) in GAUGES.items():
        if name in found:
            yield from _metric(short, "gauge", text, found[name] * factor)
    written = datetime.datetime.fromisoformat(status.written).timestamp()
    yield from _metric("status_timestamp_seconds", "gauge", "When this was found out.", written)
    for name, (short, text) in COUNTERS.items():
        yield from _metric(short, "counter", text, float(counts.found[name]))


def _metric(short: str, kind: str, text: str, value: float) -> Iterator[str]:
    name = f"mail_relay_{short}"
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    yield f"{name} {value:.10g}"


def main() -> int:
    """Write the file; take it away, with the reason, if there is no present status."""
    now = datetime.datetime.now(datetime.UTC)
    try:
        status = parse(metrics.FILE.read_bytes())
        age = (now - datetime.datetime.fromisoformat(status.written)).total_seconds()
    except (OSError, BadStatus) as error:
        return _away(f"{metrics.FILE}: {error}")
    if age > SILENT_SECONDS:
        return _away(f"{metrics.FILE} was written {age:.0f} s ago")
    if status.setup.state != "done":
        return 0
    counts = state_file.read(COUNTED, mail_counts.restored, mail_counts.Counts())
    counts.go_on()
    write(COUNTED, json.dumps(counts.to_json()))
    beside = FILE.with_suffix(".new")  # the exporter reads no such name
    beside.write_text("".join(f"{line}\n" for line in lines(status, counts, now)))
    beside.chmod(0o644)
    beside.replace(FILE)
    return 0


def _away(why: str) -> int:
    FILE.unlink(missing_ok=True)
    print(f"<3>nothing is told: {why}", flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())

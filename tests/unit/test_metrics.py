"""The measurements that a host sends, and when it sends none."""

import dataclasses
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from test_serving import status

from agent import mail_counts, metrics
from agent.host_status import (
    AskedList,
    Disk,
    Egress,
    Listing,
    Queue,
    Reputation,
    Status,
    Tables,
)

NOW = datetime.datetime(2026, 1, 1, 0, 1, tzinfo=datetime.UTC)
GIB = 1 << 30
WELL = status(
    certificate="2026-01-31T00:01:00Z",
    disks=(Disk("/", 3 * GIB, 10 * GIB, 0.5), Disk("/srv/mail", 5 * GIB, 10 * GIB, 0.2)),
    egress=Egress("mx.inbox.example:25", "", 60.0),
    queue=Queue(3, 0, 90.0, ()),
)


def values(found: Status) -> dict[str, float]:
    return {name: value for name, value, _ in metrics.measured(found, NOW)}


def test_a_gateway_measures_what_its_status_says() -> None:
    assert values(WELL) == {
        "Serving": 1,
        "QueueMessages": 3,
        "QueueOldest": 90,
        "DiskFree": 20,
        "CertificateDays": 30,
        "WayOut": 1,
        "ServicesDown": 0,
        "TablesAge": 1,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"missing": {"postfix.service": ("why",)}},
        {"stopped": ("opendkim.service",)},
        {"silent": ("dovecot.service",)},
        # its metric is missing, and no alarm of its own says so
        {"unread": ("the certificate cannot be told",)},
        {"tables": Tables("e", "", "success", 400.0, "", 0.0)},
        {"tables": Tables("e", "", "success", None, "", 0.0)},
        {"tables": Tables("e", "", "success", 1.0, "not to be had (403)", 400.0)},
        {"tables": Tables("e", "", "exit-code", 1.0, "no JSON", 0.0)},
        {"clock_off": 61.0},
    ],
)
def test_whatever_a_host_lacks_or_cannot_tell_it_does_not_serve(change: dict[str, Any]) -> None:
    assert values(dataclasses.replace(WELL, **change))["Serving"] == 0


def test_a_way_out_that_is_closed_and_a_certificate_that_has_ended_are_measured() -> None:
    closed = Egress("mx.inbox.example:25", "timed out", 60.0)
    found = values(dataclasses.replace(WELL, egress=closed, certificate="2025-12-31T00:01:00Z"))
    assert (found["WayOut"], found["CertificateDays"]) == (0, -1)


@pytest.mark.parametrize("disks", [(), (Disk("/", 0, 0, 1.0),)])
def test_without_a_file_system_of_a_known_size_all_but_its_room_is_measured(
    disks: tuple[Disk, ...],
) -> None:
    found = values(dataclasses.replace(WELL, disks=disks))
    assert found.keys() == values(WELL).keys() - {"DiskFree"}


class CloudWatch:
    """The client, which keeps what it is given."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def put_metric_data(self, **given: Any) -> None:
        self.calls.append(given)


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CloudWatch:
    made = CloudWatch()
    monkeypatch.setattr(metrics, "FILE", tmp_path / "status.json")
    monkeypatch.setattr(metrics, "SENT", tmp_path / "metrics.json")
    monkeypatch.setattr(boto3, "client", lambda *_, **__: made)
    monkeypatch.setattr(metrics.sys, "argv", ["metrics.py", "mail-relay-dev", "all"])
    monkeypatch.setattr(mail_counts, "LOG", tmp_path / "mail.log")
    monkeypatch.setattr(mail_counts, "FAILURES", tmp_path / "mail-failures.log")
    return made


def written(found: Status, ago: float) -> str:
    moment = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=ago)
    return dataclasses.replace(found, written=moment.isoformat(timespec="seconds")).to_json()


def test_all_is_sent_at_once_under_the_hosts_name(cloudwatch: CloudWatch) -> None:
    metrics.FILE.write_text(written(WELL, 30))
    assert metrics.main() == 0
    (call,) = cloudwatch.calls
    assert call["Namespace"] == "mail-relay-dev"
    assert {datum["MetricName"] for datum in call["MetricData"]} == set(values(WELL))
    for datum in call["MetricData"]:
        assert datum["Dimensions"] == [{"Name": "Host", "Value": WELL.host}]


def names(call: dict[str, Any]) -> set[str]:
    return {datum["MetricName"] for datum in call["MetricData"]}


def test_few_metrics_are_sent_unless_all_are_wanted(
    cloudwatch: CloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics.sys, "argv", ["metrics.py", "mail-relay-dev"])
    metrics.FILE.write_text(written(WELL, 0))
    assert metrics.main() == 0
    assert names(cloudwatch.calls[0]) == metrics.FEW - {"RefusedByReceivers", "Listed"}


def rounds(asked: str, *, problem: str = "", listed: int = 0) -> Status:
    entries = {f"192.0.2.{n}": Listing(asked, ("127.0.0.2",)) for n in range(listed)}
    one = AskedList("zen.spamhaus.org", "" if problem else asked, problem, entries)
    return dataclasses.replace(WELL, reputation=Reputation(asked, (), (one,)))


FIRST, SECOND = "2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"


def test_what_block_lists_say_is_sent_once_after_each_round(
    cloudwatch: CloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics.sys, "argv", ["metrics.py", "mail-relay-dev"])
    moments = {"now": 1000.0}
    monkeypatch.setattr(metrics.time, "monotonic", lambda: moments["now"])
    sent = []
    for found in (
        rounds(FIRST, listed=2),
        rounds(FIRST, listed=2),
        rounds(SECOND),
        # no list answered: the alarm stays as it is
        rounds("2026-01-03T00:00:00+00:00", problem="no network"),
    ):
        moments["now"] += 300
        metrics.FILE.write_text(written(found, 0))
        assert metrics.main() == 0
        data = {d["MetricName"]: d["Value"] for d in cloudwatch.calls[-1]["MetricData"]}
        sent.append(data.get("Listed"))
    assert sent == [2, None, 0, None]


LINE = (
    "2026-01-01T00:00:00+00:00 mail postfix/smtp[1]: 4jZ3Sy155vz2xBg: to=<a@b.example>, "
    "relay=mx.b.example[198.51.100.10]:25, delay=1, delays=0/0/0/1, dsn={}, status={} (said)\n"
)


def test_counts_are_sent_once_and_those_of_a_failed_call_with_the_next(
    cloudwatch: CloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: Any) -> None:
        raise OSError("no way")

    def send(serves: bool) -> dict[str, float]:
        silent = () if serves else ("dovecot.service",)
        metrics.FILE.write_text(written(dataclasses.replace(WELL, silent=silent), 0))
        assert metrics.main() == 0
        return {d["MetricName"]: d["Value"] for d in cloudwatch.calls[-1]["MetricData"]}

    mail_counts.LOG.write_text(LINE.format("2.0.0", "sent"))
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no way"):
        patch.setattr(cloudwatch, "put_metric_data", fails)
        send(True)
    with mail_counts.LOG.open("a") as log:
        log.write(LINE.format("5.1.1", "bounced"))
    found = send(True)
    assert (found["UnknownRecipients"], "Sent" in found) == (1, False)  # it counts from then on
    with mail_counts.LOG.open("a") as log:
        log.write(LINE.format("5.7.1", "bounced"))
    with monkeypatch.context() as patch, pytest.raises(OSError, match="no way"):
        patch.setattr(cloudwatch, "put_metric_data", fails)
        send(False)
    found = send(False)
    assert (found["Bounced"], found["RefusedByReceivers"], "Sent" in found) == (1, 1, False)
    assert "Bounced" not in send(True)


def test_a_call_costs_so_there_is_one_in_five_minutes_or_at_a_change(
    cloudwatch: CloudWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = {"now": 1000.0}
    monkeypatch.setattr(metrics.time, "monotonic", lambda: moments["now"])
    silent = dataclasses.replace(WELL, silent=("dovecot.service",))
    calls = []
    for found in (WELL, WELL, silent, silent, WELL, WELL, WELL, WELL, WELL, WELL):
        moments["now"] += 60
        metrics.FILE.write_text(written(found, 0))
        assert metrics.main() == 0
        calls.append(len(cloudwatch.calls))
    assert calls == [1, 1, 2, 2, 3, 3, 3, 3, 3, 4]


def test_a_host_that_is_being_set_up_sends_nothing(cloudwatch: CloudWatch) -> None:
    metrics.FILE.write_text(written(status("packages", state="running"), 0))
    assert metrics.main() == 0
    assert cloudwatch.calls == []


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        '{"sent": -5, "serving": 1}',
        '{"sent": 1e999}',
        '{"sent": 5, "serving": 1, "counts": {"found": {"Sent": -1}, "read": {}}}',
        '{"sent": 5, "serving": 1, "counts": {"found": {}, "read": {"mail.log": [1]}}}',
    ],
)
def test_damaged_memory_of_the_last_call_is_none(cloudwatch: CloudWatch, damage: str) -> None:
    metrics.SENT.write_text(damage)
    metrics.FILE.write_text(written(WELL, 0))
    assert metrics.main() == 0
    assert len(cloudwatch.calls) == 1


@pytest.mark.parametrize(
    "content",
    [
        None,
        lambda: "",
        lambda: "{",
        lambda: json.dumps({"version": 0}),
        lambda: written(WELL, 400),
    ],
    ids=["none", "empty", "torn", "of another version", "old"],
)
def test_without_a_new_status_nothing_is_sent(
    cloudwatch: CloudWatch, capsys: pytest.CaptureFixture[str], content: Callable[[], str] | None
) -> None:
    """CloudWatch takes that for a failure."""
    if content is not None:
        metrics.FILE.write_text(content())
    assert metrics.main() == 1
    assert cloudwatch.calls == []
    assert "nothing is sent" in capsys.readouterr().out

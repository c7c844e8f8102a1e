"""Each alarm of a stack rings for its fault, and ends with it, by what the host itself measures.

Only time is shortened: the alarms' periods, and the minutes between two measurements.
"""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from world import GATEWAY, LOGIN, World

from lab import control
from lab.access import entered
from lab.internet import send
from lab.internet.subscriptions import confirm
from lab.lab import Lab
from lab.wait import until, within
from ops.lab import region

ADDRESS = "alarms@inbox.example"
PERIOD, SECONDS = 30, 240.0
BLOCK_LIST = "dns/block-lists/zen.spamhaus.org"
FAULTS = {
    "Serving",
    "QueueOldest",
    "DiskFree",
    "RefusedByReceivers",
    "CertificateDays",
    "WayOut",
    "Listed",
}
# As agent/metrics.py does it every five minutes, after a round of questions to block lists; a run
# under way may have looked before.
MEASURE = (
    "rm -f /srv/mail/block_lists.json; systemctl restart mail-relay-block-lists.service; "
    "rm -f /run/mail-relay/egress.json; systemctl start mail-relay-status.service; "
    'sed -i \'s/"sent": [0-9.]*/"sent": 0.0/\' /run/mail-relay/metrics.json; '
    "systemctl start mail-relay-status.service"
)
# A message's time of arrival is a record of its queue file (Postfix, rec_type.h: REC_TYPE_TIME).
OLDER = """\
import re, sys
file = open(sys.argv[1], "r+b")
content = file.read()
found = re.search(rb"T.(\\d{10}) ", content)
file.seek(found.start(1))
file.write(b"%d" % (int(found[1]) - 5 * 3600))
"""
CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 5 "
    "-subj /CN=old -keyout /root/old.key -out /root/old.pem 2>&1"
)
LIVE = f"/etc/letsencrypt/live/{GATEWAY}/fullchain.pem"
FILLER = "/srv/mail/filler"


class Watched(World):
    """The example stack with alarms, and a Prometheus in its network."""

    def settings(self) -> dict[str, Any]:
        return super().settings() | {
            "mail-relay:monitoring": {
                "enabled": True,
                "notify": [ADDRESS],
                "prometheus": ["10.20.0.0/16"],
            }
        }

    def amazon(self, service: str, name: str, **given: Any) -> Any:
        """A call of the lab's AWS."""
        with self.network():
            return getattr(self.client(service), name)(**given)

    def alarms(self) -> dict[str, dict[str, Any]]:
        """The gateway's alarms by their metrics."""
        found = self.amazon("cloudwatch", "describe_alarms", MaxRecords=100)["MetricAlarms"]
        return {
            alarm["MetricName"]: alarm
            for alarm in found
            if {"Name": "Host", "Value": GATEWAY} in alarm["Dimensions"]
        }

    def measured(self, state: str, names: set[str]) -> set[str]:
        """Measure once; those of the alarms that are in a state."""
        self.run(GATEWAY, "sh", "-c", MEASURE)
        held = self.alarms()
        return {name for name in names if held[name]["StateValue"] == state}

    def told(self, state: str) -> set[str]:
        """The metrics of the gateway's alarms whose change to a state has reached ADDRESS."""
        return {
            message.subject.partition('"')[2].partition('"')[0].rpartition(" ")[2]
            for message in self.inbox.messages()
            if message.recipient == ADDRESS
            and message.subject.startswith(f'{state}: "')
            and f" {GATEWAY} " in message.subject
        }


@pytest.fixture(scope="module")
def watched(request: pytest.FixtureRequest) -> Iterator[Watched]:
    lab = Lab("alarms")
    keep = request.config.getoption("--keep-lab")
    if not (keep and control.running(lab)):
        control.remove(lab)
    made = Watched(lab)
    made.start()
    yield made
    if not keep:
        control.remove(lab)
        assert control.remains(lab) == []


def test_a_host_tells_prometheus_and_nobody_outside(watched: Watched) -> None:
    """Asked on the gateway itself: no host of the stack may connect to that port of another one."""
    at = f"http://{watched.gateway.private_address}:9100/metrics"
    look = f"import urllib.request as u; print(u.urlopen({at!r}, timeout=9).read().decode())"
    said = watched.run(GATEWAY, "python3", "-c", look)
    lines = [line for line in said.splitlines() if line and not line.startswith("#")]
    values = dict(line.rsplit(" ", 1) for line in lines)
    assert values["mail_relay_serving"] == "1"
    assert values["mail_relay_queue_messages"] == "0"
    assert float(values["mail_relay_certificate_remaining_seconds"]) > 0
    with entered(f"{watched.lab.namespace}-probe"), pytest.raises(OSError, match="timed out"):
        socket.create_connection((watched.gateway.address, 9100), timeout=5)


def test_each_alarm_tells_of_its_fault_and_of_its_end(watched: Watched) -> None:
    assert "Subscription confirmed!" in confirm(watched.inbox, ADDRESS)
    assert watched.alarms().keys() == FAULTS
    for alarm in watched.alarms().values():
        kept = {key: alarm[key] for key in CONFIGURED if key in alarm}
        watched.amazon("cloudwatch", "put_metric_alarm", **kept | {"Period": PERIOD})
    until("all is well", lambda: watched.measured("OK", FAULTS) == FAULTS, SECONDS, 1)

    with ExitStack() as mended:
        broken(watched, mended)
        assert told(watched, "ALARM") >= FAULTS
    assert told(watched, "OK") >= FAULTS

    descriptions = {alarm["AlarmDescription"] for alarm in watched.alarms().values()}
    assert all(GATEWAY in re.findall(r"[\w-]+(?:\.[\w-]+)+", text) for text in descriptions)
    assert all("Type: ./relay " in text for text in descriptions)


CONFIGURED = (
    "AlarmName",
    "AlarmDescription",
    "AlarmActions",
    "OKActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "Dimensions",
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)


def told(watched: Watched, state: str) -> set[str]:
    """The alarms that were told in this state, after some time in which the host measures on."""

    def all_told() -> bool:
        watched.measured(state, FAULTS)
        return watched.told(state) >= FAULTS

    within(SECONDS * 2, all_told, 1)
    return watched.told(state)


def broken(watched: Watched, mended: ExitStack) -> None:
    """Break all that alarms watch; `mended` has what makes it good again, the last first."""
    run = watched.run
    refused(watched, mended)
    subject = send.unique("old")
    run(GATEWAY, "postconf", "-e", "defer_transports=smtp")
    run(GATEWAY, "postfix", "reload")
    watched.submit(send.compose(LOGIN, send.RECIPIENT, subject))
    waiting = until("it waits", lambda: run(GATEWAY, "postqueue", "-j").strip())
    queue_id = json.loads(waiting.splitlines()[0])["queue_id"]
    run(GATEWAY, "postsuper", "-h", queue_id)
    file = run(GATEWAY, "find", "/var/spool/postfix/hold", "-name", queue_id).strip()
    run(GATEWAY, "python3", "-c", OLDER, file)
    mended.callback(run, GATEWAY, "postsuper", "-d", queue_id)
    mended.callback(run, GATEWAY, "sh", "-c", "postconf -X defer_transports; postfix reload")

    free = int(run(GATEWAY, "stat", "-f", "-c", "%a", "/srv/mail"))
    block = int(run(GATEWAY, "stat", "-f", "-c", "%S", "/srv/mail"))
    run(GATEWAY, "fallocate", "-l", str(free * block - (300 << 20)), FILLER)
    mended.callback(run, GATEWAY, "rm", "-f", FILLER)

    run(GATEWAY, "sh", "-c", CERTIFICATE)
    run(GATEWAY, "mount", "--bind", "/root/old.pem", LIVE)
    mended.callback(run, GATEWAY, "umount", LIVE)

    region.block_port_25(watched.lab, True)
    mended.callback(region.block_port_25, watched.lab, False)

    listed(watched, [watched.gateway.address])
    mended.callback(listed, watched, [])

    run(GATEWAY, "systemctl", "stop", "fail2ban.service")
    mended.callback(run, GATEWAY, "systemctl", "start", "fail2ban.service")


def refused(watched: Watched, mended: ExitStack) -> None:
    """More messages than one may come back because a receiver does not want us."""
    policy = "check_sender_access static:{550 5.7.1 we do not want you}"
    restrict = "smtpd_recipient_restrictions="
    watched.inbox.run("postconf", "-e", restrict + policy)
    watched.inbox.run("postfix", "reload")
    try:
        with watched.session(587, login=LOGIN) as session:
            for number in range(7):
                letter = send.compose(LOGIN, send.RECIPIENT, send.unique(f"refused {number}"))
                session.send_message(letter)
        until("all came back", lambda: watched.log(GATEWAY).count("dsn=5.7.1") >= 7)
    finally:
        watched.inbox.run("postconf", "-e", restrict)
        watched.inbox.run("postfix", "reload")


def listed(watched: Watched, addresses: list[str]) -> None:
    """Have a block list list exactly these; no resolver remembers what it said before."""
    entries = {address: ["127.0.0.2"] for address in addresses}
    watched.region.call("PUT", BLOCK_LIST, {"mode": "answers", "listed": entries})
    watched.flush_resolver()
    watched.run(GATEWAY, "resolvectl", "flush-caches")

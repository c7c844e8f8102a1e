"""Who hears of alarms, and who does not."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from verify_broken_alarms import CONFIRMED, TOPIC

from ops.outputs import Alarms
from ops.verify import alarms
from ops.verify.hosts import NoAccess

WANTED = Alarms(topic=TOPIC, notify=tuple(CONFIRMED))


def test_who_hears_of_them_is_seen() -> None:
    probes: Any = SimpleNamespace(subscriptions_of=lambda topic: {TOPIC: CONFIRMED}[topic])
    found = alarms.check(WANTED, probes)
    assert (found.seen, found.problems) == (list(CONFIRMED), [])


def test_without_access_it_is_skipped() -> None:
    def refuses(_: str) -> Mapping[str, str]:
        raise NoAccess("no credentials")

    probes: Any = SimpleNamespace(subscriptions_of=refuses)
    assert alarms.check(WANTED, probes).skipped == "no credentials"

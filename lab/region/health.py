"""Route53's health checkers: each connects by itself, and the region counts their results.

Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy".
"""

import asyncio
import contextlib
import os
import random
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.access import entered
from lab.region import backends

# Two addresses of each region's published ranges (ip-ranges.json, ROUTE53_HEALTHCHECKS). AWS has
# about as many checkers for a health check of all regions: one request in two seconds at 30 s.
CHECKERS: Mapping[str, Sequence[str]] = {
    "us-east-1": ("107.23.255.10", "54.243.31.202"),
    "us-west-1": ("54.183.255.138", "54.241.32.74"),
    "us-west-2": ("54.244.52.202", "54.245.168.10"),
    "eu-west-1": ("54.228.16.10", "176.34.159.202"),
    "ap-southeast-1": ("54.251.31.138", "54.255.254.202"),
    "ap-southeast-2": ("54.252.79.138", "54.252.254.202"),
    "ap-northeast-1": ("54.248.220.10", "54.250.253.202"),
    "sa-east-1": ("54.232.40.74", "177.71.207.138"),
}
SHARE = 0.18  # of the checkers; healthy if more than these find the endpoint healthy
CONNECT_SECONDS = 10.0  # the limit of a TCP check
LOOK_SECONDS = 1.0  # until a new health check has its checkers


@dataclass
class View:
    """One checker's view of one endpoint; healthy until enough checks in a row contradict that.

    `against` counts the last checks that contradict `healthy`; `report` and `time` are the last's.
    """

    region: str
    healthy: bool = True
    against: int = 0
    report: str = ""
    time: datetime | None = None

    def note(self, failure: str | None, threshold: int) -> None:
        """Count one more check; without a `failure` it has succeeded."""
        self.report = f"Failure: {failure}" if failure else "Success: TCP connection established."
        self.time = datetime.now(UTC)
        self.against = 0 if self.healthy == (failure is None) else self.against + 1
        if self.against >= threshold:
            self.healthy, self.against = not self.healthy, 0


class Health:
    """The views of all checkers, by health check and by the checker's address."""

    def __init__(self, checkers: Mapping[str, Sequence[str]] = CHECKERS) -> None:
        self.checkers = checkers
        self._views: dict[tuple[str, str], View] = {}

    def healthy(self, identity: str) -> bool:
        """Whether Route53 considers a health check healthy.

        For a deleted one, AWS says that this cannot be predicted; here it is unhealthy.
        """
        check = backends.route53().health_checks.get(identity)
        if check is None:
            return False
        views = [self._views.get(key) for key in self.watching(check)]
        found = sum(view is None or view.healthy for view in views)
        return (check.disabled or found > SHARE * len(views)) != check.inverted

    def watching(self, check: Any) -> dict[tuple[str, str], str]:
        """The keys of a health check's views, with the checker's region."""
        regions = check.regions or self.checkers
        return {(check.id, at): region for region in regions for at in self.checkers[region]}

    def view(self, key: tuple[str, str], region: str) -> View:
        """A checker's view of a health check."""
        return self._views.setdefault(key, View(region))

    def observations(self, check: Any) -> list[tuple[str, View]]:
        """Address and view of each checker that has made a check."""
        found = [(key[1], self._views.get(key)) for key in self.watching(check)]
        return [(address, view) for address, view in found if view and view.time]

    def forget(self, identity: str) -> None:
        """Drop the views of a health check that is deleted."""
        for key in [key for key in self._views if key[0] == identity]:
            self._views.pop(key, None)


async def _failure(source: str, address: str, port: int) -> str | None:
    """Connect and close; the reason if that fails."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)
        connection.bind((source, 0))
        connecting = asyncio.get_running_loop().sock_connect(connection, (address, port))
        try:
            await asyncio.wait_for(connecting, CONNECT_SECONDS)
        except TimeoutError:
            return "The health checker could not establish a connection within the timeout limit."
        except OSError as error:
            return f"{os.strerror(error.errno or 0)}."
    return None


async def _watch(health: Health, check: Any, key: tuple[str, str], region: str) -> None:
    """One checker's checks of one endpoint: checkers do not coordinate.

    As in AWS's API the interval is from the end of a check to the next one.
    """
    await asyncio.sleep(random.uniform(0, check.request_interval))  # noqa: S311
    while True:
        failure = await _failure(key[1], check.ip_address, check.port)
        health.view(key, region).note(failure, check.failure_threshold)
        await asyncio.sleep(check.request_interval)


async def follow(health: Health) -> None:
    """Run the checks of all health checks, until cancelled."""
    tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
    while True:
        checks = [c for c in list(backends.route53().health_checks.values()) if not c.disabled]
        wanted = {k: (c, region) for c in checks for k, region in health.watching(c).items()}
        for key in set(tasks) - set(wanted):
            tasks.pop(key).cancel()
        for key, (check, region) in wanted.items():
            if key not in tasks:
                tasks[key] = asyncio.create_task(_watch(health, check, key, region))
        await asyncio.sleep(LOOK_SECONDS)


def serve(health: Health, namespace: str | None) -> None:
    """Run the checkers in a thread of their own, inside their network namespace if any."""

    def run() -> None:
        with entered(namespace) if namespace else contextlib.nullcontext():
            asyncio.run(follow(health))

    threading.Thread(target=run, daemon=True).start()

"""Options of the whole suite, and which tests run side by side: pytest takes both from here."""

import datetime
import os
from collections import defaultdict
from typing import Any

import pytest
from side_by_side import SHARED
from xdist.scheduler import LoadScopeScheduling

SET_UPS = "tests/lab/test_20_setups.py"  # each in a lab of its own
# They take many minutes each, for one feature that changes seldom: `make test-long` runs them.
LONG = (
    "tests/lab/test_14_address.py",
    "tests/lab/test_14_move.py",
    "tests/lab/test_22_first_boot.py::test_the_power_is_cut_ten_times",
    "tests/lab/test_23_load_balancer.py",
    "tests/lab/test_24_alarms_of_a_host.py",
)
WORTH_A_TABLE, SLOWEST = 600, 40  # seconds; files


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-lab", action="store_true", help="leave the shared lab running")
    parser.addoption("--long", action="store_true", help="the tests that take longest, too")
    parser.addoption("--moments", type=int, default=2, help="how many an `up` is killed at")
    parser.addoption("--approve", action="store_true", help="take the texts of today as right")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: lab tests wait for machines much of their time."""
    return (os.cpu_count() or 1) + 1


class _Stories(LoadScopeScheduling):
    """A file's tests tell one story, so one process runs them."""

    def _split_scope(self, nodeid: str) -> str:
        for row in SHARED:
            if nodeid.startswith(row):
                return row[0]
        file, _, test = nodeid.partition("::")
        return f"{file}[{test.partition('[')[2]}" if file == SET_UPS else file


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A table of the files that took longest, each in one process."""
    seconds = defaultdict[str, float](float)
    for report in (each for found in terminalreporter.stats.values() for each in found):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    if sum(seconds.values()) > WORTH_A_TABLE:
        terminalreporter.section("slowest files")
        for name, took in sorted(seconds.items(), key=lambda each: -each[1])[:SLOWEST]:
            terminalreporter.line(f"{took:7.0f} s  {name}")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    config.option.loadscopereorder = False  # files with few tests are those that take longest
    return _Stories(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that all processes end together.

    Processes that collect within two seconds would take a name with the time for two tests.
    """
    items.sort(key=lambda item: ("tests/unit" in item.nodeid, "tests/engine" in item.nodeid))
    for item in items if not config.getoption("--long") else ():
        if item.nodeid.startswith(LONG):
            item.add_marker(pytest.mark.skip("it takes many minutes: make test-long"))
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    for item in items:
        if today in item.nodeid:
            raise pytest.UsageError(
                f"the name of a test tells when it was collected: {item.nodeid}"
            )

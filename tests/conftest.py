"""Options of the whole suite, and which tests run side by side: pytest takes both from here."""

import datetime
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# These share machines; the files behind them make labs of their own.
SHARED = ("tests/lab/test_0", "tests/lab/test_1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-lab", action="store_true", help="leave the lab `test` running")
    parser.addoption("--moments", type=int, default=2, help="how many an `up` is killed at")
    parser.addoption("--approve", action="store_true", help="take the texts of today as right")


class _Stories(LoadScopeScheduling):
    """A file's tests tell one story, so one process runs them."""

    def _split_scope(self, nodeid: str) -> str:
        return "shared" if nodeid.startswith(SHARED) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _Stories(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Processes that collect within two seconds would take such a name for two tests."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    for item in items:
        if today in item.nodeid:
            raise pytest.UsageError(
                f"the name of a test tells when it was collected: {item.nodeid}"
            )

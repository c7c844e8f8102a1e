"""Options of the whole suite; pytest takes them only from here."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-lab", action="store_true", help="leave the lab `test` running")
    parser.addoption("--approve", action="store_true", help="take the texts of today as right")

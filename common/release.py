"""The release: the version in pyproject.toml, whose changes CHANGELOG.md has."""

import re
import tomllib
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "pyproject.toml"


@cache
def release() -> str:
    """The version, MAJOR.MINOR.PATCH (semver.org)."""
    version: str = tomllib.loads(FILE.read_text())["project"]["version"]
    return version


def numbers(version: str) -> tuple[int, ...]:
    """A version's numbers, by which releases are in order; none for a text that is no version."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()

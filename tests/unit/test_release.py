"""A release has one version, told everywhere, and an entry for those who have a stack."""

import re
from pathlib import Path

from common.release import release

PROJECT = Path(__file__).resolve().parents[2]
ENTRY = re.compile(r"^## (\d+\.\d+\.\d+)\n\n(.+)$", re.MULTILINE)


def entries() -> list[tuple[str, str]]:
    """The releases with the first line of each, the newest first."""
    return ENTRY.findall((PROJECT / "CHANGELOG.md").read_text())


def test_the_newest_entry_is_of_this_release() -> None:
    assert entries()[0][0] == release()


def test_each_entry_but_the_first_release_says_what_it_means_for_a_stack() -> None:
    assert len(entries()) > 1
    for version, first in entries()[:-1]:
        assert first.startswith("**A stack that is up:**"), version


def test_releases_are_in_order() -> None:
    numbers = [tuple(map(int, version.split("."))) for version, _ in entries()]
    assert numbers == sorted(set(numbers), reverse=True)

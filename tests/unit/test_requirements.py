"""Every version that an installation gets is written down, not only those that we ask for."""

from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FILES = ("requirements.txt", "requirements-dev.txt")


def written(file: str) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in Path(file).read_text().splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def needed() -> set[str]:
    """What the files ask for, and what that needs here, by its metadata."""
    found: set[tuple[str, str]] = set()
    todo = [(Requirement(line), "") for file in FILES for line in written(file)]
    while todo:
        wanted, extra = todo.pop()
        if wanted.marker and not wanted.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(wanted.name)
        for each in {"", *wanted.extras}:
            if (name, each) not in found:
                found.add((name, each))
                todo += [(Requirement(line), each) for line in requires(name) or ()]
    return {name for name, _ in found}


def pins(*files: str) -> dict[str, str]:
    """The version of each name."""
    pairs = [line.split("==") for file in files for line in written(file)]
    found = {str(canonicalize_name(Requirement(name).name)): version for name, version in pairs}
    assert len(found) == len(pairs)
    return found


def test_what_is_needed_has_one_version_each() -> None:
    assert needed() <= pins("constraints.txt").keys()


def test_what_is_asked_for_is_what_is_written_down() -> None:
    assert pins(*FILES).items() <= pins("constraints.txt").items()

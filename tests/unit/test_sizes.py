"""A reader holds a file in mind, and a function at one look."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FILE_LINES, FUNCTION_LINES = 400, 60
# What is longer, and why it is not cut.
ALLOWED = {
    "agent/bundle.py:parse": "one check after another, in the order of the object that it reads",
}


def sources() -> list[str]:
    """Our Python, by its path from the project's folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in listed.stdout.split() if (PROJECT / path).exists()]


def too_long(path: str) -> Iterator[str]:
    text = (PROJECT / path).read_text()
    if text.count("\n") > FILE_LINES:
        yield path
    for node in ast.walk(ast.parse(text)):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES:
            yield f"{path}:{node.name}"


def test_nothing_is_longer_than_a_reader_holds_in_mind() -> None:
    assert {name for path in sources() for name in too_long(path)} == set(ALLOWED)

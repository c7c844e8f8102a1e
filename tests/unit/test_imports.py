"""Modules import each other in one direction."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def modules() -> dict[str, Path]:
    """Our modules by name; a package goes by its own."""
    packages = [
        file.parent for file in PROJECT.glob("*/__init__.py") if file.parent.name != "tests"
    ]
    files = [file for package in packages for file in package.rglob("*.py")]
    return {_name(file): file for file in files}


def _name(file: Path) -> str:
    parts = file.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(file: Path, known: dict[str, Path]) -> set[str]:
    """The modules of ours that a module imports, inside of functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in known else node.module for name in whole}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & known.keys() - {_name(file)}


def test_no_module_imports_itself_in_a_circle() -> None:
    known = modules()
    TopologicalSorter({name: imported(file, known) for name, file in known.items()}).prepare()

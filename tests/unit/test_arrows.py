"""What may import what: the table of rooms in `docs/architecture.md`."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# Each room, and the others that it may import.
ROOMS = {
    "common": set[str](),
    "mail": set[str](),
    "agent": {"mail"},
    "settings": {"common", "mail"},
    "cloudinit": {"mail"},
    "components": {"agent", "cloudinit", "common", "mail", "settings"},
    "policy": {"mail", "ops"},
    "__main__": {"components", "settings"},
    "lab": {"common", "mail"},
    "ops": {"agent", "common", "components", "mail", "ops.lab", "settings"},
    "ops.lab": {"common", "lab", "mail", "ops", "settings"},
}


def modules() -> dict[str, Path]:
    """Every module of the project, by its name."""
    rooms = [PROJECT / room for room in ROOMS if "." not in room and room != "__main__"]
    files = [PROJECT / "__main__.py", *(file for room in rooms for file in room.rglob("*.py"))]
    named = {".".join(file.relative_to(PROJECT).with_suffix("").parts): file for file in files}
    return {name.removesuffix(".__init__"): file for name, file in named.items()}


MODULES = modules()


def imported(file: Path) -> Iterator[str]:
    """The modules of ours that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in inner]
        else:
            continue
        yield from (name for name in names if name in MODULES)


ARROWS = {name: set(imported(file)) for name, file in MODULES.items()}


def room(module: str) -> str:
    return "ops.lab" if f"{module}.".startswith("ops.lab.") else module.partition(".")[0]


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_those_that_it_may(name: str) -> None:
    found = {
        f"{module} imports {other}"
        for module, others in ARROWS.items()
        for other in others
        if room(module) == name and room(other) not in {name, *ROOMS[name]}
    }
    assert found == set()


def test_the_page_has_the_same_table() -> None:
    page = (PROJECT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| `([a-z_/]+)` \| (.*?) \|", page, re.MULTILINE)
    written = {
        name.rstrip("/").replace("/", "."): {
            other.replace("/", ".") for other in re.findall("`([a-z/]+)`", imports)
        }
        for name, imports in rows
    }
    assert written == ROOMS


def test_one_module_of_the_command_line_leads_to_what_is_the_labs() -> None:
    """Commands are found by name (ops/cli.py), so they are no arrows."""
    leading = {
        module
        for module, others in ARROWS.items()
        for other in others
        if (room(module), room(other)) == ("ops", "ops.lab")
    }
    assert leading == {"ops.options"}


def test_no_command_loads_pulumi() -> None:
    """Its resources of AWS take two seconds, and a command needs none."""
    reached = [module for module in ARROWS if room(module) in ("ops", "ops.lab")]
    reached.remove("ops.language_host")  # the engine runs it, and it runs the program
    for module in reached:  # which grows
        reached += ARROWS[module] - {*reached}
    assert {"components.naming", "components.serving"} <= {*reached}
    loading = {
        module
        for module in reached
        for node in ast.walk(ast.parse(MODULES[module].read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
        if str(name).partition(".")[0] in ("pulumi", "pulumi_aws")
    }
    assert loading == set()


def test_the_policies_import_one_table_of_the_command_line() -> None:
    theirs = {
        other for module, others in ARROWS.items() if room(module) == "policy" for other in others
    }
    assert {other for other in theirs if room(other) == "ops"} == {"ops.leftovers.aws_types"}


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(ARROWS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_an_import_inside_a_function_counts() -> None:
    assert "ops.lab.target" in ARROWS["ops.options"]
    assert "lab.lab" in ARROWS["ops.lab.target"]

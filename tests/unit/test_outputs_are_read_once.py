"""Nobody reads a stack's outputs by their names but `ops/outputs.py`; others take its fields.

So an output that is renamed is renamed in `components/outputs.py` and there.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recorder import declare
from test_outputs import settings_of

PROJECT = Path(__file__).resolve().parents[2]
ROOMS = ("agent", "cloudinit", "common", "components", "lab", "ops", "policy", "settings", "tests")
# What outputs, or one of their hosts, are kept in before something of them is read.
OUTPUTS = {"outputs", "exported", "OUTPUTS"}
HOSTS = {"gateway", "client", "server", "host", "machine"}
# The reader and its test, and this test, which asks for the names.
MAY = {"ops/outputs.py", "tests/unit/test_outputs.py", "tests/unit/test_outputs_are_read_once.py"}
# Who asks Pulumi for the outputs; each gives them to `read`.
ASK = {"ops/lab/stack.py", "ops/target.py", "tests/engine/stacks.py"}


def names(value: Any) -> Iterator[str]:
    """The keys of an output and of what is in it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *names(inner))
    if isinstance(value, list):
        for inner in value:
            yield from names(inner)


def exported() -> tuple[set[str], set[str]]:
    """The names of all outputs with their parts, and of a host's, as two stacks export them."""
    files = [PROJECT / f"examples/Pulumi.{example}.yaml" for example in ("basics", "handson")]
    stacks = [declare(settings_of(file)).outputs for file in files]
    hosts = [host for stack in stacks for host in (*stack["gateways"], *stack["clients"])]
    return set(names(stacks)), set(names(hosts))


ALL, OF_A_HOST = exported()


def holder(node: ast.expr) -> str:
    """The last name of what something is read from: `outputs` of `x.outputs()["gateway"]`."""
    if isinstance(node, ast.Call):
        return holder(node.func)
    if isinstance(node, ast.Subscript):
        return holder(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def reads(code: str) -> list[str]:
    """What a module reads of outputs by their names."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            value, key = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if node.func.attr != "get":
                continue
            value, key = node.func.value, node.args[0]
        else:
            continue
        known = ALL if holder(value) in OUTPUTS else OF_A_HOST if holder(value) in HOSTS else ()
        if isinstance(key, ast.Constant) and key.value in known:
            found.append(ast.unparse(node))
    return found


def asks(code: str) -> bool:
    """Whether a module has Pulumi print the outputs, to read them."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call | ast.Tuple)]
    arguments = [call.args if isinstance(call, ast.Call) else call.elts for call in calls]
    texts = [[x.value for x in found if isinstance(x, ast.Constant)] for found in arguments]
    return any({"stack", "output", "--json"} <= set(text) for text in texts)


FILES = {
    str(file.relative_to(PROJECT)): file.read_text()
    for file in (PROJECT / "__main__.py", *(f for x in ROOMS for f in (PROJECT / x).rglob("*.py")))
}


def test_outputs_are_read_by_name_in_one_file() -> None:
    found = {file: reads(code) for file, code in FILES.items() if file not in MAY}
    assert {file: what for file, what in found.items() if what} == {}


def test_who_asks_pulumi_for_them_is_known() -> None:
    assert {file for file, code in FILES.items() if asks(code)} == ASK


@pytest.mark.parametrize(
    "code",
    [
        'stage.outputs["gateways"]',
        'stack.outputs(lab)["gateways"][0]["instanceId"]',
        'for client in outputs["clients"]: client["name"]',
        'place.outputs.get("passwords")',
        'gateway["privateAddress"]',
        'world.outputs.exported["mailPrograms"]',
    ],
)
def test_a_reading_by_name_is_found(code: str) -> None:
    assert reads(code)

"""Whether two commits declare the same resources, to the last option.

    .venv/bin/python tests/graph_of.py BEFORE [AFTER] [--file FILE]...

Declares the dev stack, every example, and each other stack file that is given, at both commits
under Pulumi's mocks, and prints what differs: URNs, parents, inputs, dependencies and all other
options, the components' outputs and the stack's. Without AFTER it is the working tree. Exit code
1: something differs.
"""

import argparse
import difflib
import importlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent
# Where a registration comes from in the program, which is no part of the graph.
ORIGIN = ("sourcePosition", "stackTrace", "parentStackTraceHandle")


def graph(stack_file: Path) -> dict[str, Any]:
    """What the project in the working directory declares for a stack file."""
    # the same mocks for both commits
    sys.path[:0] = [str(Path.cwd()), str(PROJECT / "tests/unit")]
    from google.protobuf.json_format import MessageToDict
    from pulumi.runtime import mocks

    outputs: dict[str, Any] = {}

    def finished(_: Any, request: Any) -> None:
        outputs[request.urn] = MessageToDict(request.outputs)

    requests: list[Any] = []
    register = mocks.MockMonitor.RegisterResource

    def registered(monitor: mocks.MockMonitor, request: Any) -> Any:
        requests.append(request)
        return register(monitor, request)

    setattr(mocks.MockMonitor, "RegisterResource", registered)  # noqa: B010
    setattr(mocks.MockMonitor, "RegisterResourceOutputs", finished)  # noqa: B010
    _leave_nothing_to_chance()
    given = yaml.safe_load(stack_file.read_text())["config"]
    for account in given.get("mail-relay:smarthost", {}).get("accounts", []):
        account.setdefault("password", "no example has one")
    config = {k: v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
    made = importlib.import_module("recorder").declare(config)
    resources: dict[str, Any] = {}
    for request in requests:
        found = MessageToDict(request)
        # no order among those that a resource waits for
        found["dependencies"] = sorted(found.get("dependencies", []))
        for needed in found.get("propertyDependencies", {}).values():
            needed["urns"] = sorted(needed.get("urns", []))
        place = f"{request.parent} {request.type}::{request.name}"
        resources[place] = {key: value for key, value in found.items() if key not in ORIGIN}
    return {"resources": resources, "components": outputs, "stack": made.outputs}


def _leave_nothing_to_chance() -> None:
    """Give each generated key and password a value of its own that is the same at every run."""
    import pulumi

    from mail import dkim

    stash: Callable[..., Any] = pulumi.Stash

    def fixed(name: str, *, input: Any, opts: Any) -> Any:
        if name.endswith(("-key", "-password", "-secret")):
            input = pulumi.Output.secret(f"the secret {name}")
        return stash(name, input=input, opts=opts)

    setattr(pulumi, "Stash", fixed)  # noqa: B010
    # long enough for several strings
    dkim.record = lambda private_key: f"v=DKIM1; k=rsa; p={private_key * 20}"


def text(tree: Path, stack_file: Path) -> list[str]:
    """The graph as lines. Declared by a process of its own: Pulumi's runtime keeps state."""
    command = [sys.executable, str(Path(__file__).resolve()), "--declare", str(stack_file)]
    return subprocess.run(
        command, cwd=tree, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()


@contextmanager
def tree_of(commit: str | None) -> Iterator[Path]:
    """A folder with the files of a commit; None: the working tree."""
    if commit is None:
        yield PROJECT
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "archive", commit], cwd=PROJECT, check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        yield Path(folder)


def main() -> int:
    """Compare, or print one graph."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("before", nargs="?", default="HEAD")
    parser.add_argument("after", nargs="?")
    parser.add_argument("--file", type=Path, action="append", default=[])
    parser.add_argument("--declare", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.declare:
        print(json.dumps(graph(given.declare), indent=1, sort_keys=True))
        return 0
    examples = [PROJECT / "Pulumi.dev.yaml", *sorted(PROJECT.glob("examples/Pulumi.*.yaml"))]
    differs = False
    with tree_of(given.before) as before, tree_of(given.after) as after:
        for stack_file in (*examples, *(file.resolve() for file in given.file)):
            old, new = text(before, stack_file), text(after, stack_file)
            found = list(difflib.unified_diff(old, new, given.before, given.after or "", n=4))
            print(f"{stack_file.name}: {'differs' if found else f'same, {len(new)} lines'}")
            print("\n".join(found), end="")
            differs = differs or bool(found)
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())

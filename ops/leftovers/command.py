"""`relay leftovers`."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from ops import stack_yaml
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.leftovers.find import Stack, find, in_state
from ops.leftovers.keep import resources
from ops.leftovers.left import Left
from ops.options import Json, LabOption, StackOption, target
from ops.target import Target
from ops.terminal import notes, print_json, results, step

# of a stack that is up: its backups, which are in no state
SNAPSHOT = "snapshot"


def command(
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Print what must not be lost, as a file for `pulumi import`."),
    ] = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """What is in the account of a stack and not in its state. Exit code 1: something is left."""
    chosen = target(stack, lab)
    if keep:
        _keep(chosen)
        return
    state, works = _state(chosen)
    with step(f"the account, by tags and names of {chosen.stack}"), _account(chosen) as account:
        found = list(find(account))
    belongs = [item for item in found if item.id in state or (item.what == SNAPSHOT and state)]
    left = [item for item in found if item not in belongs]
    if json:
        print_json(
            {
                "stack": chosen.stack,
                "resources": len(state),
                "underWay": works,
                "belongs": [{"what": b.what, "id": b.id, "name": b.name} for b in belongs],
                "left": [asdict(item) for item in left],
            }
        )
    else:
        _show(chosen, len(state), belongs, left, works)
    if left:
        raise typer.Exit(1)


def _keep(chosen: Target) -> None:
    """Print the import file; StackError if there is nothing to keep."""
    with step(f"addresses, volumes and records of {chosen.stack}"), _account(chosen) as account:
        found = resources(account)
    if not found:
        raise StackError(f"the account has no address, data volume or record of {chosen.stack}")
    print_json({"resources": found})
    counted = Counter(str(each["type"]).rpartition(":")[2] for each in found if "id" in each)
    what = ", ".join(f"{n} {kind}" for kind, n in counted.items())
    imports = chosen.typed("import --file FILE --generate-code=false --yes")
    notes.print(f"{what}. Next, with this as FILE: {imports}", soft_wrap=True)


def _state(chosen: Target) -> tuple[list[str], str]:
    """The ids in the state, none if the backend no longer has the stack; and its `under_way`."""
    try:
        exported = chosen.pulumi("stack", "export")
        return in_state(exported), chosen.under_way(exported)
    except StackError as error:
        if "no stack named" not in str(error):
            raise
        notes.print(f"there is no stack {chosen.stack} any more: everything found counts as left")
        return [], ""


@contextmanager
def _account(chosen: Target) -> Iterator[Stack]:
    project = stack_yaml.project_name()
    file = StackFile(chosen)
    with chosen.account() as client:
        yield Stack(project, chosen.name, file.settings(), client)


def _show(
    chosen: Target, resources: int, belongs: list[Left], left: list[Left], works: str
) -> None:
    if belongs:
        counted = ", ".join(f"{n} {what}" for what, n in Counter(b.what for b in belongs).items())
        is_up = "is not complete" if works else "is up"
        results.print(
            f"The stack {chosen.stack} {is_up}: {resources} resources in its state; of these were "
            f"found: {counted}.",
            soft_wrap=True,
        )
    if any(item.what == SNAPSHOT for item in belongs):
        kept = f"Its snapshots are in no state, and cost: ./relay backups {chosen.option}"
        results.print(kept, soft_wrap=True)
    for item in left:
        results.print(Text(item.what, "yellow"), f"{item.name} ({item.id})", soft_wrap=True)
        results.print(f"  costs: {item.cost}", soft_wrap=True)
        results.print(f"  {item.remove}", style="cyan", soft_wrap=True)
    if left:
        results.print(f"For these commands, first: {chosen.aws_environment}", soft_wrap=True)
    if works:
        results.print(_begun(len(left), works), soft_wrap=True)
    else:
        results.print(f"{len(left)} left." if left else "Nothing is left.")


def _begun(left: int, works: str) -> str:
    """The end of the list while a `pulumi` works, or after one was cut off."""
    if left:
        found = f"{left} not in its state, and it may need them: take nothing away before that is"
        return f"{found} known. {works[0].upper()}{works[1:]}"
    return f"Nothing was found that is not in its state. {works[0].upper()}{works[1:]}"

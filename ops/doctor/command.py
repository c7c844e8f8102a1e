"""`relay doctor`."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ops import stack_yaml
from ops.doctor.account import Account
from ops.doctor.identity import OTHER_WAYS
from ops.doctor.run import examine
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.leftovers.find import in_state
from ops.options import Json, LabOption, StackOption, target
from ops.target import Target
from ops.terminal import notes, print_json, step
from ops.verify.result import Result
from ops.verify.show import as_dict, progress, show

PROVIDER = ("allowedAccountIds", "forbiddenAccountIds", *OTHER_WAYS)


def command(
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Before the first `up`: the AWS account against what the stack needs. Exit code 1: errors."""
    chosen = target(stack, lab)
    found: list[Result] = []
    with _account(chosen) as account:
        for result in examine(account):
            found.append(result)
            progress(result)
    if json:
        print_json(as_dict(chosen.stack, found))
    else:
        show(chosen, found)
        notes.print("docs/doctor.md says more about each code")
    if any(result.errors for result in found):
        raise typer.Exit(1)


@contextmanager
def _account(chosen: Target) -> Iterator[Account]:
    file = StackFile(chosen)
    state, problem = _state(chosen)
    internet = chosen.internet()
    with chosen.regions() as client:
        yield Account(
            project=stack_yaml.project_name(),
            stack=chosen.name,
            settings=file.settings(),
            region=chosen.region,
            client=client,
            names=internet.names,
            connect=internet.connect,
            option=chosen.option,
            typed=chosen.typed,
            state=state,
            state_problem=problem,
            provider={key: file.value(f"aws:{key}") for key in PROVIDER},
        )


def _state(chosen: Target) -> tuple[frozenset[str], str]:
    """The ids in the stack's state, none before its first `up`; and why it is unreadable, or ""."""
    with step(f"the state of {chosen.stack}"):
        try:
            return frozenset(in_state(chosen.pulumi("stack", "export"))) - {""}, ""
        except StackError as error:
            unknown = "" if "no stack named" in str(error) else str(error)
            return frozenset(), " ".join(unknown.split())

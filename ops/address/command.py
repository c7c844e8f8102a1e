"""`relay address`."""

import datetime
import json as json_
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from ops import durations, steps
from ops.address.plan import WAIT, Held, Step, back, held, step
from ops.address.safety import objections
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.known import lowered, meant
from ops.options import Json, LabOption, StackOption, target
from ops.settle import state
from ops.steps import DryRun
from ops.target import Target
from ops.terminal import notes, print_json
from settings import Gateway

app = typer.Typer(no_args_is_help=True)
DONE = {
    "prepare": "another address ({spare}) is got by the next up; nothing leaves from it yet",
    "switch": "the next up moves {gateway} to address {address}; address {spare} is kept",
    "release": "the next up gives the other address back",
}


@dataclass(frozen=True)
class Turn:
    """The step that a call took, or that is next; `refused` says why it is unsafe.

    `addresses` are the gateway's by number, as far as they are known.
    """

    gateway: str
    did: str
    next: str
    addresses: dict[int, str]
    refused: str = ""


@app.callback()
def _group() -> None:
    """A gateway's public address: replace one that is on block lists, in safe steps."""


@app.command("replace")
def replace(
    gateway: Annotated[
        str, typer.Argument(callback=lowered, help="The gateway's name.", show_default=False)
    ],
    wait: Annotated[
        datetime.timedelta,
        durations.option("How long the former address is kept after the switch.", WAIT),
    ] = WAIT,
    go_back: Annotated[
        bool, typer.Option("--back", help="Back to the address of before, or give up the new one.")
    ] = False,
    dry_run: DryRun = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Replace a gateway's public address: do the step that is due, and say when the next one is.

    Three steps, each with an `up` after it: another address, whose names and SPF policies are
    published first; the switch; after some days the return of the former one. Look first whether
    a listing can be removed: docs/tasks/an-address-is-listed.md. Exit code 1: a step is due and is
    not safe.
    """
    chosen = target(stack, lab)
    file = StackFile(chosen)
    settings = file.settings()
    known = {each.name: each for each in settings.gateways}
    if gateway not in known:
        raise typer.BadParameter(f"{gateway} is no gateway; {meant(gateway, [*known])}")
    one = known[gateway]
    found = _held(chosen, one, settings.spf_include)
    due = back(one) if go_back else step(one, found, wait)
    if due is None:
        raise StackError(f"{gateway} has one address, and there is none to go back to")
    now = datetime.datetime.now(datetime.UTC)
    turn = _judged(
        chosen, one, found, due, now, checked=not go_back, asks=settings.monitoring.block_lists
    )
    if turn.did and not dry_run:
        file.change_gateway(gateway, {"address": due.address, "spareAddress": due.spare})
        steps.save(chosen, file, lambda: _show(turn, json), json=json)
    else:
        _show(turn, json)
        if turn.did and not json:
            notes.print("Nothing is changed: so it would be without --dry-run", soft_wrap=True)
    if turn.refused:
        raise typer.Exit(1)


def _held(chosen: Target, gateway: Gateway, include: str) -> Held:
    export = chosen.pulumi("stack", "export")
    found = held(state.resources(json_.loads(export)["deployment"]), gateway, include)
    if found is None:
        raise StackError(
            f"the stack {chosen.stack} has no gateway {gateway.name} yet: "
            f"{chosen.under_way(export) or chosen.apply_command}"
        )
    return found


def _judged(
    chosen: Target,
    gateway: Gateway,
    found: Held,
    due: Step,
    now: datetime.datetime,
    *,
    checked: bool,
    asks: bool,
) -> Turn:
    def turn(did: str, after: str, refused: str = "") -> Turn:
        return Turn(gateway.name, did, after, dict(found.addresses), refused)

    if due.at is None:
        return turn("", f"the last step is to be put in force: {chosen.apply_command}")
    if due.at > now:
        return turn("", f"{due.kind} at {steps.moment(due.at)}")
    if checked and due.kind != "prepare":
        why = objections(chosen, gateway, releases=due.kind == "release", asks=asks)
        if why:
            return turn("", f"{due.kind}: not safe", "; ".join(why))
    names = {"gateway": gateway.name, "address": due.address or 1, "spare": due.spare}
    last = due.kind == "release"
    after = chosen.apply_command + ("" if last else ", then this command again")
    return turn(DONE[due.kind].format(**names), after)


def _show(turn: Turn, json: bool) -> None:
    if json:
        print_json(asdict(turn))
        return
    held = [f"address {n}: {address or 'not there yet'}" for n, address in turn.addresses.items()]
    steps.show(turn.gateway, turn.did, turn.next, turn.refused, held)

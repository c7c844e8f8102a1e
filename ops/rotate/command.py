"""`relay rotate`."""

import datetime
import json as json_
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from mail import dkim
from ops import durations, steps
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.known import lowered, meant
from ops.options import Json, LabOption, StackOption, target
from ops.rotate.plan import EVERY, WAIT, Published, Step, step
from ops.rotate.safety import objections
from ops.settle import state
from ops.steps import DryRun
from ops.target import Target
from ops.terminal import print_json
from settings import MailDomain

DONE = {
    "publish": "{selector} is added: published by the next up, used once every server shows it",
    "retire": "{selector} is retired: the next up revokes its key",
    "remove": "{selector} is forgotten: the next up deletes its record",
}


@dataclass(frozen=True)
class Turn:
    """The step that a call took for a domain, or that is next; `refused` says why it is unsafe."""

    domain: str
    did: str
    next: str
    refused: str = ""


def command(
    domain: Annotated[
        str | None,
        typer.Option(
            callback=lowered,
            help="This domain: a rotation begins at once, if none is under way.",
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every domain: a rotation begins where the key is old.")
    ] = False,
    every: Annotated[
        datetime.timedelta, durations.option("With --all: the age of an old key.", EVERY)
    ] = EVERY,
    wait: Annotated[
        datetime.timedelta,
        durations.option("How long mail may carry an old selector after the switch.", WAIT),
    ] = WAIT,
    dry_run: DryRun = False,
    stack: StackOption = None,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Turn DKIM keys over: do the step that is due, and say when the next one is.

    Exit code 1: a step is due and is not safe.
    """
    if bool(domain) == everything:
        raise typer.BadParameter("give --domain or --all" + (", not both" if domain else ""))
    if domain and every != EVERY:
        raise typer.BadParameter("--every goes with --all; --domain begins a rotation at once")
    chosen = target(stack, lab)
    file = StackFile(chosen)
    published = _published(chosen)
    now = datetime.datetime.now(datetime.UTC)
    turns = []
    for each in _chosen(file, domain):
        records = {
            selector: published[name]
            for selector in (*each.selectors, *each.retired)
            if (name := dkim.name(selector, each.name)) in published
        }
        due = step(each, records, wait=wait, every=every if everything else datetime.timedelta())
        turns.append(_take(chosen, file, each, due, now, wait, dry_run))
    if any(turn.did for turn in turns) and not dry_run:
        steps.save(chosen, file, lambda: _show(turns, json), json=json)
    else:
        _show(turns, json)
    if any(turn.refused for turn in turns):
        raise typer.Exit(1)


def _chosen(file: StackFile, domain: str | None) -> list[MailDomain]:
    domains = list(file.settings().mail_domains)
    found = [each for each in domains if domain in (None, each.name)]
    if not found:
        known = meant(domain or "", [each.name for each in domains])
        raise typer.BadParameter(f"{domain} is no domain of the stack; {known}")
    return found


def _published(chosen: Target) -> dict[str, Published]:
    """The DKIM records in the stack's state, by name."""
    export = chosen.pulumi("stack", "export")
    found = {}
    for resource in state.resources(json_.loads(export)["deployment"]):
        if resource["type"] != "aws:route53/record:Record":
            continue
        inputs = resource["inputs"]
        if inputs["type"] == "TXT" and "._domainkey." in inputs["name"]:
            made, changed = (_time(resource[key]) for key in ("created", "modified"))
            found[inputs["name"]] = Published("".join(inputs["records"]), made, changed)
    if not found:
        raise StackError(
            f"the stack {chosen.stack} has no DKIM records yet: "
            f"{chosen.under_way(export) or chosen.apply_command}"
        )
    return found


def _time(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def _take(
    chosen: Target,
    file: StackFile,
    domain: MailDomain,
    due: Step,
    now: datetime.datetime,
    wait: datetime.timedelta,
    dry_run: bool,
) -> Turn:
    if due.at is None:
        return Turn(domain.name, "", f"the last step is to be put in force: {chosen.apply_command}")
    if due.at > now:
        return Turn(domain.name, "", f"{due.kind} {due.selector} at {steps.moment(due.at)}")
    why: list[str] = []
    if due.kind == "retire":
        why = objections(chosen, domain.name, domain.selectors[-1], now, wait)
    if why:
        return Turn(domain.name, "", f"retire {due.selector}: not safe", "; ".join(why))
    if not dry_run:
        _write(file, domain, due)
    after = chosen.apply_command + ("" if due.kind == "remove" else ", then this command again")
    return Turn(domain.name, DONE[due.kind].format(selector=due.selector), after)


def _write(file: StackFile, domain: MailDomain, due: Step) -> None:
    selectors, retired = list(domain.selectors), list(domain.retired)
    values: dict[str, Any] = {}
    if due.kind == "publish":
        values["selectors"] = [*selectors, due.selector]
    elif due.kind == "retire":
        values["selectors"] = [s for s in selectors if s != due.selector]
        values["retired"] = [*retired, due.selector]
        if due.selector in domain.keys:
            values["keys"] = {due.selector: None}
    else:
        values["retired"] = [s for s in retired if s != due.selector] or None
    if any(item["name"] == domain.name for item in file.items("domains")):
        file.change("domains", domain.name, values)
    else:  # the gateway's own domain need not be listed
        file.add("domains", {"name": domain.name, **values})


def _show(turns: list[Turn], json: bool) -> None:
    if json:
        print_json([asdict(turn) for turn in turns])
        return
    for turn in turns:
        steps.show(turn.domain, turn.did, turn.next, turn.refused)

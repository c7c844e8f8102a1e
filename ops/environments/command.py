"""`relay env ...`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from ops import durations, engine
from ops.environments import backend, destroy, make
from ops.environments.mapping import checked, expiry
from ops.errors import StackError
from ops.options import Json, dev_stack, existing_file
from ops.settle.settle import keep_export
from ops.terminal import confirm, notes, print_json, print_table, step

app = typer.Typer(
    no_args_is_help=True, help="Throw-away copies of the dev stack, each below a zone of its own."
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The environment: a name of your choice, 1 to 20 of a-z, 0-9 and '-', a letter first "
        "and no '-' last. `env list` shows those that there are.",
    ),
]
TTL = timedelta(hours=4)
LabOption = Annotated[str | None, typer.Option("--lab", help="In this lab instead of on AWS.")]


def _row(environment: backend.Environment) -> dict[str, Any]:
    return {
        "name": environment.name,
        "zone": environment.zone,
        "expires": expiry(environment.expires),
        "pastDue": environment.past_due,
        "resources": len(environment.resources),
    }


def _where(lab: str | None) -> str:
    """The option that names the place of an environment, after a space."""
    return f" --lab {lab}" if lab else ""


@app.command()
def up(
    name: Name,
    ttl: Annotated[timedelta, durations.option("How long it may live: 30m, 4h, 2d.", TTL)] = TTL,
    from_: Annotated[
        Path,
        typer.Option("--from", callback=existing_file, help="The stack file that it is a copy of."),
    ] = engine.PROJECT / "Pulumi.dev.yaml",
    acme_root: Annotated[
        Path | None,
        typer.Option(
            callback=existing_file,
            help="The staging authority's roots (PEM), instead of fetching them.",
        ),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until its hosts take mail.")
    ] = False,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Make an environment and wait until it serves; or renew one, or finish one cut off.

    It is the stack env-NAME, with hosts of the smallest size that cost money until they are
    destroyed, and a zone of its own, NAME below the gateway's domain: all names of the stack file
    that it is a copy of move into it. A name that there is already gets this file's settings and
    another --ttl. The dev stack and its file stay as they are; only the zone above gets an NS
    record. `env down NAME` takes all of it away, and `env reap` what is past its --ttl.
    """
    dev = dev_stack(lab)
    target = dev.beside(f"{backend.PREFIX}{checked(name)}")
    outputs = make.make(name, ttl, from_, acme_root, target, wait=not no_wait)
    row = _row(backend.get(name, dev))
    if json:
        hosts = [host.json_object() for host in outputs.hosts]
        print_json({**row, "stack": target.stack, "hosts": hosts, "logins": outputs.logins})
        return
    print_table(
        f"{name}, until {row['expires']}",
        [{"host": host.name, "address": host.address or "private"} for host in outputs.hosts],
    )
    where = _where(lab)
    send = f"./relay lab send --lab {lab} --stack {target.stack}, " if lab else ""
    notes.print(
        f"Next: {send}./relay users test LOGIN --stack {target.stack}{where}, "
        f"./relay env down {name}{where}",
        soft_wrap=True,
    )


@app.command("list")
def list_(lab: LabOption = None, json: Json = False) -> None:
    """The environments that there are, and whose time is over."""
    with step("the environments, by their states"):
        rows = [_row(environment) for environment in backend.list_all(dev_stack(lab))]
    print_json(rows) if json else print_table("environments", rows)


@app.command()
def down(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    lab: LabOption = None,
    json: Json = False,
) -> None:
    """Destroy an environment: shown before it is done, its state kept in a file.

    Its hosts go with the mail in their queues and mailboxes, its zone, and its stack; the dev stack
    stays as it is.
    """
    environment = backend.get(checked(name), dev_stack(lab), _where(lab))
    destroy.refuse_protected(environment)
    backend.restore_file(environment)
    environment.target.operate("destroy", "--preview-only")
    if not yes:
        confirm(f"Destroy {name}?")
    kept = keep_export(environment.target, environment.export)
    notes.print(f"its state, as it was: {kept}", soft_wrap=True)
    with step(f"{name} away"):
        destroy.destroy(environment)
    if json:
        print_json({"name": name, "export": str(kept)})


@app.command()
def reap(lab: LabOption = None, json: Json = False) -> None:
    """Destroy every environment whose time is over. Exit code 1: one could not be."""
    rows = []
    for name, load in backend.loaders(dev_stack(lab)).items():
        try:
            environment = load()
            if not environment.past_due:
                continue
            with step(f"{name} away"):
                destroy.destroy(environment)
            rows.append({"name": name, "result": "destroyed"})
        except StackError as error:  # go on with the others
            rows.append({"name": name, "result": str(error)})
    print_json(rows) if json else print_table("past due", rows)
    if any(row["result"] != "destroyed" for row in rows):
        raise typer.Exit(1)

"""`relay lab shell|logs|break|mend`: single machines of a lab."""

import os
import subprocess
from collections.abc import Sequence
from typing import Annotated

import typer

from lab import control
from lab.access import inside
from lab.internet import laptop
from lab.internet.smarthost import Smarthost
from lab.lab import Lab
from ops import not_up
from ops.edit.stack_file import StackFile
from ops.lab import power, region
from ops.lab import stack as stack_
from ops.lab.options import Name, up_lab
from ops.lab.target import LabTarget
from ops.options import Json
from ops.terminal import print_json, results

app = typer.Typer()
MACHINES = (
    "`gateway`; a host's name, such as app.shop.example; `inbox`, the receiving provider; "
    "`smarthost`, the provider of a stack that has one"
)


def _machine(lab: Lab, host: str, *others: str) -> str:
    """A machine by its name: of a host that is being set up too, when there are no outputs yet.

    `others` are what the command takes besides, for the error.
    """
    known = region.instances(lab)
    played = ["inbox", *(["smarthost"] if Smarthost(lab).file.exists() else [])]
    if host in played:
        return host
    own = LabTarget(stack_.STACK, lab)
    is_there = own.file.exists()
    if is_there and host == "gateway":
        host = StackFile(own).settings().gateways[0].name
    if host in known:
        return known[host].id
    not_up.check(own, host, not_up.hosts)
    there = ", ".join([*(["gateway"] if is_there and known else []), *known, *played, *others])
    raise control.LabError(f"{host}: there is no such machine; there is {there}")


What = Annotated[power.Kind, typer.Argument(help="A gateway (or any other host), or a zone.")]
Which = Annotated[str, typer.Argument(metavar="NAME", help="A host's name, or a zone's.")]


@app.command("break")
def break_(what: What, which: Which, name: Name = "dev", json: Json = False) -> None:
    """Cut the power of a host, or of all hosts of an availability zone: `zone us-east-1a`.

    They end at once, and nothing starts them until `mend`; their instances stay in the state
    `running`, as on EC2. An instance that replaces a host's has power, unless its zone has none.
    """
    lab = up_lab(name)
    _told(power.cut(lab, what, which), "without power", json)


@app.command()
def mend(what: What, which: Which, name: Name = "dev", json: Json = False) -> None:
    """Restore the power that `break` has cut: the hosts boot, with their disks."""
    lab = up_lab(name)
    _told(power.mend(lab, what, which), "boots", json)


def _told(hosts: Sequence[str], what: str, json: bool) -> None:
    if json:
        print_json(hosts)
        return
    for line in [f"{host}: {what}" for host in hosts] or ["no host changes by it"]:
        results.print(line, soft_wrap=True)


# Systems that are made at each call, which are no machines of the lab.
NEW_SYSTEMS = {"laptop": laptop.shell, "aws": region.shell}


@app.command()
def shell(
    host: Annotated[
        str,
        typer.Argument(
            metavar="HOST",
            help=f"{MACHINES}; `laptop`, a computer outside AWS, new at each call; `aws`, where "
            "AWS's own command line is about the lab.",
        ),
    ],
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]...", help="A command instead of a shell; after -- if it has options."
        ),
    ] = None,
    name: Name = "dev",
) -> None:
    """A shell on a machine of the lab, as its root.

    For example: `./relay lab shell gateway`, `./relay lab shell gateway -- postqueue -p`,
    `./relay lab shell aws -- aws route53 list-hosted-zones`.
    """
    lab = up_lab(name)
    if host in NEW_SYSTEMS:
        entry = NEW_SYSTEMS[host](lab)
    else:
        entry = inside(lab, _machine(lab, host, *NEW_SYSTEMS))
    argv = [*entry, *(command or ["bash", "-l"])]
    os.execvp(argv[0], argv)  # noqa: S606 (no shell in between)


@app.command()
def logs(
    host: Annotated[str, typer.Argument(metavar="HOST", help=f"{MACHINES}.")],
    name: Name = "dev",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as lines come, until Ctrl-C.")
    ] = False,
) -> None:
    """The last 200 lines of a machine's journal."""
    lab = up_lab(name)
    command = ["journalctl", "--no-pager", "--lines=200", *(["--follow"] if follow else [])]
    argv = [*inside(lab, _machine(lab, host)), *command]
    raise typer.Exit(subprocess.run(argv, check=False).returncode)

"""`relay lab shell|logs|break|mend`: single machines of a lab."""

import os
import subprocess
from collections.abc import Sequence
from typing import Annotated

import typer

from lab import control
from lab.access import NotRunning, inside
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
from ops.terminal import notes, print_json, results

app = typer.Typer()
MACHINES = (
    "`gateway`; a host's name, such as app.shop.example; `inbox`, the receiving provider; "
    "`smarthost`, the provider of a stack that has one"
)


def _machine(lab: Lab, host: str, *others: str) -> str:
    """The machine of a name; it may be of a host that is being set up, before there are outputs.

    `others` are the other names that the command takes, for the error.
    """
    known, host = region.instances(lab), _named(lab, host)
    played = ["inbox", *(["smarthost"] if Smarthost(lab).file.exists() else [])]
    if host in played:
        return host
    if host in known:
        return known[host].id
    not_up.check(LabTarget(stack_.STACK, lab), host, not_up.hosts)
    is_there = stack_.own_file(lab).exists() and known
    there = ", ".join([*(["gateway"] if is_there else []), *known, *played, *others])
    raise control.LabError(f"{host}: there is no such machine; there is {there}")


def _named(lab: Lab, host: str) -> str:
    """The name of the first gateway for `gateway`, if the stack has a file; else the name itself.

    LabError or StackError if the file cannot be read.
    """
    if host != "gateway" or not stack_.own_file(lab).exists():
        return host
    return StackFile(LabTarget(stack_.STACK, lab)).settings().gateways[0].name


def _entry(lab: Lab, host: str, *others: str) -> list[str]:
    """The command line prefix that runs a command on a machine; LabError if it does not run."""
    machine = _machine(lab, host, *others)
    try:
        return inside(lab, machine)
    except NotRunning:
        raise control.LabError(power.not_running(lab, _named(lab, host))) from None


def _meant(lab: Lab, words: Sequence[str]) -> tuple[power.Kind, str]:
    """The kind and the name in the arguments of `break` and `mend`."""
    return power.meant(lab, [*words[:-1], _named(lab, words[-1])])


What = Annotated[
    list[str],
    typer.Argument(
        metavar="[KIND] NAME",
        help="What it is about: `gateway`, which is the first one; a host's name, as `lab status` "
        "shows it; or the kind `zone` and an availability zone, such as us-east-1a.",
    ),
]


@app.command("break")
def break_(what: What, name: Name = "dev", json: Json = False) -> None:
    """Cut the power of a host, or of all hosts of an availability zone, until `lab mend`.

    They end at once, as if the plug were pulled, and nothing starts them: for trying what mail does
    then. The stack, its file, its records and the hosts' disks stay as they are; the instances stay
    in the state `running`, as on EC2. An instance that replaces a host's has power, unless its zone
    has none. What has no power already stays so, without an error.
    """
    lab = up_lab(name)
    kind, which = _meant(lab, what)
    hosts = power.cut(lab, kind, which)
    _told(hosts, "without power", json, _unchanged(kind, which, "is without power"))
    dark = hosts or [host for host in power.without(lab) if host == which]
    if dark and not json:
        notes.print(f"{power.mended_by(lab, dark[0])} restores it", soft_wrap=True)


@app.command()
def mend(what: What, name: Name = "dev", json: Json = False) -> None:
    """Restore the power that `lab break` has cut: the hosts boot, with their disks.

    What has power already stays so, without an error. Exit code 1: the power of the host's whole
    zone is cut.
    """
    lab = up_lab(name)
    kind, which = _meant(lab, what)
    hosts = power.mend(lab, kind, which)
    _told(hosts, "boots", json, _unchanged(kind, which, "has power"))
    if not json:
        for look in dict.fromkeys(power.looked_at_by(lab, host) for host in hosts):
            notes.print(f"{look} says when it serves", soft_wrap=True)
    for host in power.without(lab):
        notes.print(power.not_running(lab, host), soft_wrap=True)


def _unchanged(kind: power.Kind, name: str, state: str) -> str:
    """The message that all was so before."""
    if kind is power.Kind.HOST:
        return f"{name} {state} already"
    return f"zone {name}: no host changes by it"


def _told(hosts: Sequence[str], what: str, json: bool, none: str) -> None:
    if json:
        print_json(hosts)
        return
    for line in [f"{host}: {what}" for host in hosts] or [none]:
        results.print(line, soft_wrap=True)


# Systems that each call makes anew, which are no machines of the lab.
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
    made = NEW_SYSTEMS.get(host)
    entry = made(lab) if made else _entry(lab, host, *NEW_SYSTEMS)
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
    argv = [*_entry(lab, host), *command]
    raise typer.Exit(subprocess.run(argv, check=False).returncode)

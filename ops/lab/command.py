"""`relay lab ...`: the lab's commands; those on single machines are in `machines.py`."""

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from lab import control
from lab.internet.inbox import Inbox
from lab.internet.send import arrived
from lab.internet.smtp import Internet
from lab.internet.stranger import stranger
from lab.lab import Lab
from ops import status as status_
from ops.edit.stack_file import StackFile
from ops.lab import machines, power, region, send
from ops.lab import stack as stack_
from ops.lab import up as up_
from ops.lab.options import Name
from ops.lab.stories import STORIES
from ops.lab.stories.stage import Stage, play
from ops.lab.target import LabTarget, lab_of, running
from ops.options import Json
from ops.outputs import Host, Outputs
from ops.terminal import notes, print_json, print_table, results, step

app = typer.Typer(
    no_args_is_help=True,
    help="""A local AWS region with real machines and mail.

    First `./relay lab up --example basics`, then `./relay lab demo`. With `--lab NAME` all other
    commands are about the lab NAME, as is `./relay pulumi --lab NAME up`.""",
)
app.add_typer(machines.app)
ARRIVAL_SECONDS = 300
INTERRUPTED = 130  # as shells have it: 128 and the number of the signal


@app.command()
def up(
    name: Name = "dev",
    example: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help=f"Take a set-up of examples/ as the lab's stack: {', '.join(STORIES)}.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Take a copy of this stack file as the lab's stack."),
    ] = None,
    block_port_25: Annotated[
        bool | None,
        typer.Option(
            "--block-port-25/--open-port-25",
            help="Block port 25 out, as AWS does for new accounts, or open it. Without either: "
            "blocked if the stack has a smarthost.",
        ),
    ] = None,
    real_kernel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Run this host, `gateway` or a host's name, as a virtual machine with Debian's "
            "kernel (slow where there is no KVM). Can be given again. A host that runs already "
            "changes when it is next replaced.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Start the lab, `pulumi up` the stack in it, and wait until its hosts serve.

    A lab that has a stack goes on with it, and with what was changed by `--lab`; a new one takes
    Pulumi.dev.yaml, unless --example or --file is given. For example:
    `./relay lab up --name try --example basics`.
    """
    lab, started = lab_of(name), time.monotonic()
    source = up_.source(example, file)
    try:
        with step(f"lab {name}"):
            up_.start(lab)
        outputs = up_.apply(lab, source, block_port_25, real_kernel or ())
    except KeyboardInterrupt:
        again = _typed(name, example, file, block_port_25, real_kernel or ())
        notes.print(
            f"interrupted: {again} goes on, ./relay lab down --name {name} takes it away",
            soft_wrap=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    seconds = round(time.monotonic() - started, 1)
    result = {"lab": name, "seconds": seconds, **outputs.exported}
    if json:
        print_json(result)
    else:
        what = "demo" if stack_.example_of(lab) else "send"
        notes.print(f"Up in {seconds} s. Next: ./relay lab {what} --name {name}")


def _typed(
    name: str,
    example: str | None,
    file: Path | None,
    block_port_25: bool | None,
    real_kernel: Sequence[str],
) -> str:
    """The `lab up` with these options: the lab may have taken none of them yet."""
    given = ["--example", example] if example else ["--file", str(file)] if file else []
    if block_port_25 is not None:
        given.append("--block-port-25" if block_port_25 else "--open-port-25")
    for host in real_kernel:
        given += ["--real-kernel", host]
    return shlex.join(["./relay", "lab", "up", "--name", name, *given])


def _outputs(lab: Lab, stack: str = stack_.STACK) -> Outputs:
    """The outputs of a stack that is up; StackError or LabError if it is not."""
    chosen = running(stack, lab.name)
    found = stack_.outputs(lab, stack)
    if found is None:
        raise control.LabError(f"the stack {stack} is not up: {chosen.apply_command}")
    return found


@app.command("send")
def send_(
    name: Name = "dev",
    stack: Annotated[
        str,
        typer.Option(help="Another stack in the lab, such as `env-try`, the environment `try`."),
    ] = stack_.STACK,
    json: Json = False,
) -> None:
    """Send by every way in, and show what the receiving provider found. Exit code 1: a failure.

    The ways are a client host's shell, and the first login on ports 587 and 465.
    """
    lab = lab_of(name)
    outputs = _outputs(lab, stack)
    internet = Internet(lab, StackFile(LabTarget(stack, lab)).settings().acme.root)
    with step("three messages to the inbox"), up_.in_time():
        if not (sent := send.three(internet, outputs)):
            raise control.LabError(f"the stack {stack} has no client and no login that could send")
        messages = [arrived(lab, item, ARRIVAL_SECONDS) for item in sent]
    rows = [
        send.report(lab, item, message, outputs)
        for item, message in zip(sent, messages, strict=True)
    ]
    if json:
        print_json(rows)
        return
    print_table("What the receiving provider found (both judges)", rows)
    notes.print("\nHeaders of the last one, as it arrived:\n")
    for key, value in messages[-1].parsed.items():
        if key.lower() in ("received", "authentication-results", "dkim-signature", "from"):
            notes.print(f"  {key}: {' '.join(str(value).split())[:400]}")
    notes.print(
        f"\nLook next: ./relay lab shell gateway --name {name}, "
        f"./relay lab logs gateway --name {name}, {LabTarget(stack, lab).typed('preview')}",
        soft_wrap=True,
    )
    if not all(message.verdict.passes() for message in messages):
        raise typer.Exit(1)


@app.command()
def demo(name: Name = "dev", json: Json = False) -> None:
    """Play what the lab's example is for (`lab up --example`), with real mail.

    Exit code 1: an act failed.
    """
    lab = lab_of(name)
    if not control.running(lab):
        start = f"./relay lab up --name {name} --example NAME"
        raise control.LabError(f"the lab {name} is not up: {start} ({', '.join(STORIES)})")
    key = stack_.example_of(lab)
    if key not in STORIES:
        known = ", ".join(STORIES)
        raise control.LabError(
            f"the lab {name} runs no example; one begins with ./relay lab up --name {name} "
            f"--example NAME ({known})"
        )
    acts, outputs = [], _outputs(lab)
    with stranger(lab) as friend:
        for played in play(Stage(lab, outputs, friend), STORIES[key]):
            mark = Text("ok    ", "green") if played.passed else Text("failed", "red")
            notes.print(mark, f"{played.act} ({played.seconds} s)", soft_wrap=True)
            notes.print(f"       {played.seen}", style="dim", soft_wrap=True)
            acts.append(asdict(played))
    if json:
        print_json(acts)
    if not all(act["passed"] for act in acts):
        raise typer.Exit(1)


@app.command()
def status(name: Name = "dev", json: Json = False) -> None:
    """What runs, and where. Exit code 1: the lab, its own stack or a host of that is not up."""
    lab = lab_of(name)
    result: dict[str, Any] = {"lab": name, "running": control.running(lab)}
    if not result["running"]:
        result["remains"] = control.remains(lab)
        if json:
            print_json(result)
            raise typer.Exit(1)
        for what in result["remains"]:
            results.print(f"left: {what}", soft_wrap=True)
        notes.print(f"The lab {name} is not up: ./relay lab up --name {name}")
        raise typer.Exit(1)
    outputs = stack_.outputs(lab)
    placed = outputs.hosts if outputs else ()
    dark = power.without(lab) if placed else {}
    result["zonesWithoutPower"] = power.zones(lab) if placed else []
    lacks = _lacks(lab, [host for host in placed if host.name not in dark])
    lacks |= {host: [why] for host, why in dark.items()}
    missing = [f"{host}: {what}" for host, found in lacks.items() for what in found]
    result |= outputs.exported if outputs else {}
    result["missing"] = missing if outputs else ["the stack"]
    result["messages"] = len(Inbox(lab).messages())
    if json:
        print_json(result)
    else:
        _show(lab, outputs, lacks, result)
    if result["missing"]:
        raise typer.Exit(1)


def _show(
    lab: Lab,
    outputs: Outputs | None,
    lacks: Mapping[str, Sequence[str]],
    result: Mapping[str, Any],
) -> None:
    rows = [
        {
            "host": host.name,
            "address": host.address or host.private_address,
            "instance": host.instance_id,
            "is": ", ".join(lacks[host.name]) or "serving",
        }
        for host in (outputs.hosts if outputs else ())
    ]
    if rows:
        print_table(f"lab {lab.name}", rows)
    else:
        results.print(f"lab {lab.name}: the stack is not up")
    for zone in result["zonesWithoutPower"]:
        results.print(f"Without power: zone {zone}")
    results.print(f"Messages in the inbox: {result['messages']}")
    if outputs and (smarthost := outputs.smarthost):
        results.print(f"All mail leaves by {smarthost.host}:{smarthost.port}.")


def _lacks(lab: Lab, placed: Sequence[Host]) -> dict[str, list[str]]:
    """What each host lacks to serve, by its own word."""
    found: dict[str, list[str]] = {}
    with region.clients(lab) as client:
        for host in placed:
            try:
                found[host.name] = list(status_.read(client, host).status.missing)
            except status_.NoStatus as error:
                found[host.name] = [str(error)]
    return found


def _destroy(lab: Lab) -> list[str]:
    """`pulumi destroy` of all stacks, environments too; what is left in the account."""
    for stack in stack_.stacks(lab):
        arguments = ("destroy", "--yes", "--skip-preview", "--stack", stack)
        result = stack_.pulumi(lab, *arguments, capture=True)
        if result.returncode != 0:
            notes.print(result.stdout)
    return region.leftovers(lab)


@app.command()
def down(name: Name = "dev", json: Json = False) -> None:
    """`pulumi destroy`, then take the lab away and prove that nothing is left.

    Environments go too, and what was changed by `--lab`. Exit code 1: something is left.
    """
    lab = lab_of(name)
    left: list[str] = []
    if control.running(lab) and stack_.work_dir(lab).exists():
        if stack_.settle(lab):
            with step("pulumi destroy"):
                left += _destroy(lab)
        else:
            notes.print("the last `pulumi` here was cut off: the region goes with what is in it")
    with step(f"lab {name} away"):
        control.remove(lab)
    left += control.remains(lab)
    if json:
        print_json({"lab": name, "left": left})
    else:
        notes.print("Nothing is left." if not left else f"Left: {', '.join(left)}")
    if left:
        raise typer.Exit(1)

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
from lab.internet.inbox.message import Message
from lab.internet.smtp import Internet
from lab.internet.stranger import stranger
from lab.lab import Lab, every
from ops.edit.stack_file import StackFile
from ops.lab import condition, edits, machines, mail, power, region, send
from ops.lab import stack as stack_
from ops.lab import up as up_
from ops.lab.options import Name, former
from ops.lab.stories import STORIES
from ops.lab.stories.stage import Stage, play, sentence
from ops.lab.target import LabTarget, lab_of, not_up, running
from ops.options import Json, existing_file
from ops.outputs import Outputs
from ops.terminal import notes, print_json, print_table, results, several, step

app = typer.Typer(
    no_args_is_help=True,
    help="""A local AWS region with real machines and mail.

    First `./relay lab up --example basics`, then `./relay lab demo`. With `--lab NAME` all other
    commands are about the lab NAME, as is `./relay pulumi --lab NAME up`.""",
    context_settings={"token_normalize_func": former},
)
app.add_typer(machines.app)
ARRIVAL_SECONDS = 300
File = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        callback=existing_file,
        help="Take a copy of this stack file as the lab's stack.",
    ),
]
INTERRUPTED = 130  # the exit status of shells: 128 and the number of the signal


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
    file: File = None,
    block_port_25: Annotated[
        bool,
        typer.Option(
            "--block-port-25",
            help="Block port 25 out, as AWS does for new accounts. Without either option: blocked "
            "if the stack has a smarthost, or if it is blocked and no other stack file is used.",
        ),
    ] = False,
    open_port_25: Annotated[bool, typer.Option("--open-port-25", help="Open port 25 out.")] = False,
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
    `./relay lab up --lab try --example basics`.
    """
    lab, started = lab_of(name), time.monotonic()
    source, block = up_.source(example, file), up_.blocking(block_port_25, open_port_25)
    try:
        with step(f"lab {name}"):
            up_.start(lab, source)
        outputs = up_.apply(lab, source, block, real_kernel or ())
    except KeyboardInterrupt:
        again = _typed(name, example, file, block, real_kernel or ())
        notes.print(
            f"interrupted: {again} goes on, ./relay lab down --lab {name} takes it away",
            soft_wrap=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    seconds = round(time.monotonic() - started, 1)
    result = {"lab": name, "seconds": seconds, **outputs.exported}
    if json:
        print_json(result)
    else:
        what = "demo" if stack_.example_of(lab) else "send"
        notes.print(f"Up in {seconds} s. Next: ./relay lab {what} --lab {name}")


def _typed(
    name: str,
    example: str | None,
    file: Path | None,
    block: bool | None,
    real_kernel: Sequence[str],
) -> str:
    """The `lab up` command with the same options: the lab may not have stored any yet."""
    given = ["--example", example] if example else ["--file", str(file)] if file else []
    if block is not None:
        given.append("--block-port-25" if block else "--open-port-25")
    for host in real_kernel:
        given += ["--real-kernel", host]
    return shlex.join(["./relay", "lab", "up", "--lab", name, *given])


def _outputs(lab: Lab, stack: str = stack_.STACK) -> Outputs:
    """The outputs of a stack that is up; StackError or LabError if it is not."""
    chosen = running(stack, lab.name)
    found = stack_.outputs(lab, stack)
    if found is None:
        raise control.LabError(_no_outputs(lab, stack, chosen.apply_command))
    return found


def _no_outputs(lab: Lab, stack: str, apply_command: str) -> str:
    """The message that a stack is not up, with the remedy."""
    if stack_.at_work(lab, stack):
        return f"the stack {stack} is not up yet: a `pulumi` works on it"
    chosen = LabTarget(stack, lab)
    exists = stack in stack_.stacks(lab)
    if exists and not chosen.file.exists():
        return chosen.file_gone
    if exists and (works := chosen.under_way()):
        own = f"the last `pulumi` was cut off: ./relay lab up --lab {lab.name} goes on"
        return own if stack == stack_.STACK else works
    return f"the stack {stack} is not up: {apply_command}"


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
    target = LabTarget(stack, lab)
    internet = Internet(lab, StackFile(target).settings().acme.root)
    if closed := send.closed(target, outputs):
        notes.print(closed, soft_wrap=True)
    with step("a message by each way, to the inbox"):
        send.check_inbox(lab)
        if not (sent := send.by_each_way(internet, outputs)):
            raise control.LabError(f"the stack {stack} has no client and no login that could send")
        messages = [send.awaited(target, item, outputs, ARRIVAL_SECONDS) for item in sent]
    rows = [
        send.report(lab, item, message, outputs)
        for item, message in zip(sent, messages, strict=True)
    ]
    if json:
        print_json(rows)
    else:
        _show_sent(target, outputs.gateways[0].name, rows, messages[-1])
    if not all(message.verdict.passes() for message in messages):
        raise typer.Exit(1)


def _show_sent(
    target: LabTarget, gateway: str, rows: Sequence[Mapping[str, Any]], last: Message
) -> None:
    # every message goes to the same address
    found = [{key: value for key, value in row.items() if key != "to"} for row in rows]
    print_table(f"What {send.RECIPIENT}'s provider found (both judges)", found)
    notes.print("\nHeaders of the last one, as it arrived:\n")
    for key, value in last.parsed.items():
        if key.lower() in ("received", "authentication-results", "dkim-signature", "from"):
            notes.print(f"  {key}: {' '.join(str(value).split())[:400]}", soft_wrap=True)
    name = target.lab.name
    # `gateway` is the one of the lab's own stack
    host = "gateway" if target.stack == stack_.STACK else gateway
    notes.print(
        f"\nLook next: ./relay lab shell {host} --lab {name}, "
        f"./relay lab logs {host} --lab {name}, {target.typed('preview')}",
        soft_wrap=True,
    )


@app.command()
def demo(
    name: Name = "dev",
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway", help="Play it with an edited stack, and with hosts that are down."
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            metavar="FILE",
            help="Where the page of the stack's state goes in the end; unless given, "
            "report-NAME.html, or no page with --json.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Play what the lab's example is for (`lab up --example`), with real mail.

    Then it writes the page of `./relay report`. Exit code 1: an act failed, or the stack is no
    longer the example's.
    """
    lab = lab_of(name)
    if not control.running(lab):
        start = f"./relay lab up --lab {name} --example KEY, of {', '.join(STORIES)}"
        raise control.LabError(not_up(name, start))
    key = stack_.example_of(lab)
    if key not in STORIES:
        known = ", ".join(STORIES)
        raise control.LabError(
            f"the lab {name} runs no example; one begins with ./relay lab up --lab {name} "
            f"--example KEY ({known})"
        )
    acts, outputs = [], _outputs(lab)
    edited = _ready(lab, key, outputs, anyway)
    with stranger(lab) as friend:
        stage = Stage(lab, outputs, friend)
        for act in STORIES[key]:
            notes.print(Text("...   ", "dim"), sentence(act), soft_wrap=True)
            played = play(stage, act)
            mark = Text("ok    ", "green") if played.passed else Text("failed", "red")
            notes.print(mark, f"{played.seen} ({played.seconds} s)", soft_wrap=True)
            acts.append(asdict(played))
    if json:
        print_json(acts)
    if html or not json:
        from ops.report.command import write as report  # no other command of the lab needs it

        report(LabTarget(stack_.STACK, lab), html or Path(f"report-{name}.html"))
    failed = [act for act in acts if not act["passed"]]
    notes.print(f"{len(acts) - len(failed)} of {several(len(acts), 'act', 'acts')} passed.")
    if failed:
        if edited:
            notes.print(f"The story is that of the example {key}; {edited}", soft_wrap=True)
        raise typer.Exit(1)


def _ready(lab: Lab, key: str, outputs: Outputs, anyway: bool) -> str:
    """The edits since the stack was the example's; LabError if they or a host spoil the story."""
    other, new = edits.of(lab, key)
    differs = f"in the lab's stack differ: {', '.join(other)}" if other else ""
    again = f"./relay lab up --lab {lab.name} --example {key}"
    if other and not anyway:
        raise control.LabError(
            f"the story is that of the example {key}; {differs}. {again} takes the example again "
            "and keeps your file beside it; with --anyway the story is played with your stack"
        )
    if (why := condition.why_not(lab, outputs.hosts)) and not anyway:
        raise control.LabError(f"the story needs all hosts; {why}")
    return "; ".join(filter(None, (differs, f"it has besides: {', '.join(new)}" if new else "")))


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
        raise control.LabError(not_up(name))
    outputs = stack_.outputs(lab)
    placed = outputs.hosts if outputs else ()
    result["zonesWithoutPower"] = power.zones(lab) if placed else []
    lacks = condition.lacks(lab, placed) if placed else {}
    missing = [f"{host}: {what}" for host, found in lacks.items() for what in found]
    result |= outputs.exported if outputs else {}
    result["missing"] = missing if outputs else ["the stack"]
    result["locked"] = stack_.cut_off(lab)
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
    rows = outputs and [
        {
            "host": host.name,
            "address": host.address or host.private_address,
            "instance": host.instance_id,
            "is": _state(lacks[host.name], host.name in outputs.draining),
        }
        for host in outputs.hosts
    ]
    if rows:
        print_table(f"lab {lab.name}", rows)
    else:
        results.print(
            f"lab {lab.name}: "
            + _no_outputs(lab, stack_.STACK, f"./relay lab up --lab {lab.name}"),
            soft_wrap=True,
        )
    for zone in result["zonesWithoutPower"]:
        results.print(f"Without power: zone {zone}")
    if result["locked"] and outputs:  # `lab up` settles the stack itself
        settle = LabTarget(stack_.STACK, lab).settle_command
        results.print(f"The last `pulumi` on the stack was killed: {settle}", soft_wrap=True)
    results.print(f"Messages in the inbox: {result['messages']}")
    if outputs and (smarthost := outputs.smarthost):
        results.print(f"All mail leaves by {smarthost.host}:{smarthost.port}.")


def _state(lacks: Sequence[str], drains: bool) -> str:
    if lacks:
        return f"not serving: {', '.join(lacks)}"
    return "drains: it takes no mail" if drains else "serving"


def _destroy(lab: Lab) -> list[str]:
    """Run `pulumi destroy` on all stacks, environments too; return what is left in the account."""
    for stack in stack_.stacks(lab):
        arguments = ("destroy", "--yes", "--skip-preview", "--stack", stack)
        result = stack_.pulumi(lab, *arguments, capture=True)
        if result.returncode != 0:
            notes.print(result.stdout)
    return region.leftovers(lab)


@app.command()
def down(name: Name = "dev", json: Json = False) -> None:
    """`pulumi destroy`, then take the lab away and prove that nothing is left.

    Environments go too, and what was changed by `--lab`. Exit code 1: something is left, or there
    is no lab of the name.
    """
    lab = lab_of(name)
    left: list[str] = []
    if not (control.running(lab) or control.remains(lab)):
        there = ", ".join(f"--lab {other.name}" for other in every()) or "none"
        raise control.LabError(
            f"there is no lab {name}, nor anything left of it: nothing is done; there is {there}"
        )
    if control.running(lab) and stack_.work_dir(lab).exists():
        if stack_.settle(lab):
            with step("pulumi destroy"):
                left += _destroy(lab)
            if kept := [each for each in left if each.startswith("snapshot ")]:
                left = [each for each in left if each not in kept]
                notes.print(
                    f"{', '.join(kept)}: the last ones of data volumes, which on AWS would stay "
                    "(docs/tasks/restore.md); they go with the lab"
                )
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


app.command("mail")(mail.command)

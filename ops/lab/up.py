"""Bringing a lab's stack up: its file, its accounts elsewhere, `pulumi up`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from lab import control
from lab.lab import Lab
from ops import engine, stack_yaml
from ops.edit.encrypted import readable
from ops.edit.stack_file import StackFile
from ops.errors import StackError
from ops.lab import real_kernel, region, smarthost, stack
from ops.lab.target import LabTarget
from ops.outputs import Outputs
from ops.settle.settle import settle
from ops.terminal import notes, shown_path, step
from settings import Settings, SettingsError, read

NAMED = 8  # up to this number, changed resources are named; more are counted


def source(example: str | None, file: Path | None) -> Path | None:
    """The stack file that the options mean, if any."""
    if example and file:
        raise typer.BadParameter("give --example or --file, not both")
    if example:
        path = engine.PROJECT / "examples" / f"Pulumi.{example}.yaml"
        if not path.exists():
            known = sorted(p.name.split(".")[1] for p in path.parent.glob("Pulumi.*.yaml"))
            raise typer.BadParameter(f"--example {example}: there is {', '.join(known) or 'none'}")
        return path
    return file


def blocking(block: bool, open_: bool) -> bool | None:
    """Whether the options block port 25 out, or None if they leave it; BadParameter for both."""
    if block and open_:
        raise typer.BadParameter("give --block-port-25 or --open-port-25, not both")
    return block if block or open_ else None


def start(lab: Lab, source: Path | None) -> None:
    """Start the lab; if it is up and its last `pulumi` was killed, settle its stack first.

    StackError or SettingsError, before anything is started, if the lab cannot use the stack file.
    """
    is_up = control.running(lab)
    if source or not stack.own_file(lab).exists():
        _check(lab, source or stack.DEV)
    if is_up and not stack.settle(lab):
        notes.print("the last `pulumi` here was cut off while it made things: settling its stack")
        settle(LabTarget(stack.STACK, lab))
    stack.start(lab)


def _check(lab: Lab, source: Path) -> None:
    """StackError or SettingsError if a stack file is none that the lab can use."""
    stack.adapted(lab, source)
    config, name = stack_yaml.config(source), shown_path(source)
    try:
        read(readable(smarthost.with_passwords(config)), config, name)
    except SettingsError as error:
        raise SettingsError([*error.lines, f"{name} cannot be used"]) from None


@contextmanager
def in_time() -> Iterator[None]:
    """Raise a TimeoutError of the lab's own parts as LabError, which the user sees."""
    try:
        yield
    except TimeoutError as error:
        raise control.LabError(str(error)) from None


def apply(
    lab: Lab,
    source: Path | None,
    block: bool | None = None,
    kernels: Sequence[str] = (),
) -> Outputs:
    """Copy the stack file and run `pulumi up`; return the outputs once all hosts serve.

    Without a `source` the lab keeps the file that it has.
    """
    target = LabTarget(stack.STACK, lab)
    with stack.put_back_if_refused(lab, source):
        is_new = stack.prepare(lab, source)
        settings = _settings(lab, target)
    if kernels:
        real_kernel.choose(target, kernels)
    with step("pulumi up, until the hosts serve"):
        if settings.ssh.public_key:
            stack.take_laptops_key(lab)
        if is_new:
            stack.remember(lab)
        port_25 = _set_port_25(target, block, settings, is_new)
        progress = Progress()
        target.operate("up", "--yes", "--skip-preview", shown=progress.shown)
    for said in filter(None, (progress.summary(), port_25)):
        notes.print(said, soft_wrap=True)
    return target.outputs()


def _settings(lab: Lab, target: LabTarget) -> Settings:
    """Select the lab's own stack, open its accounts elsewhere, and read its settings."""
    stack_yaml.content(target.file)  # Pulumi's errors do not name the file
    made = stack.pulumi(lab, "stack", "select", "--create", stack.STACK, capture=True)
    if made.returncode != 0:
        raise StackError(made.stdout)
    with in_time():
        smarthost.open_accounts(lab)
    return StackFile(target).settings()


def _set_port_25(target: LabTarget, block: bool | None, settings: Settings, is_new: bool) -> str:
    """Block outbound port 25 or open it; return a message for the end, or "".

    If it is blocked, it stays blocked unless an option or a new stack file decides otherwise.
    """
    before, has_smarthost = region.port_25_is_blocked(target.lab), settings.smarthost is not None
    blocked = has_smarthost or (before and not is_new) if block is None else block
    region.block_port_25(target.lab, blocked)
    if blocked:
        why = "the stack sends by its smarthost" if has_smarthost else "mail to others waits"
        return f"Port 25 out is blocked, {why}: {target.opens_port_25} opens it."
    return "Port 25 out is open again." if before else ""


class Progress:
    """The output of `pulumi up`, line by line: the hosts' progress, and a summary of changes."""

    def __init__(self) -> None:
        self.changed: dict[str, str] = {}

    def shown(self, line: str) -> str:
        """The progress of a host in a line of `pulumi up`, or ""; changes go to the summary."""
        if done := re.match(r" *[-+~]+ +\S+ (\S+) (created|updated|replaced|deleted) \(", line):
            self.changed[done[1]] = done[2]
        found = re.search(r"\([\d.]+s\) .*?((?:[a-z0-9-]+\.)+[a-z0-9-]+: .+)", line)
        return f"       {found[1]}\n" if found else ""

    def summary(self) -> str:
        """The resources that changed, by name if they are few."""
        if not self.changed:
            return "Nothing changed: all was as the stack file says."
        if len(self.changed) <= NAMED:
            return f"Changed: {', '.join(f'{n} ({how})' for n, how in self.changed.items())}."
        counts = Counter(self.changed.values())
        return f"Changed: {', '.join(f'{count} {how}' for how, count in counts.items())}."
